"""Copy a charger's policy to others, independently, with a result for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.commands.changed_one import ChangedOne
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.commands.previews import Horizon, Preview
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.directories import ChargersOfDepot
from access_policy.application.retrying import retrying
from access_policy.domain.charger_access_policy.copying import Parts, copy_policy
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPolicy:
    """`charger_ids` None means all other chargers in service at the depot. With `dry_run`, record nothing and return
    the timelines over `[start, end)` before and after. With `replaces`, remove everything else that the target chargers
    have."""

    charger_id: ChargerId
    charger_ids: tuple[ChargerId, ...] | None
    parts: Parts
    replaces: bool = True
    dry_run: bool = False
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Copy:
    charger_id: ChargerId
    source: ChargerAccessPolicy
    command: CopyPolicy
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class CopyPolicyHandler:
    change: ChangePolicy
    chargers: ChargersOfDepot

    async def __call__(self, context: Context, command: CopyPolicy) -> list[ChangedOne]:
        source = await self.change.policies.get(context.tenant_id, command.charger_id)
        source.must_be_in_service()
        wanted = await self._wanted(context, command, source)
        horizon = None
        if command.dry_run:
            horizon = Horizon.of(command.start, command.end, chargers=len(wanted), now=self.change.clock.now())
        return [await self._one(context, _Copy(each, source, command), horizon) async for each in cooperatively(wanted)]

    async def _wanted(self, context: Context, command: CopyPolicy, source: ChargerAccessPolicy) -> list[ChargerId]:
        if command.charger_ids is not None:
            return list(dict.fromkeys(command.charger_ids))
        at_depot = await self.chargers.charger_ids(context.tenant_id, source.settings.depot_id)
        return [each for each in at_depot if each != command.charger_id]

    async def _one(self, context: Context, copy: _Copy, horizon: Horizon | None) -> ChangedOne:
        try:
            if horizon is not None:
                policy = await self.change.policies.get(context.tenant_id, copy.charger_id)
                events = self._decide(copy, policy)
                preview = Preview.of(policy, events, horizon)
                return ChangedOne(charger_id=copy.charger_id, changes=len(events), preview=preview)
            return await retrying(self._record)(context, copy)
        except (Refused, TooBusy) as refusal:
            return ChangedOne(charger_id=copy.charger_id, refusal=refusal)

    async def _record(self, context: Context, copy: _Copy) -> ChangedOne:
        changes = 0

        def decide(policy: ChargerAccessPolicy) -> tuple[PolicyEvent, ...]:
            nonlocal changes
            events = self._decide(copy, policy)
            changes = len(events)
            return events

        done = await self.change(context, copy, decide)
        return ChangedOne(charger_id=copy.charger_id, changes=changes, position=done.position)

    def _decide(self, copy: _Copy, policy: ChargerAccessPolicy) -> tuple[PolicyEvent, ...]:
        command = copy.command
        return copy_policy(copy.source, policy, command.parts, replaces=command.replaces, now=self.change.clock.now())
