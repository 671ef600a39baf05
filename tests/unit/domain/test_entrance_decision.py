"""The decision at an entrance: the best answer of the chargers behind it, and how long it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.access.decision import DecisionInputs, reason_for
from access_policy.domain.access.entrance import ALLOWING_ORDER, Behind, best_of, entry_holds_until, rank_of
from access_policy.domain.access.reasons import ALLOWING, Reason
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.ids import ChargerId
from access_policy.domain.mode_schedule.timeline import ModePlan, timeline
from access_policy.domain.reservations.at_entrance import ReservationsAtEntrance
from access_policy.domain.reservations.entry import Entry
from tests.support.builders import FREEVEND, HOUR, MANAGED, MINUTE, NIGHTS, NOON, rule
from tests.support.lengths import Length
from tests.support.reservations import EVENING, R2, reservation, reservations_here, terms
from tests.unit.domain.decision_reference import expected_reason, facts, holds
from tests.unit.domain.test_decision import facts_of, truck, van

ENTRIES = Length(ci=25, soak=3_000, of="attempts at entrances")
DAYS = (date(2026, 11, 18), date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 24))


def charger(inputs: DecisionInputs, **plan: Any) -> Behind:
    managed = ModePlan(**({"time_zone": "Europe/Berlin", "baseline": MANAGED} | plan))
    told = timeline(managed, inputs.at - HOUR, inputs.at + 50 * HOUR)
    return Behind(replace(inputs, expected=told.at(inputs.at)), told)


def open_from(begins: datetime) -> dict[str, Any]:
    """A charger that is open to anyone in the night's window of one hour."""
    local = begins.astimezone(NOON.tzinfo)
    window = rule(mode=FREEVEND, start=f"{local:%H:%M}", end=f"{local + HOUR:%H:%M}", time_zone="UTC")
    return {"rules": {NIGHTS: window}, "time_zone": "UTC"}


def answer(*chargers: Behind) -> Reason:
    return reason_for(best_of(chargers).inputs)


# --- the order of answers ------------------------------------------------------------------------------------------------


def test_attempt_is_admitted_if_one_charger_behind_the_entrance_is_open_to_anyone() -> None:
    stranger = facts_of(None)

    assert answer(charger(stranger), charger(stranger)) is Reason.UNKNOWN_IDENTIFIER
    assert answer(charger(stranger), charger(stranger, baseline=FREEVEND)) is Reason.FREEVEND


def test_own_vehicle_enters_as_such_although_a_charger_is_open_to_anyone() -> None:
    ours = facts_of(van())

    assert answer(charger(ours, baseline=FREEVEND), charger(ours)) is Reason.OWN_VEHICLE


def test_charger_that_only_observes_admits_after_all_that_admit() -> None:
    observed = replace(facts_of(None), enforcement=Enforcement.OBSERVE)
    chosen = best_of([charger(facts_of(None)), charger(observed)])

    assert chosen.inputs.enforcement is Enforcement.OBSERVE
    assert answer(charger(observed), charger(facts_of(None), baseline=FREEVEND)) is Reason.FREEVEND


def test_denial_shown_is_that_of_the_latest_row() -> None:
    suspended = replace(truck(), suspended_because="damaged")
    kept = reservations_here(naming_others=(entry(),))
    reserved = facts_of(van(), at=EVENING, reservations=kept)
    required = replace(reserved, reservations=reservations_here(is_required=True))

    assert answer(charger(facts_of(None)), charger(facts_of(suspended))) is Reason.VEHICLE_SUSPENDED
    assert answer(charger(reserved), charger(required)) is Reason.RESERVATION_REQUIRED


def test_of_equal_answers_the_first_charger_gives_it() -> None:
    first, second = charger(facts_of(van())), charger(facts_of(van()))

    assert best_of([first, second]) is first


def test_every_reason_that_allows_has_its_place_in_the_order() -> None:
    assert {*ALLOWING_ORDER, Reason.OBSERVED} == ALLOWING


# --- reservations --------------------------------------------------------------------------------------------------------


def entry(**changes: Any) -> Entry:
    return Entry(reservation=reservation(R2, **changes), made_at=NOON - 100 * HOUR, changed_at=1)


def at_entrance(early_entry_min: int, *entries: Entry) -> ReservationsAtEntrance:
    here = reservations_here(of_holder=entries, naming_others=(entry(),))
    return ReservationsAtEntrance.of(here, timedelta(minutes=early_entry_min))


@pytest.mark.parametrize(("minutes", "admits"), [(-31, False), (-30, True), (0, True), (119, True), (120, False)])
def test_holder_enters_from_the_early_margin_to_the_end_while_another_still_has_the_charger(
    minutes: int, admits: bool
) -> None:
    here = at_entrance(30, entry())

    assert (here.admitting(EVENING + minutes * MINUTE) is not None) is admits


