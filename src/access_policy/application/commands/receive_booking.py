"""A partner's booking: made, changed or cancelled by the partner's request, whose versions order the messages."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from access_policy.application.commands import Done
from access_policy.application.commands.on_book import ChangeBook, version_of
from access_policy.application.commands.reservation_drafts import (
    ReservablePlaces,
    ReservationDraft,
    ReservationHolders,
)
from access_policy.application.context import Context
from access_policy.application.ports.event_store import VersionConflict
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import DepotId, ReservationId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Outcome
from access_policy.domain.reservations.errors import ReservationUnknown
from access_policy.domain.reservations.events import RequestedBy
from access_policy.domain.reservations.reservation import PartnerRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveBooking:
    """The draft has a request: a new request makes a booking, a newer version changes it, and an older version changes
    nothing. A booking of another depot is moved: that depot's reservation ends in the same append."""

    depot_id: DepotId
    draft: ReservationDraft


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelBooking:
    depot_id: DepotId
    request: PartnerRequest
    reason: str


@dataclass(frozen=True, slots=True)
class ReceiveBookingHandler:
    change: ChangeBook
    places: ReservablePlaces
    holders: ReservationHolders

    async def __call__(self, context: Context, command: ReceiveBooking) -> Done:
        """Make, change or move the booking. `created_id` is the reservation's. Raises `DepotUnknown`, the refusals of
        `ReservablePlaces`, `ReservationHolders` and `ReservationBook.receive`, `VersionConflict` or
        `StoreUnavailable`."""
        tenant_id, depot_id, draft = context.tenant_id, command.depot_id, command.draft
        assert draft.request is not None, "a partner's booking has a request"
        await self.change.depots.get(tenant_id, depot_id)
        await self.places.check(tenant_id, depot_id, draft.place)
        values = self.holders.checked(tenant_id, draft)
        before = self.change.of_reservations.depot_of_booking(tenant_id, draft.request)
        if before not in (None, depot_id):
            return await self._moved(context, command, values, before)
        now = self.change.clock.now()
        async with self.change.books.locked(tenant_id, depot_id) as book:
            known = _known(book, draft.request)
            reservation_id = known or ReservationId(context.created_id("reservation", depot_id))
            had = None if known is None else book.entry(known).reservation.holder
            hidden = draft.reservation(reservation_id, book.settings.terms, self.holders.unsealed(tenant_id, values))
            book.receive(hidden, received_from=context.actor, now=now)  # refuse before sealing anything
            identifiers = await self.holders.sealed(tenant_id, reservation_id, values, had)
            booking = draft.reservation(reservation_id, book.settings.terms, identifiers)
            done = await self.change.record(
                context,
                book,
                None,
                version_of(reservation_id),
                lambda book: book.receive(booking, received_from=context.actor, now=now),
            )
        return replace(done, created_id=reservation_id)

    async def _moved(
        self, context: Context, command: ReceiveBooking, values: Sequence[Identifier], before: DepotId
    ) -> Done:
        """Move the booking. Books are locked in the order of their depots, so that two moves cannot deadlock."""
        tenant_id, draft, now = context.tenant_id, command.draft, self.change.clock.now()
        assert draft.request is not None, "a partner's booking has a request"
        async with AsyncExitStack() as locked:
            books = {
                each: await locked.enter_async_context(self.change.books.locked(tenant_id, each))
                for each in sorted((before, command.depot_id))
            }
            old, new = books[before], books[command.depot_id]
            if draft.request.key not in old.entries.by_request:
                raise VersionConflict("the booking was moved by others; decide again")
            left = old.entry(old.entries.by_request[draft.request.key])
            last = left.reservation.request
            if last is not None and draft.request.version <= last.version:
                return Done(version=left.changed_at, position=0, created_id=left.reservation.reservation_id)
            moved_id = ReservationId(context.created_id("reservation", command.depot_id))
            hidden = draft.reservation(moved_id, new.settings.terms, self.holders.unsealed(tenant_id, values))
            new.receive(hidden, received_from=context.actor, now=now)  # refuse before sealing anything
            gone = old.move_away(hidden, moved_id, moved_by=context.actor, now=now)
            identifiers = await self.holders.sealed(tenant_id, moved_id, values, None)
            booking = draft.reservation(moved_id, new.settings.terms, identifiers)
            made = new.receive(booking, received_from=context.actor, now=now)
            done = await self.change.books.record_together(context, [(old, gone), (new, made)], now=now)
        return Done(version=done.version, position=done.position, created_id=moved_id, created=True)


@dataclass(frozen=True, slots=True)
class CancelBookingHandler:
    change: ChangeBook

    async def __call__(self, context: Context, command: CancelBooking) -> Done:
        """Cancel the booking. A request older than the booking's changes nothing; a booking that has moved to another
        depot is cancelled there. Raises `ReservationUnknown`, `ReservationOver`, `TooLateToChange`, `VersionConflict`
        or `StoreUnavailable`."""
        now = self.change.clock.now()
        here = self.change.of_reservations.depot_of_booking(context.tenant_id, command.request) or command.depot_id
        async with self.change.books.locked(context.tenant_id, here) as book:
            known = _known(book, command.request)
            if known is None:
                raise ReservationUnknown(f"There is no booking {command.request.request_id[:64]} of this partner.")
            entry = book.entry(known)
            last = entry.reservation.request
            if entry.outcome is Outcome.CANCELLED or (last is not None and command.request.version <= last.version):
                return Done(version=entry.changed_at, position=0, created_id=known)
            done = await self.change.record(
                context,
                book,
                None,
                version_of(known),
                lambda book: book.cancel(
                    known,
                    command.reason,
                    requested_by=RequestedBy.PARTNER,
                    cancelled_by=context.actor,
                    now=now,
                    request_version=command.request.version,
                ),
            )
        return replace(done, created_id=known)


def _known(book: ReservationBook, request: PartnerRequest) -> ReservationId | None:
    return book.entries.by_request.get(request.key)
