"""Give a charger a recurring mode rule."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.commands.rule_drafts import RuleDraft
from access_policy.application.context import Context
from access_policy.domain.ids import ChargerId, RuleId


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleMode:
    charger_id: ChargerId
    draft: RuleDraft
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ScheduleModeHandler:
    change: ChangePolicy

    async def __call__(self, context: Context, command: ScheduleMode) -> Done:
        rule_id = RuleId(context.created_id("mode-rule", command.charger_id))
        now = self.change.clock.now()
        return await self.change(
            context,
            command,
            lambda policy: policy.schedule(command.draft.rule(rule_id, policy.settings.time_zone, now=now), now=now),
            rule_id,
        )
