"""The reservations that a charger should have: which connectors, when, and with which end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.application.charger_reservations.desired import next_change, reservation_number, wanted_slots
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.capability_profiles.capabilities import Reserves
from access_policy.domain.ids import ReservationId
from access_policy.domain.reservations.entry import Entry, Outcome
from access_policy.domain.reservations.reservation import Place
from tests.support.builders import BAY, HOUR, NOON
from tests.support.reservations import EVENING, R1, R2, reservation, terms

MINUTES = timedelta(minutes=1)
END = EVENING + 2 * HOUR


def entry(**changes: Any) -> Entry:
    made = {key: changes.pop(key) for key in ("fulfilled_at", "outcome", "over_at") if key in changes}
    return Entry(reservation=reservation(**changes), made_at=NOON, changed_at=1, **made)


def slots(*entries: Entry, at: datetime = EVENING, **changes: Any) -> list[tuple[str, int, datetime]]:
    values: dict[str, Any] = {
        "expected": AccessMode.MANAGED,
        "enforcement": Enforcement.ENFORCE,
        "reserves": Reserves.CONNECTORS,
        "connectors": 1,
        "used": (),
    }
    wanted = wanted_slots(entries, at=at, **(values | changes))
    return [(slot.reservation_id, slot.connector_id, slot.until) for slot in wanted.values()]


def test_reservation_is_wanted_from_the_early_start_to_the_end() -> None:
    early = entry(terms=terms(early_start_min=30))

    assert slots(early, at=EVENING - 31 * MINUTES) == []
    assert slots(early, at=EVENING - 30 * MINUTES) == [(R1, 1, END)]
    assert slots(early, at=END - MINUTES) == [(R1, 1, END)]
    assert slots(early, at=END) == []


def test_reservation_that_a_no_show_loses_ends_at_that_instant_on_the_charger() -> None:
    lost_at = EVENING + 30 * MINUTES
    lost = entry(terms=terms(no_show_after_min=30))

    assert slots(lost) == [(R1, 1, lost_at)]
    assert slots(lost, at=lost_at) == []


@pytest.mark.parametrize(
    ("place", "reserves", "connectors", "reserved"),
    [
        (Place(charger_id=BAY), Reserves.CONNECTORS, 2, [1, 2]),
        (Place(charger_id=BAY, connector_id=2), Reserves.CONNECTORS, 2, [2]),
        (Place(charger_id=BAY), Reserves.CHARGER, 2, [0]),
        (Place(charger_id=BAY, connector_id=1), Reserves.CHARGER, 1, [0]),
        (Place(charger_id=BAY, connector_id=2), Reserves.CHARGER, 2, []),
        (Place(charger_id=BAY), Reserves.NONE, 2, []),
    ],
)
def test_reservation_takes_the_connectors_of_its_place_as_the_charger_can(
    place: Place, reserves: Reserves, connectors: int, reserved: list[int]
) -> None:
    found = slots(entry(place=place), reserves=reserves, connectors=connectors)

    assert [connector for _, connector, _ in found] == reserved


@pytest.mark.parametrize(
    "changes", [{"expected": AccessMode.FREEVEND}, {"enforcement": Enforcement.OBSERVE}], ids=["freevend", "observe"]
)
def test_charger_that_must_refuse_nobody_reserves_nothing(changes: dict[str, Any]) -> None:
    assert slots(entry(), **changes) == []


def test_reservation_that_the_holder_used_is_wanted_again_only_if_the_end_of_the_charge_leaves_it() -> None:
    used = {"fulfilled_at": EVENING}

    assert slots(entry(**used)) == []
    assert slots(entry(**used, terms=terms(release_on_stop=False))) == [(R1, 1, END)]
    assert slots(entry(**used, terms=terms(release_on_stop=False)), used={(R1, 1)}) == []


def test_reservation_that_is_cancelled_or_over_is_not_wanted() -> None:
    assert slots(entry(outcome=Outcome.CANCELLED, over_at=NOON)) == []


def test_two_connectors_have_reservations_of_their_own() -> None:
    one = entry(place=Place(charger_id=BAY, connector_id=1))
    two = entry(reservation_id=R2, place=Place(charger_id=BAY, connector_id=2))

    assert slots(one, two, connectors=2) == [(R1, 1, END), (R2, 2, END)]


@given(
    minutes=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 300)), max_size=4),
    early=st.integers(0, 60),
    no_show=st.none() | st.integers(0, 60),
    at=st.integers(-100, 900),
)
def test_nothing_changes_before_the_next_change(
    minutes: list[tuple[int, int]], early: int, no_show: int | None, at: int
) -> None:
    entries = [
        entry(
            reservation_id=ReservationId(f"r{number}"),
            start=EVENING + start * MINUTES,
            end=EVENING + (start + lasts) * MINUTES,
            terms=terms(early_start_min=early, no_show_after_min=no_show),
        )
        for number, (start, lasts) in enumerate(minutes)
    ]
    now = EVENING + at * MINUTES
    change = next_change(entries, now)
    last = change - MINUTES if change is not None else now + 1_000 * MINUTES

    before = slots(*entries, at=now)
    for minute in range((min(last, now + 1_000 * MINUTES) - now) // MINUTES + 1):
        assert slots(*entries, at=now + minute * MINUTES) == before


@given(st.text(min_size=1, max_size=64), st.integers(0, 99))
def test_number_is_an_integer_of_ocpp_16_and_always_the_same(reservation_id: str, connector_id: int) -> None:
    number = reservation_number(ReservationId(reservation_id), connector_id)

    assert 1 <= number < 2**31
    assert number == reservation_number(ReservationId(reservation_id), connector_id)


def test_number_differs_by_reservation_and_connector() -> None:
    numbers = {reservation_number(each, connector) for each in (R1, R2) for connector in range(3)}

    assert len(numbers) == 6


def test_changed_end_keeps_the_number() -> None:
    def wanted(end: datetime) -> set[int]:
        moved = replace(reservation(), end=end)
        return set(
            wanted_slots(
                [Entry(reservation=moved, made_at=NOON, changed_at=1)],
                at=EVENING,
                expected=AccessMode.MANAGED,
                enforcement=Enforcement.ENFORCE,
                reserves=Reserves.CONNECTORS,
                connectors=1,
                used=(),
            )
        )

    assert wanted(END) == wanted(END + HOUR)
