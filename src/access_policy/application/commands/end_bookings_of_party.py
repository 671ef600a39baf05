"""Cancel the bookings of a partner that is being removed from a depot, unless they have begun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from access_policy.application.commands.on_book import ChangeBook
from access_policy.application.context import Context
from access_policy.domain.ids import DepotId

AT_ONCE: Final = 200  # cancellations in one append


@dataclass(frozen=True, slots=True, kw_only=True)
class EndBookingsOfParty:
    """`reason` is recorded with each cancellation."""

    depot_id: DepotId
    party: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedBookings:
    """`kept` counts the bookings that have begun and are not over; they run to their end. `position` is the log
    position, 0 without a change."""

    cancelled: int
    kept: int
    position: int


@dataclass(frozen=True, slots=True)
class EndBookingsOfPartyHandler:
    change: ChangeBook

    async def __call__(self, context: Context, command: EndBookingsOfParty) -> EndedBookings:
        """Cancel up to `AT_ONCE` bookings; repeat until none is cancelled. Raises `VersionConflict` or `StoreUnavailable`."""
        books, now = self.change.books, self.change.clock.now()
        async with books.locked(context.tenant_id, command.depot_id) as book:
            to_come, begun = book.live_of_party(command.party, now)
            events = book.cancel_all(to_come[:AT_ONCE], command.reason, cancelled_by=context.actor, now=now)
            done = await books.record(context, book, events, now=now)
        return EndedBookings(cancelled=len(events), kept=len(begun), position=done.position if events else 0)
