"""Replace a reservation's vehicle: one reservation ends and the next begins in one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from access_policy.application.commands import Done
from access_policy.application.commands.on_book import ChangeBook, version_of
from access_policy.application.commands.reservation_drafts import (
    ReservablePlaces,
    ReservationDraft,
    ReservationHolders,
)
from access_policy.application.context import Context
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ReservationId, VehicleId
from access_policy.domain.reservations.operating_days import plan_was_applied
from access_policy.domain.reservations.reservation import Place, Reservation, ReservationSource


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaceReservation:
    """The successor has its own holder; every field that is None here comes from the reservation that it replaces, so
    that it serves the same block of work. `successor_id` None: the service creates an id."""

    reservation_id: ReservationId
    reason: str
    vehicle_id: VehicleId | None = None
    identifiers: Sequence[tuple[IdentifierKind, str]] = ()
    place: Place | None = None
    start: datetime | None = None
    end: datetime | None = None
    note: str | None = None
    successor_id: ReservationId | None = None
    expected_version: int | None = None

    def draft(self, of: Reservation) -> ReservationDraft:
        return ReservationDraft(
            place=self.place or of.place,
            start=self.start or of.start,
            end=self.end or of.end,
            source=ReservationSource.MANUAL,
            vehicle_id=self.vehicle_id,
            identifiers=self.identifiers,
            assignment=of.assignment,
            note=of.note if self.note is None else self.note,
        )


@dataclass(frozen=True, slots=True)
class ReplaceReservationHandler:
    change: ChangeBook
    places: ReservablePlaces
    holders: ReservationHolders

    async def __call__(self, context: Context, command: ReplaceReservation) -> Done:
        """Replace the reservation. `created_id` is the successor's. Raises `ReservationUnknown`, the refusals of
        `ReservablePlaces`, `ReservationHolders` and `ReservationBook.replace`, `VersionMismatch`, `VersionConflict` or
        `StoreUnavailable`."""
        tenant_id, replaced = context.tenant_id, command.reservation_id
        depot_id = self.change.depot_of(tenant_id, replaced)
        depot = await self.change.depots.get(tenant_id, depot_id)
        if command.place is not None:
            await self.places.check(tenant_id, depot_id, command.place)
        successor_id = command.successor_id or ReservationId(context.created_id("reservation", depot_id))
        now = self.change.clock.now()
        async with self.change.books.locked(tenant_id, depot_id) as book:
            known = book.entry(replaced).reservation
            draft = command.draft(known)
            values = self.holders.checked(tenant_id, draft)
            draft = replace(draft, is_ad_hoc=known.is_ad_hoc or plan_was_applied(book, draft.start, depot.zone))
            hidden = draft.reservation(successor_id, known.terms, self.holders.unsealed(tenant_id, values))
            book.replace(
                replaced, hidden, command.reason, replaced_by=context.actor, now=now
            )  # refuse before sealing anything
            identifiers = await self.holders.sealed(tenant_id, successor_id, values, None)
            successor = draft.reservation(successor_id, known.terms, identifiers)
            done = await self.change.record(
                context,
                book,
                command.expected_version,
                version_of(replaced),
                lambda book: book.replace(replaced, successor, command.reason, replaced_by=context.actor, now=now),
            )
        return replace(done, created_id=successor_id, created=True)
