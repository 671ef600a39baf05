"""Shared by the depot's commands: its chargers follow it, each by an event of its own policy (ADR 0013)."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.context import Context
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.directories import ChargersOfDepot
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.depots import Depots
from access_policy.application.retrying import retrying
from access_policy.domain.ids import ChargerId, DepotId


@dataclass(frozen=True, slots=True)
class _Follower:
    depot_id: DepotId
    charger_id: ChargerId


@dataclass(frozen=True, slots=True)
class ChargersFollow:
    depots: Depots
    policies: ChargerAccessPolicies
    chargers: ChargersOfDepot
    clock: Clock

    async def __call__(self, context: Context, depot_id: DepotId) -> int:
        """Return the log position at which all chargers of the depot have its time zone and calendars.

        Call it after every command on the depot, even one without changes, so that a charger missed by an earlier,
        interrupted command follows as well. Retries each charger that others are changing on its own: the depot
        already has its new version.
        """
        position = 0
        for charger_id in await self.chargers.charger_ids(context.tenant_id, depot_id):
            position = max(position, await retrying(self._one)(context, _Follower(depot_id, charger_id)))
        return position

    async def _one(self, context: Context, follower: _Follower) -> int:
        """Reads the policy before the depot: a concurrent writer of a newer depot either finds this policy changed or
        changes it first.
        """
        policy = await self.policies.get(context.tenant_id, follower.charger_id)
        depot = await self.depots.get(context.tenant_id, follower.depot_id)
        if policy.settings.depot_id != depot.depot_id:
            return 0
        events = (*policy.move_to_time_zone(depot.settings.time_zone), *policy.follow_calendars(depot.calendars))
        done = await self.policies.record(
            context, follower.charger_id, events, expected_version=policy.version, now=self.clock.now()
        )
        return done.position
