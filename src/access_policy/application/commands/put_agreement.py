"""Record an agreement, or correct it."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_registry import ChangeRegistry
from access_policy.application.context import Context
from access_policy.application.repositories.depots import Depots
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.errors import AgreementDepotUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAgreement:
    agreement: Agreement
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutAgreementHandler:
    change: ChangeRegistry
    depots: Depots

    async def __call__(self, context: Context, command: PutAgreement) -> Done:
        """Raises `AgreementDepotUnknown`, or what `VehicleRegistry.put_agreement` raises."""
        for depot_id in sorted(command.agreement.depot_ids):
            if await self.depots.find(context.tenant_id, depot_id) is None:
                raise AgreementDepotUnknown(
                    f"There is no depot {depot_id[:64]}, so the agreement would cover nothing there; register it first, or "
                    "choose another one.",
                    pointer="/depot_ids",
                )
        return await self.change(
            context,
            command.expected_version,
            lambda registry: registry.agreement_changed_at.get(command.agreement.agreement_id, 0),
            lambda registry: registry.put_agreement(command.agreement),
        )
