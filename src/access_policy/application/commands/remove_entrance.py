"""Remove an entrance of a depot; attempts decided at it stay on record."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.repositories.depots import Depots
from access_policy.domain.ids import DepotId, EntranceId


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveEntrance:
    depot_id: DepotId
    entrance_id: EntranceId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveEntranceHandler:
    depots: Depots
    clock: Clock

    async def __call__(self, context: Context, command: RemoveEntrance) -> Done:
        """Remove the entrance. Raises `DepotUnknown`, `EntranceUnknown`, `VersionMismatch`, `VersionConflict` or
        `StoreUnavailable`."""
        depot = await self.depots.get(context.tenant_id, command.depot_id)
        depot.entrance(command.entrance_id)
        check_version(command.expected_version, depot.entrance_changed_at[command.entrance_id])
        events = depot.remove_entrance(command.entrance_id)
        done = await self.depots.record(
            context, command.depot_id, events, expected_version=depot.version, now=self.clock.now()
        )
        return Done(version=done.version, position=done.position)
