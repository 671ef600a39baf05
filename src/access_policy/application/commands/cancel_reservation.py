"""Cancel a reservation; it is never revived."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_book import ChangeBook, version_of
from access_policy.application.context import Context
from access_policy.domain.ids import ReservationId
from access_policy.domain.reservations.events import RequestedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelReservation:
    """`replaced_by` is the reservation that replaces it."""

    reservation_id: ReservationId
    reason: str
    replaced_by: ReservationId | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class CancelReservationHandler:
    change: ChangeBook

    async def __call__(self, context: Context, command: CancelReservation) -> Done:
        """Cancel the reservation. Raises `ReservationUnknown`, `ReservationOver`, `VersionMismatch`, `VersionConflict`
        or `StoreUnavailable`."""
        now = self.change.clock.now()
        return await self.change(
            context,
            self.change.depot_of(context.tenant_id, command.reservation_id),
            command.expected_version,
            version_of(command.reservation_id),
            lambda book: book.cancel(
                command.reservation_id,
                command.reason,
                requested_by=RequestedBy.OPERATOR,
                cancelled_by=context.actor,
                now=now,
                replaced_by=command.replaced_by,
            ),
        )
