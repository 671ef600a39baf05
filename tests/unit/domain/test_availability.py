"""Free windows agree with the book: each can be promised, and nothing longer or beside them can."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as some

from access_policy.domain.ids import ReservationId
from access_policy.domain.reservations.availability import Window, bookable
from access_policy.domain.reservations.book import ReservationBook, fold
from access_policy.domain.reservations.errors import PromisedAlready
from access_policy.domain.reservations.reservation import Place, Reservation
from tests.support.builders import ANNA, BAY, HOUR, NOON, NORTH
from tests.support.reservations import (
    AT_BAY,
    AT_FAST,
    BAY_2,
    BAY_3,
    EVENING,
    R1,
    R2,
    R3,
    group_put,
    made,
    reservation,
    terms,
)

MINUTE = timedelta(minutes=1)
DAY_END = NOON + 12 * HOUR


def book(*promised: Reservation) -> ReservationBook:
    return fold(NORTH, [group_put(), *map(made, promised)])


def free(*promised: Reservation, place: Place = AT_BAY, **changed: int) -> list[Window]:
    return bookable(book(*promised), place, terms(**changed), NOON, DAY_END, now=NOON)


def test_bookable_charger_without_promises_is_free_throughout() -> None:
    assert free() == [Window(NOON, DAY_END)]


def test_bookable_charger_with_a_promise_is_free_before_and_after_it() -> None:
    assert free(reservation()) == [Window(NOON, EVENING), Window(EVENING + 2 * HOUR, DAY_END)]


def test_bookable_with_early_start_and_late_stop_leaves_room_for_those_of_both_reservations() -> None:
    promised = reservation(terms=terms(early_start_min=30, late_stop_min=15))

    assert free(promised, early_start_min=10, late_stop_min=20) == [
        Window(NOON, EVENING - 50 * MINUTE),
        Window(EVENING + 2 * HOUR + 25 * MINUTE, DAY_END),
    ]


def test_bookable_window_shorter_than_the_shortest_duration_is_left_out() -> None:
    gap = [reservation(R1, NOON), reservation(R2, NOON + 2 * HOUR + 20 * MINUTE)]

    assert free(*gap, shortest_min=30) == [Window(NOON + 4 * HOUR + 20 * MINUTE, DAY_END)]


def test_bookable_group_is_full_only_while_all_its_chargers_are_promised() -> None:
    promised = [
        reservation(R1, NOON + HOUR, place=AT_FAST, end=NOON + 5 * HOUR),
        reservation(R2, NOON + 2 * HOUR, place=Place(charger_id=BAY_2), end=NOON + 4 * HOUR),
        reservation(R3, NOON + 3 * HOUR, place=Place(charger_id=BAY_3), end=NOON + 6 * HOUR),
    ]
    around = [Window(NOON, NOON + 3 * HOUR), Window(NOON + 4 * HOUR, DAY_END)]

    assert free(*promised, place=AT_FAST) == around
    assert free(*promised, place=AT_BAY) == around, "the last free charger is owed to the group"


def test_bookable_unknown_group_has_no_window() -> None:
    assert bookable(ReservationBook(NORTH), AT_FAST, terms(), NOON, DAY_END, now=NOON) == []


PLACES = some.sampled_from([AT_FAST, AT_BAY, Place(charger_id=BAY_2), Place(charger_id=BAY, connector_id=1)])
TIMES = some.tuples(some.integers(0, 10), some.integers(1, 4))


def is_promised(depot: ReservationBook, name: str, place: Place, time: tuple[int, int]) -> bool:
    start = NOON + time[0] * HOUR
    wanted = reservation(ReservationId(name), start, place=place, end=start + time[1] * HOUR)
    try:
        events = depot.make(wanted, made_by=ANNA, now=NOON)
    except PromisedAlready:
        return False
    for event in events:
        depot.apply(event)
    return True


@given(some.lists(some.tuples(PLACES, TIMES), max_size=8), PLACES, TIMES)
def test_bookable_says_what_the_book_then_promises(
    asked: list[tuple[Place, tuple[int, int]]], place: Place, time: tuple[int, int]
) -> None:
    depot = book()
    for number, (where, when) in enumerate(asked):
        is_promised(depot, f"r{number}", where, when)

    windows = bookable(depot, place, terms(), NOON, NOON + 20 * HOUR, now=NOON)

    start, end = NOON + time[0] * HOUR, NOON + sum(time) * HOUR
    assert any(each.start <= start and end <= each.end for each in windows) == is_promised(depot, "new", place, time)
