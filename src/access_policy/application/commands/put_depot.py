"""Register a depot, or set its settings anew; its chargers follow a corrected time zone."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.directories import ChargersOfDepot
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.depots import Depots
from access_policy.application.retrying import retrying
from access_policy.domain.depots import depot as depots
from access_policy.domain.depots.depot import DepotSettings
from access_policy.domain.ids import ChargerId, DepotId, checked_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PutDepot:
    depot_id: DepotId
    settings: DepotSettings
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class _MoveCharger:
    charger_id: ChargerId
    time_zone: str


@dataclass(frozen=True, slots=True)
class PutDepotHandler:
    depots: Depots
    policies: ChargerAccessPolicies
    chargers: ChargersOfDepot
    clock: Clock

    async def __call__(self, context: Context, command: PutDepot) -> Done:
        depot = await self.depots.find(context.tenant_id, DepotId(checked_id(command.depot_id, "depot_id")))
        version = 0 if depot is None else depot.version
        check_version(command.expected_version, version)
        events = depots.register(command.depot_id, command.settings) if depot is None else depot.put(command.settings)
        now = self.clock.now()
        done = await self.depots.record(context, command.depot_id, events, expected_version=version, now=now)
        position = max(done.position, await self._move_chargers(context, command))
        return Done(version=done.version, position=position, created=depot is None)

    async def _move_chargers(self, context: Context, command: PutDepot) -> int:
        """Again on each put, so that a charger missed by an earlier, interrupted one follows as well. A charger that
        others are changing is tried again by itself: the depot has its new version already."""
        position = 0
        for charger_id in await self.chargers.charger_ids(context.tenant_id, command.depot_id):
            move = _MoveCharger(charger_id, command.settings.time_zone)
            position = max(position, await retrying(self._move)(context, move))
        return position

    async def _move(self, context: Context, move: _MoveCharger) -> int:
        policy = await self.policies.get(context.tenant_id, move.charger_id)
        events = policy.move_to_time_zone(move.time_zone)
        done = await self.policies.record(
            context, move.charger_id, events, expected_version=policy.version, now=self.clock.now()
        )
        return done.position
