"""Change the content of a reservation: its window, place, holder or terms."""

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
from access_policy.domain.ids import ReservationId
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.events import RequestedBy
from access_policy.domain.reservations.operating_days import plan_was_applied


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeReservation:
    """`draft` is the whole new content, but the reservation keeps its source and the partner's request. A draft without
    identifiers (None) keeps the reservation's identifiers."""

    reservation_id: ReservationId
    draft: ReservationDraft
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeReservationHandler:
    change: ChangeBook
    places: ReservablePlaces
    holders: ReservationHolders

    async def __call__(self, context: Context, command: ChangeReservation) -> Done:
        """Change the reservation. Raises `ReservationUnknown`, the refusals of `ReservablePlaces`, `ReservationHolders`
        and `ReservationBook.change`, `VersionMismatch`, `VersionConflict` or `StoreUnavailable`."""
        tenant_id, reservation_id = context.tenant_id, command.reservation_id
        depot_id = self.change.depot_of(tenant_id, reservation_id)
        depot = await self.change.depots.get(tenant_id, depot_id)
        await self.places.check(tenant_id, depot_id, command.draft.place)
        values = self.holders.checked(tenant_id, command.draft)
        now = self.change.clock.now()
        async with self.change.books.locked(tenant_id, depot_id) as book:
            entry = book.entry(reservation_id)
            identifiers = entry.reservation.holder.named
            if command.draft.identifiers is not None:
                identifiers = await self.holders.sealed(tenant_id, reservation_id, values, entry.reservation.holder)
            draft = _of_the_same_origin(command.draft, entry)
            changed = draft.reservation(reservation_id, entry.reservation.terms, identifiers)
            if changed != entry.reservation:
                days = (changed.start, entry.reservation.start)
                ad_hoc = changed.is_ad_hoc or any(plan_was_applied(book, each, depot.zone) for each in days)
                changed = replace(changed, is_ad_hoc=ad_hoc)
            return await self.change.record(
                context,
                book,
                command.expected_version,
                version_of(reservation_id),
                lambda book: book.change(changed, requested_by=RequestedBy.OPERATOR, changed_by=context.actor, now=now),
            )


def _of_the_same_origin(draft: ReservationDraft, entry: Entry) -> ReservationDraft:
    """Return the draft with the source and request of the entry. A token that the partner has declared invalid stays
    withheld."""
    known = entry.reservation
    withheld = frozenset(each.ref for each in known.holder.withheld)
    return replace(draft, source=known.source, request=known.request, is_ad_hoc=known.is_ad_hoc, withheld=withheld)
