"""Conflicts of reservations with overrides, faults, retirements and the depot's own plan."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from access_policy.domain.ids import ChargerId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.conflicts import AHEAD, Trouble, Troubles, due_conflicts
from access_policy.domain.reservations.events import ConflictKind, ReservationEvent
from access_policy.domain.reservations.reservation import Holder, Place
from tests.support.builders import BAY, HOUR, MINUTE, NOON, VAN
from tests.support.reservations import (
    AT_FAST,
    BAY_2,
    BAY_3,
    BAY_4,
    EVENING,
    R1,
    R2,
    R3,
    booking,
    card,
    fulfilled,
    group_put,
    made,
    reservation,
)
from tests.support.spec import given_book

END = EVENING + 2 * HOUR
FAULT = Trouble(kind=ConflictKind.FAULT, cause="GroundFailure")
RETIRED = Trouble(kind=ConflictKind.RETIREMENT, cause="the charger is retired")


def opened(since: datetime, until: datetime) -> Trouble:
    return Trouble(kind=ConflictKind.OVERRIDE, cause="visit", since=since, until=until)


def at(charger_id: ChargerId, *troubles: Trouble) -> dict[ChargerId, list[Trouble]]:
    return {charger_id: list(troubles)}


def found(*history: ReservationEvent, troubles: Troubles, now: datetime = NOON) -> list[tuple[Any, Any, Any]]:
    book: ReservationBook = given_book(*history).state
    events: list[Any] = list(due_conflicts(book, list(book.entries.by_id.values()), troubles, now))
    for event in events:
        assert event.detected_at == now
        book.apply(event)
    assert list(due_conflicts(book, list(book.entries.by_id.values()), troubles, now)) == []  # once only
    return [(each.reservation_id, each.kind, each.cause) for each in events]


@pytest.mark.parametrize("trouble", [FAULT, RETIRED, opened(NOON, EVENING + MINUTE)])
def test_cause_at_the_named_charger_is_a_conflict_until_the_window_is_over(trouble: Trouble) -> None:
    conflict = [(R1, trouble.kind, trouble.cause)]

    assert found(made(), troubles=at(BAY, trouble)) == conflict
    assert found(made(), troubles=at(BAY, trouble), now=END - MINUTE) == conflict
    assert found(made(), troubles=at(BAY, trouble), now=END) == []
    assert found(made(), troubles=at(BAY_2, trouble)) == []


def test_conflict_is_detected_a_day_ahead_and_no_earlier() -> None:
    far = made(reservation(start=NOON + AHEAD + MINUTE))

    assert found(far, troubles=at(BAY, FAULT)) == []
    assert found(far, troubles=at(BAY, FAULT), now=NOON + MINUTE) == [(R1, ConflictKind.FAULT, "GroundFailure")]


@pytest.mark.parametrize(("since", "until"), [(NOON, EVENING), (END, END + HOUR)])
def test_override_outside_the_window_is_no_conflict(since: datetime, until: datetime) -> None:
    assert found(made(), troubles=at(BAY, opened(since, until))) == []


def test_fault_of_the_other_connector_is_no_conflict() -> None:
    on_second = Trouble(kind=ConflictKind.FAULT, cause="GroundFailure on connector 2", connector_id=2)
    of_first, of_second = (made(reservation(place=Place(charger_id=BAY, connector_id=n))) for n in (1, 2))

    assert found(of_first, troubles=at(BAY, on_second)) == []
    assert len(found(of_second, troubles=at(BAY, on_second))) == 1
    assert len(found(made(), troubles=at(BAY, on_second))) == 1


def test_holder_who_charges_has_a_fault_as_conflict_and_no_override() -> None:
    history = (made(), fulfilled(EVENING))
    troubles = at(BAY, opened(NOON, END), FAULT)

    assert found(*history, troubles=troubles, now=EVENING) == [(R1, ConflictKind.FAULT, "GroundFailure")]


def test_group_is_in_conflict_only_when_too_few_chargers_are_left() -> None:
    three = [made(reservation(each, place=AT_FAST)) for each in (R1, R2, R3)]
    two = three[:2]
    history = (group_put(), *two)

    assert found(*history, troubles=at(BAY, FAULT)) == []
    assert found(group_put(), *three, troubles=at(BAY_2, FAULT)) == [
        (each, ConflictKind.FAULT, "bay-2: GroundFailure") for each in (R1, R2, R3)
    ]
    assert found(group_put(), *three, troubles=at(BAY_4, FAULT)) == []
    assert found(*history, troubles={**at(BAY_2, opened(NOON, END)), **at(BAY_3, FAULT)}) == [
        (each, ConflictKind.OVERRIDE, "visit") for each in (R1, R2)
    ]


def test_plan_that_needs_the_bookings_holder_elsewhere_is_a_conflict_of_the_booking() -> None:
    both = Holder(vehicle_id=VAN, identifiers=(card(),))
    booked = made(booking(holder=both))
    planned = reservation(R2, EVENING + HOUR, place=Place(charger_id=BAY_2))

    assert found(booked, made(planned), troubles={}) == [(R1, ConflictKind.PLAN, "r2")]
    assert found(booked, made(reservation(R2, END, place=Place(charger_id=BAY_2))), troubles={}) == []
    assert found(made(), made(planned), troubles={}) == []
