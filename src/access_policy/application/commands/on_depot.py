"""Shared by the depot's commands: its chargers follow the change, each by events of its own policy (ADR 0013, ADR 0040)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.directories import ChargersOfDepot
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.depots import Depots
from access_policy.application.retrying import retrying
from access_policy.domain.charger_access_policy.following import follow_depot
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId, ScheduleId


@dataclass(frozen=True, slots=True)
class _Follower:
    depot_id: DepotId
    charger_id: ChargerId


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """`refusal` says why the charger keeps an older copy of a schedule. `changes` counts the new events of its policy;
    `schedules` are the schedules that it followed before them."""

    charger_id: ChargerId
    changes: int = 0
    refusal: Refused | TooBusy | None = None
    position: int = 0
    schedules: frozenset[ScheduleId] = frozenset()


@dataclass(frozen=True, slots=True)
class ChargersFollow:
    depots: Depots
    policies: ChargerAccessPolicies
    chargers: ChargersOfDepot
    clock: Clock

    async def __call__(self, context: Context, depot_id: DepotId) -> int:
        """Return the log position at which all chargers of the depot have its time zone, calendars and schedules.

        Call it after every command on the depot, even one without changes, so that a charger missed by an earlier,
        interrupted command follows as well. Chargers that others are changing are retried one by one, because the depot
        already has its new version. Raises `TooBusy`.
        """
        position = 0
        async for charger_id in cooperatively(await self.chargers.charger_ids(context.tenant_id, depot_id)):
            followed = await self._level(context, _Follower(depot_id, charger_id))
            position = max(position, followed.position)
        return position

    async def each(
        self, context: Context, depot_id: DepotId, besides: Collection[ChargerId] = ()
    ) -> dict[ChargerId, Followed]:
        """Like a call, but with a result for each charger of the depot, so that one that others keep changing does not
        stop the rest. `besides` are chargers that the directory may not know yet."""
        at_depot = await self.chargers.charger_ids(context.tenant_id, depot_id)
        found = {}
        async for charger_id in cooperatively(list(dict.fromkeys((*at_depot, *besides)))):
            try:
                found[charger_id] = await self._level(context, _Follower(depot_id, charger_id))
            except (Refused, TooBusy) as refusal:
                found[charger_id] = Followed(charger_id=charger_id, refusal=refusal)
        return found

    async def one(self, context: Context, depot_id: DepotId, charger_id: ChargerId) -> Followed:
        """Bring one charger up to date with its depot. Raises `ChargerUnknown`, `DepotUnknown`, `TooBusy` or
        `StoreUnavailable`."""
        return await self._level(context, _Follower(depot_id, charger_id))

    async def _level(self, context: Context, follower: _Follower) -> Followed:
        return await retrying(self._one)(context, follower)

    async def _one(self, context: Context, follower: _Follower) -> Followed:
        """Read the policy before the depot: a concurrent writer of a newer depot either finds this policy changed or
        changes it first."""
        policy = await self.policies.get(context.tenant_id, follower.charger_id)
        depot = await self.depots.get(context.tenant_id, follower.depot_id)
        events, refusal = follow_depot(policy, depot)
        done = await self.policies.record(
            context, follower.charger_id, events, expected_version=policy.version, now=self.clock.now()
        )
        return Followed(
            charger_id=follower.charger_id,
            changes=len(events),
            refusal=refusal,
            position=done.position,
            schedules=frozenset(policy.schedules),
        )
