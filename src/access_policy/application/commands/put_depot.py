"""Register a depot or replace its settings; its chargers follow a corrected time zone."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_depot import ChargersFollow
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.repositories.depots import Depots
from access_policy.domain.depots import depot as depots
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.ids import DepotId, checked_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PutDepot:
    depot_id: DepotId
    settings: DepotSettings
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutDepotHandler:
    depots: Depots
    chargers_follow: ChargersFollow
    clock: Clock

    async def __call__(self, context: Context, command: PutDepot) -> Done:
        depot = await self.depots.find(context.tenant_id, DepotId(checked_id(command.depot_id, "depot_id")))
        changed_at = 0 if depot is None else depot.changed_at
        check_version(command.expected_version, changed_at)
        events = depots.register(command.depot_id, command.settings) if depot is None else depot.put(command.settings)
        version = 0 if depot is None else depot.version
        now = self.clock.now()
        done = await self.depots.record(context, command.depot_id, events, expected_version=version, now=now)
        position = max(done.position, await self.chargers_follow(context, command.depot_id))
        return Done(version=done.version if events else changed_at, position=position, created=depot is None)
