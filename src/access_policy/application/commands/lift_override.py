"""End an override early."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.context import Context
from access_policy.domain.ids import ChargerId, OverrideId


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftOverride:
    charger_id: ChargerId
    override_id: OverrideId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class LiftOverrideHandler:
    change: ChangePolicy

    async def __call__(self, context: Context, command: LiftOverride) -> Done:
        now = self.change.clock.now()
        return await self.change(context, command, lambda policy: policy.lift_override(command.override_id, now=now))
