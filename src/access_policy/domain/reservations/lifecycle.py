"""The outcomes of reservations that follow from the charges at their depot and from time, as events that are due.

A pure function of the book, the charges, the troubles of chargers and the instant. It may be called any number of times,
late, and by several processes, because a recorded event is no longer due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from access_policy.domain.ids import AttemptId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.charges import Charge, Charges
from access_policy.domain.reservations.conflicts import AHEAD
from access_policy.domain.reservations.entry import Entry, Outcome
from access_policy.domain.reservations.events import FollowingEvent
from access_policy.domain.reservations.here import is_here


def due_events(
    book: ReservationBook, entries: Iterable[Entry], charges: Charges, now: datetime
) -> Iterator[FollowingEvent]:
    """Return at most one due event for each of these entries of the book. Fold them and call again until none is due."""
    found = _Found(book, charges, now)
    for entry in sorted(entries, key=_by_name_first):
        yield from found.due(entry)


def next_instant(entry: Entry, now: datetime) -> datetime | None:
    """Return the first instant after `now` at which time alone may make an event or a conflict due."""
    if entry.outcome is not None:
        return None
    instants = (entry.begins - AHEAD, entry.begins, entry.lost_at, entry.reservation.end)
    return min((each for each in instants if each is not None and now < each), default=None)


def may_be_due(entry: Entry, charges: Charges, now: datetime) -> bool:
    """Return False if no event is due for the entry: a cheap check that is exact for entries far in the future or past."""
    if entry.outcome is None:
        return entry.begins <= now
    return entry.outcome is not Outcome.CANCELLED and entry.fulfilled_at is None and _has_any(entry, charges)


@dataclass(slots=True)
class _Found:
    """`_taken`: charges that fulfil a reservation by an event of this call."""

    book: ReservationBook
    charges: Charges
    now: datetime
    _taken: dict[AttemptId, Entry] = field(default_factory=dict)

    def due(self, entry: Entry) -> tuple[FollowingEvent, ...]:
        id_ = entry.reservation.reservation_id
        if entry.fulfilled_at is None and (arrival := self._arrival(entry)) is not None:
            at, charge = arrival
            self._taken[charge.attempt_id] = entry
            return self.book.fulfil(id_, charge.charger_id, charge.attempt_id, at=at)
        return self.book.miss(id_, now=self.now) or self._end(entry)

    def _end(self, entry: Entry) -> tuple[FollowingEvent, ...]:
        """Return the end of the reservation, if due. Before the window's end, a charge of the holder must be known to have
        ended, because a process may see a start later than the fulfilment that another process recorded.
        """
        own = [each for each in self._charges_here(entry) if self._free_at(entry, each) is not None]
        is_active = any(each.ended_at is None for each in own)
        if self.now < entry.reservation.end and (is_active or not any(_ended_within(each, entry) for each in own)):
            return ()
        return self.book.end(entry.reservation.reservation_id, session_active=is_active, now=self.now)

    def _arrival(self, entry: Entry) -> tuple[datetime, Charge] | None:
        """Return the first instant at which a charge of the holder ran here while the reservation was in force. A
        charger's clock may be ahead of ours. A charge that was over when the reservation was made does not count, even if
        it began at that instant.
        """
        for charge in self._charges_here(entry):
            free_at = self._free_at(entry, charge)
            if free_at is None or _was_over(charge, entry.made_at):
                continue
            at = max(min(charge.started_at, self.now), entry.begins, free_at)
            ran = at == charge.started_at or charge.ended_at is None or at < charge.ended_at
            if ran and at <= self.now and not entry.is_over(at):
                return at, charge
        return None

    def _charges_here(self, entry: Entry) -> Iterator[Charge]:
        for charge in self.charges.of(entry.reservation.holder):
            if is_here(self.book, entry, charge.charger_id, charge.connector_id):
                yield charge

    def _free_at(self, entry: Entry, charge: Charge) -> datetime | None:
        """Return the instant from which the charge may fulfil this reservation; None if it fulfils another one. A charge
        fulfils only one reservation at a time, because a fleet's card may have several.
        """
        other = self._taken.get(charge.attempt_id) or self._fulfilled_by(charge)
        if other is None or charge.attempt_id == entry.attempt_id:
            return entry.begins
        if not other.is_over(self.now):
            return None
        return other.reservation.end if other.over_at is None else other.over_at

    def _fulfilled_by(self, charge: Charge) -> Entry | None:
        held = self.book.entries.held_by(charge.identifier, charge.vehicle_id)
        return next((each for each in reversed(held) if each.attempt_id == charge.attempt_id), None)


def _was_over(charge: Charge, at: datetime) -> bool:
    return charge.ended_at is not None and charge.ended_at <= at


def _ended_within(charge: Charge, entry: Entry) -> bool:
    if charge.ended_at is None or entry.fulfilled_at is None:
        return False
    return charge.attempt_id == entry.attempt_id or charge.ended_at >= entry.fulfilled_at


def _has_any(entry: Entry, charges: Charges) -> bool:
    return next(charges.of(entry.reservation.holder), None) is not None


def _by_name_first(entry: Entry) -> tuple[bool, datetime, str]:
    """Order the reservations of one holder as `ReservationsHere.admitting` prefers them."""
    reservation = entry.reservation
    return reservation.place.group_id is not None, reservation.start, reservation.reservation_id
