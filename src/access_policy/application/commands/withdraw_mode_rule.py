"""Withdraw a mode rule."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_policy import ChangePolicy
from access_policy.application.context import Context
from access_policy.domain.ids import ChargerId, RuleId


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawModeRule:
    charger_id: ChargerId
    rule_id: RuleId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class WithdrawModeRuleHandler:
    change: ChangePolicy

    async def __call__(self, context: Context, command: WithdrawModeRule) -> Done:
        return await self.change(context, command, lambda policy: policy.withdraw_rule(command.rule_id))
