"""The timeline before and after a change of one charger's own rule, without recording anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.commands.amend_mode_rule import amended
from access_policy.application.commands.changed_one import ChangedOne
from access_policy.application.commands.previews import Horizon, Preview
from access_policy.application.commands.rule_drafts import RuleDraft
from access_policy.application.ports.clock import Clock
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.domain.charger_access_policy.events import PolicyEvent
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, RuleId, TenantId

NEW_RULE = RuleId("dry-run")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """`rule_id` None: a new rule. `draft` None: the rule is withdrawn."""

    charger_id: ChargerId
    rule_id: RuleId | None = None
    draft: RuleDraft | None = None


@dataclass(frozen=True, slots=True)
class RulePreviews:
    policies: ChargerAccessPolicies
    clock: Clock

    async def __call__(self, tenant_id: TenantId, change: RuleChange, horizon: Horizon) -> ChangedOne:
        """Return the timelines before and after the change. Raises `ChargerUnknown`, or the refusals of the command
        that would make the change."""
        policy = await self.policies.get(tenant_id, change.charger_id)
        events = _decided(policy, change, self.clock.now())
        preview = Preview.of(policy, events, horizon)
        return ChangedOne(charger_id=change.charger_id, changes=len(events), preview=preview)


def _decided(policy: ChargerAccessPolicy, change: RuleChange, now: datetime) -> tuple[PolicyEvent, ...]:
    match change.rule_id, change.draft:
        case None, RuleDraft() as draft:
            return policy.schedule(draft.rule(NEW_RULE, policy.settings.time_zone, now=now), now=now)
        case str() as rule_id, RuleDraft() as draft:
            return amended(policy, RuleId(rule_id), draft, now=now)
        case rule_id, _:
            return policy.withdraw_rule(RuleId(rule_id or ""))
