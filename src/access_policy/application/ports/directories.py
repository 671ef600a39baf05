"""Small look-ups that commands need of what others know."""

from __future__ import annotations

from typing import Protocol

from access_policy.domain.ids import ChargerId, DepotId, TenantId


class ChargersOfDepot(Protocol):
    async def charger_ids(self, tenant_id: TenantId, depot_id: DepotId) -> list[ChargerId]:
        """The chargers in service at the depot."""
        ...


class ProfileNames(Protocol):
    def knows(self, name: str) -> bool:
        """There is a capability profile of this name."""
        ...
