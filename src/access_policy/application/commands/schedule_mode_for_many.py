"""Give many chargers of a depot the same mode rule, independently, with a result for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.commands.previews import Horizon, Preview
from access_policy.application.commands.rule_drafts import RuleDraft
from access_policy.application.commands.schedule_mode import ScheduleMode, ScheduleModeHandler
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.directories import ChargersOfDepot
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.depots import Depots
from access_policy.application.retrying import retrying
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId, RuleId


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleModeForMany:
    """`charger_ids` None means all chargers in service at the depot. With `dry_run`, record nothing and return the
    timelines over `[start, end)` before and after."""

    depot_id: DepotId
    charger_ids: tuple[ChargerId, ...] | None
    draft: RuleDraft
    dry_run: bool = False
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForOneCharger:
    """`refusal` says why there is no `rule_id`; a dry run that would succeed has neither."""

    charger_id: ChargerId
    rule_id: str | None = None
    refusal: Refused | TooBusy | None = None
    preview: Preview | None = None
    position: int = 0


@dataclass(frozen=True, slots=True)
class ScheduleModeForManyHandler:
    schedule: ScheduleModeHandler
    policies: ChargerAccessPolicies
    depots: Depots
    chargers: ChargersOfDepot
    clock: Clock

    async def __call__(self, context: Context, command: ScheduleModeForMany) -> list[ForOneCharger]:
        await self.depots.get(context.tenant_id, command.depot_id)
        at_depot = await self.chargers.charger_ids(context.tenant_id, command.depot_id)
        wanted = at_depot if command.charger_ids is None else dict.fromkeys(command.charger_ids)
        horizon = None
        if command.dry_run:
            horizon = Horizon.of(command.start, command.end, chargers=len(wanted), now=self.clock.now())
        there = frozenset(at_depot)
        return [await self._one(context, command, each, there, horizon) async for each in cooperatively(wanted)]

    async def _one(
        self,
        context: Context,
        command: ScheduleModeForMany,
        charger_id: ChargerId,
        at_depot: frozenset[ChargerId],
        horizon: Horizon | None,
    ) -> ForOneCharger:
        try:
            if charger_id not in at_depot:
                raise ChargerUnknown(f"There is no charger {charger_id} in service at this depot.")
            if horizon is not None:
                policy = await self.policies.get(context.tenant_id, charger_id)
                now = self.clock.now()
                events = policy.schedule(
                    command.draft.rule(RuleId("dry-run"), policy.settings.time_zone, now=now), now=now
                )
                return ForOneCharger(charger_id=charger_id, preview=Preview.of(policy, events, horizon))
            done = await retrying(self.schedule)(context, ScheduleMode(charger_id=charger_id, draft=command.draft))
        except (Refused, TooBusy) as refusal:
            return ForOneCharger(charger_id=charger_id, refusal=refusal)
        return ForOneCharger(charger_id=charger_id, rule_id=done.created_id, position=done.position)
