"""Shared by the commands on a depot's reservations: the depot, its book, and recording the book's events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.directories import DepotsOfReservations
from access_policy.application.repositories.depots import Depots
from access_policy.application.repositories.reservation_books import ReservationBooks
from access_policy.domain.ids import DepotId, ReservationId, TenantId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.errors import ReservationUnknown
from access_policy.domain.reservations.events import ReservationEvent

Decide = Callable[[ReservationBook], tuple[ReservationEvent, ...]]
CurrentVersion = Callable[[ReservationBook], int]


@dataclass(frozen=True, slots=True)
class ChangeBook:
    books: ReservationBooks
    depots: Depots
    of_reservations: DepotsOfReservations
    clock: Clock

    async def __call__(
        self,
        context: Context,
        depot_id: DepotId,
        expected_version: int | None,
        current_version: CurrentVersion,
        decide: Decide,
    ) -> Done:
        """Record the decision of the depot's book. Raises `VersionMismatch`, `VersionConflict`, `StoreUnavailable`, or
        a refusal of `decide`."""
        async with self.books.locked(context.tenant_id, depot_id) as book:
            return await self.record(context, book, expected_version, current_version, decide)

    async def record(
        self,
        context: Context,
        book: ReservationBook,
        expected_version: int | None,
        current_version: CurrentVersion,
        decide: Decide,
    ) -> Done:
        """Like a call, but for a book that the caller has locked."""
        current = current_version(book)
        check_version(expected_version, current)
        events = decide(book)
        done = await self.books.record(context, book, events, now=self.clock.now())
        return Done(version=done.version if events else current, position=done.position, created=current == 0)

    def depot_of(self, tenant_id: TenantId, reservation_id: ReservationId) -> DepotId:
        """Return the depot of the reservation. Raises `ReservationUnknown`."""
        found = self.of_reservations.depot_of_reservation(tenant_id, reservation_id)
        if found is None:
            raise ReservationUnknown.named(reservation_id)
        return found


def version_of(reservation_id: ReservationId) -> CurrentVersion:
    """Return 0 for a reservation that the book does not have."""

    def current(book: ReservationBook) -> int:
        entry = book.entries.by_id.get(reservation_id)
        return 0 if entry is None else entry.changed_at

    return current
