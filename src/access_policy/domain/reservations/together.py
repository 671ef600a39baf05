"""Many requested reservations of one book that may be possible together, but not in every order.

Both functions change the book that they are given: pass a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from access_policy.domain.errors import Refused
from access_policy.domain.ids import ActorId, ReservationId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.errors import PromisedAlready
from access_policy.domain.reservations.events import (
    RequestedBy,
    ReservationChanged,
    ReservationEvent,
    ReservationMade,
)
from access_policy.domain.reservations.reservation import Reservation


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`puts` are made, or changed where the book has their id; `gone` are cancelled for `reason`. All of them are live."""

    puts: Sequence[Reservation]
    gone: Sequence[ReservationId]
    by: ActorId
    reason: str
    now: datetime


def refused_together(book: ReservationBook, wanted: Wanted) -> dict[ReservationId, Refused]:
    """Return the puts that cannot be promised beside all the others, with the reasons. A refused reservation keeps its
    present place, so one refusal can cause others.
    """
    entries = book.entries
    had = {each.reservation_id: entries.by_id.get(each.reservation_id) for each in wanted.puts}
    for entry in (*(entries.by_id[each] for each in wanted.gone), *had.values()):
        if entry is not None:
            entries.drop(entry)
    refused: dict[ReservationId, Refused] = {}
    while newly := _refused_once(book, wanted, had, refused):
        refused |= newly
        if all(had[each] is None for each in newly):
            break
        for each in wanted.puts:
            if each.reservation_id not in refused:
                entries.drop(entries.by_id[each.reservation_id])
        for reservation_id in newly:
            if (kept := had[reservation_id]) is not None:
                entries.put(kept)
    return refused


def _refused_once(
    book: ReservationBook,
    wanted: Wanted,
    had: dict[ReservationId, Entry | None],
    refused: dict[ReservationId, Refused],
) -> dict[ReservationId, Refused]:
    newly: dict[ReservationId, Refused] = {}
    for each in wanted.puts:
        if each.reservation_id in refused:
            continue
        try:
            book.make(each, made_by=wanted.by, now=wanted.now)
        except Refused as refusal:
            newly[each.reservation_id] = refusal
            continue
        entry = had[each.reservation_id]
        book.entries.put(
            Entry(reservation=each, made_at=wanted.now, changed_at=0)
            if entry is None
            else replace(entry, reservation=each)
        )
    return newly


def in_steps(book: ReservationBook, wanted: Wanted, *, size: int) -> Iterator[list[ReservationEvent]]:
    """Yield the events in groups of about `size`, each of which may be a separate append. A reservation comes after those
    whose places it takes; reservations that exchange places share a group. All puts must be possible together.
    """
    steps = _Steps(book, wanted)
    for reservation_id in wanted.gone:
        steps.take(
            book.cancel(
                reservation_id,
                wanted.reason,
                requested_by=RequestedBy.OPERATOR,
                cancelled_by=wanted.by,
                now=wanted.now,
            )
        )
        yield from steps.full(size)
    waiting = list(wanted.puts)
    while waiting:
        later = []
        for each in waiting:
            if not steps.put(each):
                later.append(each)
            yield from steps.full(size)
        if len(later) == len(waiting):
            steps.exchange(later)
            break
        waiting = later
    yield from steps.full(1)


@dataclass(slots=True)
class _Steps:
    book: ReservationBook
    wanted: Wanted
    events: list[ReservationEvent] = field(default_factory=list)

    def take(self, events: Iterable[ReservationEvent]) -> None:
        for event in events:
            self.book.apply(event)
            self.events.append(event)

    def full(self, size: int) -> Iterator[list[ReservationEvent]]:
        if len(self.events) >= size:
            yield self.events
            self.events = []

    def put(self, each: Reservation) -> bool:
        """Make or change the reservation. Returns False if another one still has its place."""
        by, now = self.wanted.by, self.wanted.now
        try:
            if each.reservation_id in self.book.entries.by_id:
                self.take(self.book.change(each, requested_by=RequestedBy.OPERATOR, changed_by=by, now=now))
            else:
                self.take(self.book.make(each, made_by=by, now=now))
        except PromisedAlready:
            return False
        return True

    def exchange(self, puts: Iterable[Reservation]) -> None:
        by, now, depot_id = self.wanted.by, self.wanted.now, self.book.depot_id
        for each in puts:
            known = each.reservation_id in self.book.entries.by_id
            event: ReservationEvent = (
                ReservationChanged(depot_id=depot_id, reservation=each, changed_by=by, changed_at=now)
                if known
                else ReservationMade(depot_id=depot_id, reservation=each, made_by=by, made_at=now)
            )
            self.take((event,))
