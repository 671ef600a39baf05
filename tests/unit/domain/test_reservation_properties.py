"""Whatever is asked of a book in whatever order: every promise could be kept at every minute, and a refusal was right.

The reference assigns chargers by trying every possibility, minute by minute; the book counts and matches at starts only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import permutations

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.errors import Refused
from access_policy.domain.ids import AttemptId, ChargerId, ReservationGroupId, ReservationId
from access_policy.domain.reservations import book as books
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entries import KEPT_FOR
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.errors import ChargerReserved, GroupFull
from access_policy.domain.reservations.events import RequestedBy, ReservationEvent
from access_policy.domain.reservations.promises import can_each_have_one
from access_policy.domain.reservations.reservation import (
    Holder,
    Place,
    Reservation,
    ReservationGroup,
    ReservationSource,
)
from tests.support.builders import ANNA, HOUR, MINUTE, NOON, NORTH, VAN
from tests.support.lengths import Length
from tests.support.reservations import terms

DAYS = Length(ci=60, soak=2_000, of="days of reservations")

CHARGERS = tuple(ChargerId(f"bay-{number}") for number in range(1, 5))
GROUPS = tuple(ReservationGroupId(each) for each in ("fast", "any"))
STEP = 30 * MINUTE  # everything begins and ends on half hours

places = st.sampled_from(
    [
        *(Place(charger_id=each) for each in CHARGERS[:3]),
        *(Place(charger_id=CHARGERS[0], connector_id=number) for number in (1, 2)),
        *(Place(group_id=each) for each in GROUPS * 2),
    ]
)
some_terms = st.builds(
    terms,
    early_start_min=st.sampled_from([0, 0, 30]),
    late_stop_min=st.sampled_from([None, None, 30]),
    no_show_after_min=st.sampled_from([None, 30]),
    release_on_stop=st.booleans(),
)
some_chargers = st.frozensets(st.sampled_from(CHARGERS), min_size=1, max_size=3)


@dataclass(frozen=True)
class Step:
    kind: str
    number: int
    place: Place
    start: int  # in steps from noon
    length: int
    terms: object
    chargers: frozenset[ChargerId]
    wait: int


steps = st.builds(
    Step,
    kind=st.sampled_from(["make"] * 6 + ["change"] * 2 + ["cancel", "fulfil", "miss", "end", "put group"]),
    number=st.integers(1, 8),
    place=places,
    start=st.integers(0, 10),
    length=st.integers(1, 6),
    terms=some_terms,
    chargers=some_chargers,
    wait=st.sampled_from([0, 0, 0, 1]),
)


def asked(step: Step) -> Reservation:
    start = NOON + step.start * STEP
    return Reservation(
        reservation_id=ReservationId(f"r{step.number}"),
        holder=Holder(vehicle_id=VAN),
        place=step.place,
        start=start,
        end=start + step.length * STEP,
        source=ReservationSource.MANUAL,
        terms=step.terms,  # type: ignore[arg-type]
    )


def decided(book: ReservationBook, step: Step, now: datetime) -> Sequence[ReservationEvent]:
    reservation_id = ReservationId(f"r{step.number}")
    operator = RequestedBy.OPERATOR
    match step.kind:
        case "make":
            return book.make(asked(step), made_by=ANNA, now=now)
        case "change":
            return book.change(asked(step), requested_by=operator, changed_by=ANNA, now=now)
        case "cancel":
            return book.cancel(reservation_id, "any", requested_by=operator, cancelled_by=ANNA, now=now)
        case "fulfil":
            return book.fulfil(reservation_id, CHARGERS[0], AttemptId("a1"), at=now)
        case "miss":
            return book.miss(reservation_id, now=now)
        case "end":
            return book.end(reservation_id, session_active=step.length > 3, now=now)
        case _:
            group = ReservationGroup(group_id=GROUPS[step.number % 2], name="any", charger_ids=step.chargers)
            return book.put_group(group, now=now)


def can_be_kept(promised: Sequence[Reservation], groups: dict[ReservationGroupId, frozenset[ChargerId]]) -> bool:
    """At every half hour: no charger or connector by name twice, and a charger of its own for each promise of a group."""
    for number in range(-2, 40):
        at = NOON + number * STEP
        holding = [
            each for each in promised if each.start - each.terms.early_start <= at < each.end + each.terms.late_stop
        ]
        named = [(each.place.charger_id, each.place.connector_id) for each in holding if each.place.charger_id]
        whole = [charger_id for charger_id, connector_id in named if connector_id is None]
        if len(set(named)) != len(named) or any(sum(c == w for c, _ in named) > 1 for w in whole):
            return False
        free = [each for each in CHARGERS if each not in {charger_id for charger_id, _ in named}]
        wanted = [groups[each.place.group_id] for each in holding if each.place.group_id]
        if not any(
            all(charger_id in chargers for charger_id, chargers in zip(chosen, wanted, strict=True))
            for chosen in permutations(free, len(wanted))
        ):
            return False
    return True


def promised(book: ReservationBook, now: datetime) -> list[Reservation]:
    return [each.reservation for each in book.entries.by_id.values() if each.is_promised(now)]


@pytest.mark.soak(DAYS)
@hypothesis.settings(max_examples=DAYS.count)
@given(first=some_chargers, second=some_chargers, day=st.lists(steps, min_size=5, max_size=25))
def test_every_promise_can_be_kept_and_every_refusal_was_necessary(
    first: frozenset[ChargerId], second: frozenset[ChargerId], day: list[Step]
) -> None:
    book, history, now = ReservationBook(NORTH), [], NOON
    for group_id, chargers in zip(GROUPS, (first, second), strict=True):
        for event in book.put_group(ReservationGroup(group_id=group_id, name="any", charger_ids=chargers), now=now):
            book.apply(event)
            history.append(event)
    for step in day:
        now += step.wait * STEP
        before = book.copy()
        try:
            events = decided(book, step, now)
        except (ChargerReserved, GroupFull):
            events = ()
            assert not possible(book, step, now), "refused, though every promise could have been kept"
        except Refused:
            events = ()
        assert book == before, "deciding changed the book"
        for event in events:
            book.apply(event)
            history.append(event)
        assert can_be_kept(promised(book, now), groups_of(book))
    assert books.fold(NORTH, history) == book
    assert_found_everywhere(book)


def possible(book: ReservationBook, step: Step, now: datetime) -> bool:
    if step.kind == "put group":
        groups = {**groups_of(book), GROUPS[step.number % 2]: step.chargers}
        return can_be_kept([each for each in promised(book, now) if each.clears > now], groups)
    others = [each for each in promised(book, now) if each.reservation_id != f"r{step.number}"]
    return can_be_kept([*others, asked(step)], groups_of(book))


def groups_of(book: ReservationBook) -> dict[ReservationGroupId, frozenset[ChargerId]]:
    return {each.group_id: each.charger_ids for each in book.groups.values()}


def assert_found_everywhere(book: ReservationBook) -> None:
    """An entry is found by its holder, and by its place at its first and last minute and not outside."""
    entries = list(book.entries.by_id.values())
    assert sorted(map(id, book.entries.held_by(None, VAN))) == sorted(map(id, entries))
    for entry in entries:
        begins, clears = entry.reservation.begins, entry.reservation.clears
        assert entry in found(book, entry, begins, begins + MINUTE)
        assert entry in found(book, entry, clears - MINUTE, clears)
        assert entry not in found(book, entry, begins - HOUR, begins)
        assert entry not in found(book, entry, clears, clears + HOUR)


def found(book: ReservationBook, entry: Entry, start: datetime, end: datetime) -> list[Entry]:
    place = entry.reservation.place
    key = ("charger", place.charger_id) if place.charger_id else ("group", place.group_id)
    return book.entries.at_places([key], start, end)  # type: ignore[list-item]


@given(st.lists(st.frozensets(st.sampled_from("abcde"), max_size=3), max_size=5))
def test_can_each_have_one_agrees_with_trying_every_possibility(wanted: list[frozenset[str]]) -> None:
    chosen = permutations("abcde", len(wanted))

    assert can_each_have_one(wanted) is any(  # type: ignore[arg-type]
        all(charger in chargers for charger, chargers in zip(each, wanted, strict=True)) for each in chosen
    )


@given(
    minutes=st.lists(st.integers(-600, 600), min_size=1, max_size=20),
    entry_terms=some_terms,
    fulfilled=st.none() | st.integers(0, 90),
)
def test_of_an_entry_it_never_holds_after_it_is_over_and_what_holds_is_promised(
    minutes: list[int], entry_terms: object, fulfilled: int | None
) -> None:
    reservation = replace(asked(Step("make", 1, Place(charger_id=CHARGERS[0]), 4, 4, entry_terms, frozenset(), 0)))
    at_start = None if fulfilled is None else reservation.start + timedelta(minutes=fulfilled)
    entry = Entry(reservation=reservation, made_at=reservation.begins, changed_at=1, fulfilled_at=at_start)

    for instant in sorted(NOON + minute * MINUTE for minute in minutes):
        assert not (entry.holds(instant) and entry.is_over(instant))
        assert entry.is_promised(instant) or not entry.holds(instant)
        assert entry.holds(instant) or not entry.is_outstanding(instant)


def test_finished_entries_of_a_year_of_days_leave_no_trace() -> None:
    book = ReservationBook(NORTH)
    for number in range(365):
        now = NOON + timedelta(days=number)
        step = Step("make", number, Place(charger_id=CHARGERS[0]), 0, 2, terms(), frozenset(), 0)
        reservation = replace(asked(step), start=now + HOUR, end=now + 2 * HOUR)
        for event in book.make(reservation, made_by=ANNA, now=now):
            book.apply(event)
        for event in book.end(reservation.reservation_id, session_active=False, now=now + 3 * HOUR):
            book.apply(event)

    assert len(book.entries.by_id) == KEPT_FOR.days + 1
    assert_found_everywhere(book)
