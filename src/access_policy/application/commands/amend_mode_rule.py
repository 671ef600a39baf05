"""Correct a mode rule, including its past windows on the timeline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from access_policy.application.commands import Done
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.commands.rule_drafts import RuleDraft
from access_policy.application.context import Context
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, RuleId


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendModeRule:
    charger_id: ChargerId
    rule_id: RuleId
    draft: RuleDraft
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class AmendModeRuleHandler:
    change: ChangePolicy

    async def __call__(self, context: Context, command: AmendModeRule) -> Done:
        now = self.change.clock.now()
        return await self.change(
            context, command, lambda policy: amended(policy, command.rule_id, command.draft, now=now)
        )


def amended(
    policy: ChargerAccessPolicy, rule_id: RuleId, draft: RuleDraft, *, now: datetime
) -> tuple[PolicyEvent, ...]:
    """Return the events; the rule's dates count from the day on which it was made. Raises `RuleUnknown`, or the reason
    why it is impossible."""
    current = policy.rule(rule_id)
    made_on = current.made_on or (current.anchor if current.applies_from is None else None)
    rule = draft.rule(rule_id, policy.settings.time_zone, now=now, made_on=made_on)
    return policy.amend_rule(replace(rule, made_on=current.made_on))
