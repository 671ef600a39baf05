"""The vehicles and chargers that a sheet names, as the registry and the depot know them now."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from access_policy.application.commands.reservation_drafts import ReservablePlaces
from access_policy.application.dispatch_import.drafting import Known
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.directories import RegistriesInMemory
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId, TenantId, VehicleId


@dataclass(frozen=True, slots=True)
class GatherKnown:
    registries: RegistriesInMemory
    places: ReservablePlaces

    async def __call__(
        self, tenant_id: TenantId, depot_id: DepotId, vehicles: Collection[VehicleId], chargers: Collection[ChargerId]
    ) -> Known:
        """Look up the vehicles and chargers. Raises `StoreUnavailable`."""
        refused = {}
        async for charger_id in cooperatively(sorted(chargers)):
            try:
                await self.places.check_charger(tenant_id, depot_id, charger_id)
            except Refused as refusal:
                refused[charger_id] = refusal.detail
        registered = self.registries.registry(tenant_id).vehicles
        found = {each: registered[each].suspended_because is None for each in vehicles if each in registered}
        return Known(found, refused)
