"""End an agreement now: it covers nothing from this instant on."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_registry import ChangeRegistry
from access_policy.application.context import Context
from access_policy.domain.ids import AgreementId


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAgreement:
    agreement_id: AgreementId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class EndAgreementHandler:
    change: ChangeRegistry

    async def __call__(self, context: Context, command: EndAgreement) -> Done:
        return await self.change(
            context,
            command.expected_version,
            lambda registry: registry.agreement_changed_at.get(command.agreement_id, 0),
            lambda registry: registry.end_agreement(command.agreement_id, now=self.change.clock.now()),
        )
