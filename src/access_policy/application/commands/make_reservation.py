"""Reserve a charger, or one of a group, for a holder and a window."""

from __future__ import annotations

from dataclasses import dataclass, replace

from access_policy.application.commands import Done
from access_policy.application.commands.on_book import ChangeBook, version_of
from access_policy.application.commands.reservation_drafts import (
    ReservablePlaces,
    ReservationDraft,
    ReservationHolders,
)
from access_policy.application.context import Context
from access_policy.domain.ids import DepotId, ReservationId
from access_policy.domain.reservations.errors import ReservationIdTaken
from access_policy.domain.reservations.operating_days import plan_was_applied


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeReservation:
    """`reservation_id` None: the service creates an id."""

    depot_id: DepotId
    draft: ReservationDraft
    reservation_id: ReservationId | None = None


@dataclass(frozen=True, slots=True)
class MakeReservationHandler:
    change: ChangeBook
    places: ReservablePlaces
    holders: ReservationHolders

    async def __call__(self, context: Context, command: MakeReservation) -> Done:
        """Make the reservation. Raises `DepotUnknown`, the refusals of `ReservablePlaces`, `ReservationHolders` and
        `ReservationBook.make`, `VersionConflict` or `StoreUnavailable`."""
        tenant_id, depot_id, draft = context.tenant_id, command.depot_id, command.draft
        depot = await self.change.depots.get(tenant_id, depot_id)
        await self.places.check(tenant_id, depot_id, draft.place)
        reservation_id = command.reservation_id or ReservationId(context.created_id("reservation", depot_id))
        values = self.holders.checked(tenant_id, draft)
        now = self.change.clock.now()
        async with self.change.books.locked(tenant_id, depot_id) as book:
            elsewhere = self.change.of_reservations.depot_of_reservation(tenant_id, reservation_id)
            if elsewhere not in (None, depot_id):
                raise ReservationIdTaken(
                    f"Reservation {reservation_id} exists at another depot; choose another id.",
                    pointer="/reservation_id",
                )
            entry = book.entries.by_id.get(reservation_id)
            ad_hoc = plan_was_applied(book, draft.start, depot.zone) if entry is None else entry.reservation.is_ad_hoc
            draft = replace(draft, is_ad_hoc=ad_hoc)
            if entry is None:  # refuse before sealing anything
                hidden = self.holders.unsealed(tenant_id, values)
                possible = draft.reservation(reservation_id, book.settings.terms, hidden)
                book.make(possible, made_by=context.actor, now=now)
            known = None if entry is None else entry.reservation.holder
            identifiers = await self.holders.sealed(tenant_id, reservation_id, values, known)
            reservation = draft.reservation(reservation_id, book.settings.terms, identifiers)
            done = await self.change.record(
                context,
                book,
                None,
                version_of(reservation_id),
                lambda book: book.make(reservation, made_by=context.actor, now=now),
            )
        return Done(version=done.version, position=done.position, created_id=reservation_id, created=done.created)
