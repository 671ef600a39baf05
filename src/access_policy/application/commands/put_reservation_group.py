"""Name a set of a depot's chargers, any free one of which satisfies a reservation of the group."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_book import ChangeBook
from access_policy.application.commands.reservation_drafts import ReservablePlaces
from access_policy.application.context import Context
from access_policy.application.event_loop import cooperatively
from access_policy.domain.ids import DepotId
from access_policy.domain.reservations.reservation import ReservationGroup


@dataclass(frozen=True, slots=True, kw_only=True)
class PutReservationGroup:
    depot_id: DepotId
    group: ReservationGroup
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutReservationGroupHandler:
    change: ChangeBook
    places: ReservablePlaces

    async def __call__(self, context: Context, command: PutReservationGroup) -> Done:
        """Create or replace the group. Raises `DepotUnknown`, the refusals of `ReservablePlaces` and
        `ReservationBook.put_group`, `VersionMismatch`, `VersionConflict` or `StoreUnavailable`."""
        tenant_id, depot_id, group = context.tenant_id, command.depot_id, command.group
        await self.change.depots.get(tenant_id, depot_id)
        group.check()
        async for charger_id in cooperatively(sorted(group.charger_ids)):
            await self.places.check_charger(tenant_id, depot_id, charger_id, pointer="/charger_ids")
        now = self.change.clock.now()
        return await self.change(
            context,
            depot_id,
            command.expected_version,
            lambda book: book.group_changed_at.get(group.group_id, 0),
            lambda book: book.put_group(group, now=now),
        )
