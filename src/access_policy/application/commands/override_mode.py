"""Override a charger's mode for a period, regardless of its schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from access_policy.application.commands import Done
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.context import Context
from access_policy.application.repositories.depots import Depots
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import LONGEST_OVERRIDE, ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, OverrideId


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideMode:
    """The override ends at `until`, after `lasts`, or, without either, at the next transition. `starts_at` None: now."""

    charger_id: ChargerId
    mode: AccessMode
    reason: str
    starts_at: datetime | None = None
    until: datetime | None = None
    lasts: timedelta | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class OverrideModeHandler:
    change: ChangePolicy
    depots: Depots

    async def __call__(self, context: Context, command: OverrideMode) -> Done:
        override_id = OverrideId(context.created_id("override", command.charger_id))
        charger = await self.change.policies.get(context.tenant_id, command.charger_id)
        depot = await self.depots.find(context.tenant_id, charger.settings.depot_id)
        longest = LONGEST_OVERRIDE if depot is None else depot.longest_override
        now = self.change.clock.now()

        def override(policy: ChargerAccessPolicy) -> tuple[PolicyEvent, ...]:
            begins = command.starts_at or now
            return policy.override(
                override_id,
                mode=command.mode,
                starts_at=command.starts_at,
                ends_at=command.until if command.lasts is None else begins + command.lasts,
                reason=command.reason,
                made_by=context.actor,
                now=now,
                longest=longest,
            )

        return await self.change(context, command, override, override_id)
