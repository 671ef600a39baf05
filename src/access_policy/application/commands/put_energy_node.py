"""Place a node in a depot's electrical tree."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_site import ChangeSite
from access_policy.application.context import Context
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.ids import ChargerId, DepotId, TenantId
from access_policy.domain.site_energy.nodes import EnergyNode


@dataclass(frozen=True, slots=True, kw_only=True)
class PutEnergyNode:
    depot_id: DepotId
    node: EnergyNode
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutEnergyNodeHandler:
    change: ChangeSite
    policies: ChargerAccessPolicies

    async def __call__(self, context: Context, command: PutEnergyNode) -> Done:
        """Place the node. Raises `DepotUnknown`, `ChargerUnknown`, the refusals of `SiteEnergy.put_node`,
        `VersionMismatch`, `VersionConflict` or `StoreUnavailable`."""
        node = command.node
        node.check()
        if node.charger_id is not None:
            await self.change.depots.get(context.tenant_id, command.depot_id)
            await self._check_charger(context.tenant_id, command.depot_id, node.charger_id)
        return await self.change(
            context,
            command.depot_id,
            lambda site: site.put_node(node),
            expected_version=command.expected_version,
            current_version=lambda site: site.node_changed_at.get(node.node_id, 0),
        )

    async def _check_charger(self, tenant_id: TenantId, depot_id: DepotId, charger_id: ChargerId) -> None:
        policy = await self.policies.find(tenant_id, charger_id)
        if policy is None or policy.retired_at is not None or policy.settings.depot_id != depot_id:
            raise ChargerUnknown(
                f"There is no charger {charger_id[:64]} in service at this depot; choose one of its chargers.",
                pointer="/charger_id",
            )
