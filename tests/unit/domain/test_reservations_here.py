"""What a depot's book means for one attempt: which reservations count at this charger, and whom they admit."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.ids import ChargerId, ReservationGroupId
from access_policy.domain.reservations.events import ReservationCancelled, ReservationEvent
from access_policy.domain.reservations.here import PromisesHere, ReservationsHere
from access_policy.domain.reservations.reservation import Holder, Place
from tests.support.builders import BAY, DAY, HOUR, MINUTE, NOON, ref
from tests.support.reservations import (
    AT_FAST,
    BAY_2,
    BAY_3,
    BAY_4,
    EVENING,
    FAST,
    R1,
    R2,
    R3,
    cancelled,
    card,
    fulfilled,
    group_put,
    made,
    reservation,
    terms,
)
from tests.support.spec import given_book

OURS, THEIRS = Holder(identifiers=(card("ours"),)), Holder(identifiers=(card("theirs"),))


def here(
    *history: ReservationEvent,
    charger_id: ChargerId = BAY,
    connector_id: int | None = None,
    at: datetime = EVENING,
    busy: Collection[ChargerId] = (),
) -> ReservationsHere:
    """For the card "ours"."""
    book = given_book(*history).state
    promises = PromisesHere.of(book, charger_id, at, at + DAY)
    return promises.for_attempt(
        book, connector_id, ref("ours"), None, free_among=lambda chargers: chargers.difference(busy)
    )


def ours(**changes: Any) -> ReservationEvent:
    return made(reservation(**({"holder": OURS} | changes)))


def theirs(**changes: Any) -> ReservationEvent:
    return made(reservation(R2, **({"holder": THEIRS} | changes)))


def admitted(found: ReservationsHere, at: datetime = EVENING) -> bool:
    return found.admitting(at) is not None


@pytest.mark.parametrize(("minutes", "admits"), [(-16, False), (-15, True), (0, True), (119, True), (120, False)])
def test_holder_is_admitted_from_the_early_start_to_the_end_and_others_are_kept_out_meanwhile(
    minutes: int, admits: bool
) -> None:
    at = EVENING + minutes * MINUTE
    early = terms(early_start_min=15, late_stop_min=30)

    assert admitted(here(ours(terms=early), at=at), at) is admits
    assert here(theirs(terms=early), at=at).keeps_others_out(at) is admits


def test_holder_of_another_charger_is_not_admitted_here() -> None:
    found = here(ours(place=Place(charger_id=BAY_2)))

    assert not admitted(found)
    assert found.of_holder == ()


def test_connector_is_reserved_for_its_holder_and_another_connector_for_nobody() -> None:
    left = Place(charger_id=BAY, connector_id=1)

    assert [admitted(here(ours(place=left), connector_id=each)) for each in (1, 2, None)] == [True, False, True]
    kept = [here(theirs(place=left), connector_id=each).keeps_others_out(EVENING) for each in (1, 2, None)]
    assert kept == [True, False, False], "an Authorize of OCPP 1.6 names no connector; the start does"


def test_no_show_and_cancellation_open_the_charger_to_others() -> None:
    soon = terms(no_show_after_min=10)
    after, before = EVENING + 10 * MINUTE, EVENING + 9 * MINUTE

    assert here(theirs(terms=soon), at=before).keeps_others_out(before)
    assert not here(theirs(terms=soon), at=after).keeps_others_out(after)
    assert not admitted(here(ours(terms=soon), at=after), after)
    assert not here(theirs(), cancelled(reservation_id=R2)).keeps_others_out(EVENING)


def test_holder_who_is_early_learns_when_the_reservation_admits() -> None:
    found = here(ours(terms=terms(early_start_min=15)), at=NOON)

    assert not admitted(found, NOON)
    assert found.earliest_start(NOON) == EVENING - 15 * MINUTE
    assert found.earliest_start(EVENING) is None


# --- groups -------------------------------------------------------------------------------------------------------------


def test_last_free_chargers_of_a_group_are_kept_for_the_holders_who_have_not_come() -> None:
    history = (group_put(), theirs(place=AT_FAST))

    assert not here(*history).keeps_others_out(EVENING)
    assert not here(*history, busy=[BAY_2]).keeps_others_out(EVENING)
    assert here(*history, busy=[BAY_2, BAY_3]).keeps_others_out(EVENING)
    assert not here(*history, busy=[BAY_2, BAY_3], charger_id=BAY_4).keeps_others_out(EVENING)
    assert not here(*history, fulfilled(reservation_id=R2), busy=[BAY_2, BAY_3]).keeps_others_out(EVENING)


def test_holder_of_a_group_is_admitted_at_any_of_its_chargers_but_not_at_one_reserved_by_name() -> None:
    history = (group_put(), ours(place=AT_FAST))

    assert [admitted(here(*history, charger_id=each)) for each in (BAY, BAY_3, BAY_4)] == [True, True, False]
    assert not admitted(here(*history, theirs()))
    assert admitted(here(*history, theirs(), charger_id=BAY_2))


def test_holder_takes_another_charger_where_this_one_is_owed_to_another_group() -> None:
    slow = ReservationGroupId("slow")
    groups = (group_put(BAY, BAY_2), group_put(BAY, group_id=slow, name="Slow"))
    history = (*groups, ours(place=AT_FAST), theirs(place=Place(group_id=slow)))

    assert not admitted(here(*history))
    assert admitted(here(*history, charger_id=BAY_2))
    assert admitted(here(*history, busy=[BAY_2])), "with no other free charger, the first holder to come is served"


def test_reservations_of_others_beyond_the_horizon_do_not_count() -> None:
    later = EVENING + 2 * DAY
    found = here(group_put(), theirs(start=later), made(reservation(R1, later, holder=THEIRS, place=AT_FAST)))

    assert (found.party.naming_others, found.party.in_groups) == ((), ())


def test_instants_hold_every_change_of_an_answer_against_the_party() -> None:
    found = here(
        group_put(),
        ours(terms=terms(early_start_min=15)),
        theirs(place=AT_FAST, start=EVENING + HOUR, terms=terms(no_show_after_min=20)),
    )

    assert sorted(set(found.instants())) == [
        EVENING - 15 * MINUTE,
        EVENING + HOUR,
        EVENING + 2 * HOUR,
    ]


@pytest.mark.parametrize("busy", [(), (BAY_2,), (BAY_2, BAY_3)])
@pytest.mark.parametrize("hours", range(-3, 6))
def test_permission_ends_at_the_first_instant_at_which_others_are_kept_out(
    hours: int, busy: Collection[ChargerId]
) -> None:
    history = (
        group_put(),
        theirs(place=AT_FAST),
        ours(start=EVENING + HOUR),
        made(reservation(R3, EVENING + 4 * HOUR, holder=THEIRS)),
    )
    after, until = EVENING + hours * HOUR, EVENING + 5 * HOUR
    found = here(*history, at=EVENING - 3 * HOUR, busy=busy)

    turns = (each for each in found.instants() if after < each < until)
    kept_out = (each for each in turns if found.keeps_others_out(each) and not admitted(found, each))
    assert found.first_that_keeps_out(after, until) == next(kept_out, None)
    if len(busy) == 2 and hours < 0:
        assert found.first_that_keeps_out(after, until) == EVENING


def test_answers_for_one_instant_do_not_depend_on_those_asked_before() -> None:
    found = here(theirs(), at=NOON)
    minutes = [EVENING + offset * MINUTE for offset in (-1, 0, 119, 120, 0, -1, 120, 119)]

    assert [found.keeps_others_out(each) for each in minutes] == [False, True, True, False, True, False, False, True]


# --- changes of the book ------------------------------------------------------------------------------------------------

BAYS = (BAY, BAY_2, BAY_3, BAY_4)
SLOW = ReservationGroupId("slow")
bays = st.sampled_from(BAYS)
places = bays.map(lambda bay: Place(charger_id=bay)) | st.sampled_from([AT_FAST, Place(group_id=SLOW)])
starts = st.integers(-2, 30).map(lambda hours: EVENING + hours * HOUR)
reserved = st.builds(
    lambda number, start, place, holder: reservation(number, start, place=place, holder=holder),
    st.sampled_from([R1, R2, R3]),
    starts,
    places,
    st.sampled_from([OURS, THEIRS]),
)
changes = st.one_of(
    reserved.map(made),
    st.sampled_from([R1, R2, R3]).map(lambda each: cancelled(reservation_id=each)),
    st.builds(
        lambda chargers, name: group_put(*chargers, group_id=name, name=name),
        st.lists(bays, min_size=1, unique=True),
        st.sampled_from([FAST, SLOW]),
    ),
)


@given(st.lists(changes, max_size=12))
def test_promises_that_are_kept_over_changes_of_the_book_are_those_found_anew(history: list[ReservationEvent]) -> None:
    """Events in any order that can be applied, whether or not a depot could record them."""
    book = given_book(group_put(), group_put(BAY_3, BAY_4, group_id=SLOW, name="slow")).state
    until = EVENING + DAY
    kept = {each: PromisesHere.of(book, each, EVENING, until) for each in BAYS}
    for event in history:
        if isinstance(event, ReservationCancelled) and event.reservation_id not in book.entries.by_id:
            continue
        book.apply(event)
        for charger_id, promises in kept.items():
            anew = PromisesHere.of(book, charger_id, EVENING, until)
            if promises.serves(book, EVENING, until):
                assert promises == anew
            else:
                kept[charger_id] = anew


def test_change_at_another_charger_leaves_what_is_known_of_a_party() -> None:
    book = given_book(group_put(), theirs()).state
    promises = PromisesHere.of(book, BAY, EVENING, EVENING + DAY)
    before = promises.for_attempt(book, None, ref("ours"), None)

    book.apply(made(reservation(R3, place=Place(charger_id=BAY_4))))
    assert promises.serves(book, EVENING, EVENING + HOUR)
    after = promises.for_attempt(book, None, ref("ours"), None)
    assert (after.party, after.version) == (before.party, before.version + 1)
    assert after.party is before.party

    book.apply(made(reservation(R1, place=AT_FAST)))
    assert not promises.serves(book, EVENING, EVENING + HOUR)
