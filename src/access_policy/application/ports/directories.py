"""Small look-ups that commands need of what others know."""

from __future__ import annotations

from typing import Protocol

from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargerId, DepotId, TenantId
from access_policy.domain.vehicle_registry.registry import VehicleRegistry


class ChargersOfDepot(Protocol):
    async def charger_ids(self, tenant_id: TenantId, depot_id: DepotId) -> list[ChargerId]:
        """The chargers in service at the depot."""
        ...


class ProfileNames(Protocol):
    def knows(self, tenant_id: TenantId, name: str) -> bool:
        """There is a capability profile of this name."""
        ...

    def always_exists(self, name: str) -> bool:
        """The profile is the program's, not an operator's."""
        ...


class RegistriesInMemory(Protocol):
    def registry(self, tenant_id: TenantId) -> VehicleRegistry:
        """The tenant's registry, folded up to some version; whoever reads on in its stream may fold on in it."""
        ...


class PoliciesInMemory(Protocol):
    def known_policy(self, tenant_id: TenantId, charger_id: ChargerId) -> ChargerAccessPolicy | None:
        """The charger's policy at some version that was stored, not necessarily the latest; None: not known."""
        ...
