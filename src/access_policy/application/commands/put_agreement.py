"""Record an agreement, or correct it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from access_policy.application.commands import Done
from access_policy.application.commands.on_registry import ChangeRegistry
from access_policy.application.context import Context
from access_policy.application.event_loop import cooperatively
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.repositories.depots import Depots
from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.errors import AgreementChargerUnknown, AgreementDepotUnknown

_SO: Final = "so the agreement would cover nothing there; register it first, or choose another one."


@dataclass(frozen=True, slots=True, kw_only=True)
class PutAgreement:
    agreement: Agreement
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutAgreementHandler:
    change: ChangeRegistry
    depots: Depots
    policies: ChargerAccessPolicies

    async def __call__(self, context: Context, command: PutAgreement) -> Done:
        """Record the agreement. Raises `AgreementDepotUnknown`, `AgreementChargerUnknown`, or what
        `VehicleRegistry.put_agreement` raises. An agreement may name a retired charger, because it outlives the
        charger."""
        await self._check_places(context.tenant_id, command.agreement)
        return await self.change(
            context,
            command.expected_version,
            lambda registry: registry.agreement_changed_at.get(command.agreement.agreement_id, 0),
            lambda registry: registry.put_agreement(command.agreement),
        )

    async def _check_places(self, tenant_id: TenantId, agreement: Agreement) -> None:
        for depot_id in sorted(agreement.depot_ids):
            if await self.depots.find(tenant_id, depot_id) is None:
                raise AgreementDepotUnknown(f"There is no depot {depot_id[:64]}, {_SO}", pointer="/depot_ids")
        async for charger_id in cooperatively(sorted(agreement.charger_ids)):
            if not await self.policies.has(tenant_id, charger_id):
                raise AgreementChargerUnknown(f"There is no charger {charger_id[:64]}, {_SO}", pointer="/charger_ids")
