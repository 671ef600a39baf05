"""What became of reservations: the events that are due, from the charges at the depot and the time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from access_policy.domain.ids import AttemptId, ChargerId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.charges import Charge, Charges
from access_policy.domain.reservations.entry import Entry, Outcome
from access_policy.domain.reservations.events import (
    ReservationEvent,
    ReservationFulfilled,
    ReservationNoShow,
    ReservationWindowEnded,
)
from access_policy.domain.reservations.lifecycle import due_events, may_be_due, next_instant
from access_policy.domain.reservations.reservation import Holder, Place
from tests.support.builders import BAY, HOUR, MINUTE, NOON, NORTH, VAN, ref
from tests.support.reservations import (
    AT_FAST,
    BAY_2,
    EVENING,
    R1,
    R2,
    cancelled,
    card,
    group_put,
    made,
    reservation,
    terms,
)
from tests.support.spec import given_book

END = EVENING + 2 * HOUR
MISSED_AFTER_15 = reservation(terms=terms(no_show_after_min=15))
OTHER_CARD = ref("p2")


def charge(started_at: datetime, ended_at: datetime | None = None, **changes: Any) -> Charge:
    """By the van at bay 1."""
    values: dict[str, Any] = {
        "attempt_id": AttemptId("a1"),
        "charger_id": BAY,
        "connector_id": 1,
        "identifier": OTHER_CARD,
        "vehicle_id": VAN,
    }
    return Charge(started_at=started_at, ended_at=ended_at, **(values | changes))


def charges(*some: Charge) -> Charges:
    known = Charges()
    for each in some:
        known.put(each)
    return known


def all_due(*history: ReservationEvent, by: Charges, now: datetime) -> tuple[list[Any], ReservationBook]:
    """What is recorded until nothing is due any more, and the book after it."""
    book: ReservationBook = given_book(*history).state
    recorded: list[Any] = []
    while due := list(due_events(book, list(book.entries.by_id.values()), by, now)):
        assert {each.reservation_id for each in due} <= {
            id_ for id_, entry in book.entries.by_id.items() if may_be_due(entry, by, now)
        }
        for event in due:
            book.apply(event)
        recorded += due
    return recorded, book


def fulfilled(at: datetime, charger_id: ChargerId = BAY, attempt: str = "a1") -> ReservationFulfilled:
    return ReservationFulfilled(
        depot_id=NORTH, reservation_id=R1, charger_id=charger_id, attempt_id=AttemptId(attempt), fulfilled_at=at
    )


def ended(at: datetime, *, active: bool) -> ReservationWindowEnded:
    return ReservationWindowEnded(depot_id=NORTH, reservation_id=R1, session_active=active, ended_at=at)


NO_SHOW = ReservationNoShow(depot_id=NORTH, reservation_id=R1, missed_at=EVENING + 15 * MINUTE)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (charge(EVENING), fulfilled(EVENING)),
        (charge(EVENING + MINUTE), fulfilled(EVENING + MINUTE)),
        (charge(NOON), fulfilled(EVENING)),  # it stood there before the window began
        (charge(EVENING + 20 * MINUTE), fulfilled(EVENING + 10 * MINUTE)),  # by a charger whose clock is ahead
        (charge(EVENING - HOUR, EVENING), None),  # it had left by then
        (charge(EVENING, EVENING), fulfilled(EVENING)),
        (charge(EVENING, charger_id=BAY_2), None),
        (charge(EVENING, vehicle_id=None), None),
    ],
)
def test_charge_of_the_holder_in_the_window_fulfils_the_reservation(
    by: Charge, expected: ReservationEvent | None
) -> None:
    due, _ = all_due(made(reservation(terms=terms(release_on_stop=False))), by=charges(by), now=EVENING + 10 * MINUTE)

    assert due == ([] if expected is None else [expected])


def test_charge_that_was_over_when_the_reservation_was_made_does_not_fulfil_it() -> None:
    """Whether the charge is still known then must not matter: it may begin and end at the very instant."""
    promised = replace(made(reservation(terms=terms(release_on_stop=False))), made_at=EVENING)

    assert all_due(promised, by=charges(charge(EVENING, EVENING)), now=EVENING + MINUTE)[0] == []
    assert all_due(promised, by=charges(charge(EVENING, EVENING + MINUTE)), now=EVENING + MINUTE)[0] != []


def test_identifier_of_the_holder_fulfils_and_the_early_start_counts() -> None:
    promised = reservation(holder=Holder(identifiers=(card(),)), terms=terms(early_start_min=30))
    early = charge(EVENING - 20 * MINUTE, identifier=ref("p1"), vehicle_id=None)

    due, _ = all_due(made(promised), by=charges(early), now=EVENING - 10 * MINUTE)

    assert due == [fulfilled(EVENING - 20 * MINUTE)]


def test_reserved_connector_is_not_fulfilled_at_the_other_one() -> None:
    promised = made(reservation(place=Place(charger_id=BAY, connector_id=2)))

    assert all_due(promised, by=charges(charge(EVENING)), now=EVENING)[0] == []
    assert all_due(promised, by=charges(charge(EVENING, connector_id=2)), now=EVENING)[0] == [fulfilled(EVENING)]
    assert all_due(promised, by=charges(charge(EVENING, connector_id=None)), now=EVENING)[0] == [fulfilled(EVENING)]


def test_no_show_is_due_from_its_instant_on_and_never_after_a_charge() -> None:
    promised, lost_at = made(MISSED_AFTER_15), EVENING + 15 * MINUTE

    assert all_due(promised, by=charges(), now=lost_at - MINUTE)[0] == []
    assert all_due(promised, by=charges(), now=lost_at + HOUR)[0] == [NO_SHOW]
    assert all_due(promised, by=charges(charge(EVENING)), now=lost_at)[0] == [fulfilled(EVENING)]
    assert all_due(promised, by=charges(charge(lost_at)), now=lost_at)[0] == [NO_SHOW]


def test_charge_that_is_reported_after_the_no_show_corrects_it() -> None:
    due, book = all_due(made(MISSED_AFTER_15), NO_SHOW, by=charges(charge(EVENING)), now=END + HOUR)

    assert due == [fulfilled(EVENING)]
    assert (book.entry(R1).outcome, book.entry(R1).fulfilled_at) == (Outcome.ENDED, EVENING)


@pytest.mark.parametrize(("charging", "active"), [(charge(EVENING), True), (charge(EVENING, END - MINUTE), False)])
def test_window_end_says_whether_the_charge_runs_on(charging: Charge, active: bool) -> None:
    kept = made(reservation(terms=terms(release_on_stop=False)))

    due, _ = all_due(kept, by=charges(charging), now=END)

    assert due == [fulfilled(EVENING), ended(END, active=active)]


def test_window_that_nobody_came_to_ends_without_a_charge() -> None:
    assert all_due(made(), by=charges(), now=END + HOUR)[0] == [ended(END, active=False)]
    assert all_due(made(), by=charges(), now=END - MINUTE)[0] == []


def test_end_of_the_charge_releases_the_reservation_unless_the_terms_keep_it() -> None:
    now = EVENING + HOUR
    left = charges(charge(EVENING, EVENING + 30 * MINUTE))

    assert all_due(made(), by=left, now=now)[0] == [fulfilled(EVENING), ended(now, active=False)]
    kept = made(reservation(terms=terms(release_on_stop=False)))
    assert all_due(kept, by=left, now=now)[0] == [fulfilled(EVENING)]


def test_release_waits_for_the_end_of_a_second_charge_and_for_news_of_the_first() -> None:
    now = EVENING + HOUR
    again = charge(EVENING + 40 * MINUTE, attempt_id=AttemptId("a2"))
    history = (made(), fulfilled(EVENING))

    assert all_due(*history, by=charges(), now=now)[0] == []  # the start is not known here yet
    before = charge(NOON, NOON + HOUR, attempt_id=AttemptId("a0"))
    assert all_due(*history, by=charges(before), now=now)[0] == []
    assert all_due(*history, by=charges(charge(EVENING, now), again), now=now)[0] == []
    both = charges(charge(EVENING, EVENING + MINUTE), replace(again, ended_at=now))
    assert all_due(*history, by=both, now=now)[0] == [ended(now, active=False)]


def test_one_charge_fulfils_one_of_two_reservations_of_a_fleets_card() -> None:
    fleet = Holder(identifiers=(card(),))
    both = [
        made(reservation(each, holder=fleet, place=AT_FAST, terms=terms(release_on_stop=False))) for each in (R1, R2)
    ]
    one = charge(EVENING, identifier=ref("p1"), vehicle_id=None)
    other = replace(one, attempt_id=AttemptId("a2"), charger_id=BAY_2)

    first, book = all_due(group_put(), *both, by=charges(one), now=EVENING)
    assert first == [fulfilled(EVENING)]
    assert book.entry(R2).fulfilled_at is None
    _, book = all_due(group_put(), *both, by=charges(one, other), now=EVENING)
    assert {each.attempt_id for each in book.entries.by_id.values()} == {"a1", "a2"}


def test_charge_that_runs_on_fulfils_the_holders_next_reservation_when_it_begins() -> None:
    history = (made(), made(reservation(R2, END)))

    due, book = all_due(*history, by=charges(charge(EVENING)), now=END)

    assert (due[0], due[2]) == (fulfilled(EVENING), ended(END, active=True))
    assert (book.entry(R2).fulfilled_at, book.entry(R2).attempt_id) == (END, "a1")


def test_charge_that_outlasts_one_reservation_fulfils_the_fleets_next_one_from_then_on() -> None:
    fleet = Holder(identifiers=(card(),))
    both = [
        made(reservation(id_, start, holder=fleet, place=AT_FAST))
        for id_, start in ((R1, EVENING), (R2, EVENING + HOUR))
    ]
    runs_on = charges(charge(EVENING, identifier=ref("p1"), vehicle_id=None))

    assert all_due(group_put(), *both, by=runs_on, now=END - MINUTE)[1].entry(R2).fulfilled_at is None
    _, book = all_due(group_put(), *both, by=runs_on, now=END + MINUTE)
    assert (book.entry(R1).fulfilled_at, book.entry(R2).fulfilled_at) == (EVENING, END)


def test_cancelled_reservation_stays_cancelled_whatever_charges() -> None:
    history = (made(), cancelled(EVENING + MINUTE))

    assert all_due(*history, by=charges(charge(EVENING)), now=END)[0] == []


def test_next_instants_are_those_at_which_time_alone_makes_something_due() -> None:
    history = (made(reservation(terms=terms(early_start_min=30, no_show_after_min=15))),)
    entry: Entry = given_book(*history).state.entry(R1)
    begins = EVENING - 30 * MINUTE
    now, instants = NOON - 30 * HOUR, []
    while (instant := next_instant(entry, now)) is not None:
        instants.append(instant)
        now = instant

    assert instants == [begins - 24 * HOUR, begins, EVENING + 15 * MINUTE, END]
    over = given_book(*history, NO_SHOW).state.entry(R1)
    assert next_instant(over, NOON) is None