def test_holder_enters_from_the_early_start_of_the_reservation_where_it_is_earlier() -> None:
    early = entry(terms=terms(early_start_min=45))

    assert at_entrance(30, early).admitting(EVENING - 45 * MINUTE) is early
    assert at_entrance(30, early).admitting(EVENING - 46 * MINUTE) is None


def test_reservation_made_within_its_margin_admits_from_then_on() -> None:
    late = replace(entry(), made_at=EVENING - 10 * MINUTE)

    assert at_entrance(30, late).admitting(EVENING - 11 * MINUTE) is None
    assert at_entrance(30, late).admitting(EVENING - 10 * MINUTE) is late


def test_reservation_that_is_over_does_not_admit_and_one_still_awaited_comes_first() -> None:
    over = replace(entry(), over_at=EVENING)
    came = replace(entry(), fulfilled_at=EVENING)
    awaited = entry()

    assert at_entrance(30, over).admitting(EVENING) is None
    assert at_entrance(30, came, awaited).admitting(EVENING + MINUTE) is awaited


# --- how long it holds ---------------------------------------------------------------------------------------------------


def test_stranger_s_entry_lasts_until_no_charger_is_open_any_more() -> None:
    stranger = facts_of(None, at=NOON + 30 * MINUTE)
    chargers = [charger(stranger, **open_from(NOON + shift * HOUR)) for shift in (0, 1, 3)]

    assert entry_holds_until(chargers, best_of(chargers)) == NOON + 2 * HOUR


def test_own_vehicle_s_entry_lasts_for_a_day() -> None:
    chargers = [charger(facts_of(van()))]

    assert entry_holds_until(chargers, best_of(chargers)) == NOON + 24 * HOUR


# --- properties ----------------------------------------------------------------------------------------------------------


@st.composite
def entrances(draw: st.DrawFn) -> list[Behind]:
    """One to four chargers with any facts at the same minute, and with plans of their own."""
    at = datetime.combine(draw(st.sampled_from(DAYS)), time(), UTC) + draw(st.integers(0, 1439)) * MINUTE
    early = timedelta(minutes=draw(st.sampled_from([0, 15, 60, 1440])))
    return [draw(behind(ChargerId(f"bay-{number}"), at, early)) for number in range(draw(st.integers(1, 4)))]


@st.composite
def behind(draw: st.DrawFn, charger_id: ChargerId, at: datetime, early: timedelta) -> Behind:
    nightly = rule(
        mode=draw(st.sampled_from(AccessMode)),
        start=f"{draw(st.integers(0, 23)):02}:30",
        end=f"{draw(st.integers(0, 23)):02}:15",
    )
    plan = ModePlan(
        time_zone="Europe/Berlin",
        baseline=draw(st.sampled_from(AccessMode)),
        rules={NIGHTS: nightly} if draw(st.booleans()) else {},
    )
    told = timeline(plan, at - HOUR, at + 50 * HOUR)
    inputs = draw(facts(expected=told.at(at), at=at))
    if (here := inputs.reservations) is not None:
        known = tuple(replace(each, made_at=at - 100 * HOUR) for each in here.of_holder)
        inputs.reservations = ReservationsAtEntrance.of(
            replace(here, party=replace(here.party, of_holder=known)), early
        )
    return Behind(inputs, told)


def expected_at(inputs: DecisionInputs) -> Reason:
    """By the table written down a second time, with the holder's early margin in row 7."""
    return expected_reason(inputs, row_7=enters)


def enters(inputs: DecisionInputs) -> bool:
    here, at = inputs.reservations, inputs.at
    return isinstance(here, ReservationsAtEntrance) and any(
        holds(each, at)
        or (each.reservation.start - here.early_entry <= at < each.reservation.start and not over(each, at))
        for each in here.of_holder
    )


def over(each: Entry, at: datetime) -> bool:
    return each.over_at is not None and at >= each.over_at


def admits(chargers: Sequence[Behind], at: datetime) -> bool:
    later = [each.then(at) for each in chargers]
    return any(each.enforcement is Enforcement.OBSERVE or expected_at(each) in ALLOWING for each in later)


@pytest.mark.soak(ENTRIES)
@hypothesis.settings(max_examples=ENTRIES.count)
@given(entrances())
def test_entry_is_allowed_exactly_where_a_charger_behind_admits_and_up_to_the_first_minute_at_which_none_does(
    chargers: list[Behind],
) -> None:
    at = chargers[0].inputs.at
    chosen = best_of(chargers)
    reason = reason_for(chosen.inputs)
    allowed = reason in ALLOWING or chosen.inputs.enforcement is Enforcement.OBSERVE

    assert reason is expected_at(chosen.inputs)
    assert allowed is admits(chargers, at)
    assert all(rank_of(chosen.inputs) <= rank_of(each.inputs) for each in chargers)
    if allowed:
        later = at + MINUTE
        while later < at + 24 * HOUR and admits(chargers, later):
            later += MINUTE
        assert entry_holds_until(chargers, chosen) == later
