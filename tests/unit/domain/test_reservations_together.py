"""Reservations that are wanted together: which of them are possible, and the order in which they are written."""

from __future__ import annotations

from dataclasses import replace

from access_policy.domain.ids import ReservationId
from access_policy.domain.reservations.book import ReservationBook, fold
from access_policy.domain.reservations.reservation import Place, Reservation
from access_policy.domain.reservations.together import Wanted, in_steps, refused_together
from tests.support.builders import ANNA, BAY, HOUR, NOON, NORTH
from tests.support.reservations import AT_FAST, BAY_2, BAY_3, EVENING, R1, R2, R3, R4, group_put, made, reservation


def at(charger_id: str, reservation_id: ReservationId) -> Reservation:
    return reservation(reservation_id, place=Place(charger_id=charger_id))


def book(*promised: Reservation) -> ReservationBook:
    return fold(NORTH, [group_put(), *(made(each) for each in promised)])


def wanted(*puts: Reservation, gone: tuple[ReservationId, ...] = ()) -> Wanted:
    return Wanted(puts=puts, gone=gone, by=ANNA, reason="Not in the dispatch sheet", now=NOON)


def steps(promised: tuple[Reservation, ...], want: Wanted, size: int) -> list[list[ReservationId]]:
    """The reservations of each step, after each of which no charger is promised twice at the same time."""
    written, found = book(*promised), []
    for events in in_steps(book(*promised), want, size=size):
        for event in events:
            written.apply(event)
        live = [each.reservation for each in written.entries.by_id.values() if each.is_promised(NOON)]
        named = [(each.place.charger_id, each.start) for each in live if each.place.charger_id is not None]
        assert len(named) == len(set(named)), "a charger is promised twice between two appends"
        found.append([e.reservation.reservation_id if hasattr(e, "reservation") else e.reservation_id for e in events])
    return found


def test_reservations_that_exchange_chargers_are_possible_and_share_a_step() -> None:
    have = (at(BAY, R1), at(BAY_2, R2))
    want = wanted(at(BAY_2, R1), at(BAY, R2))

    assert refused_together(book(*have), want) == {}
    assert steps(have, want, size=1) == [[R1, R2]]


def test_reservation_is_written_after_the_one_whose_place_it_takes() -> None:
    have = (at(BAY, R1), at(BAY_2, R2), at(BAY_3, R3))
    want = wanted(at(BAY_2, R1), at(BAY_3, R2), gone=(R3,))

    assert refused_together(book(*have), want) == {}
    assert steps(have, want, size=1) == [[R3], [R2], [R1]]


def test_steps_hold_about_as_many_events_as_they_may() -> None:
    puts = [reservation(ReservationId(f"n{hour}"), EVENING + 3 * hour * HOUR) for hour in range(7)]

    assert [len(each) for each in steps((), wanted(*puts), size=3)] == [3, 3, 1]


def test_refused_reservation_keeps_its_place_and_so_refuses_the_one_that_wants_it() -> None:
    have = (at(BAY, R1), at(BAY_2, R2), at(BAY_3, R3))
    want = wanted(at(BAY_3, R1), at(BAY, R2))  # R3 stays on bay 3, so R1 stays on bay 1

    assert set(refused_together(book(*have), want)) == {R1, R2}


def test_group_promises_no_more_chargers_to_a_plan_than_it_has() -> None:
    puts = [replace(reservation(each), place=AT_FAST) for each in (R1, R2, R3, R4)]

    assert set(refused_together(book(), wanted(*puts))) == {R4}
