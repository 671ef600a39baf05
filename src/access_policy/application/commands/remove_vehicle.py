"""Remove a vehicle: its identifiers become free, and their values can no longer be read."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_registry import ChangeRegistry
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.secrets import VehicleVault
from access_policy.domain.ids import VehicleId


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveVehicle:
    vehicle_id: VehicleId
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RemoveVehicleHandler:
    change: ChangeRegistry
    vault: VehicleVault

    async def __call__(self, context: Context, command: RemoveVehicle) -> Done:
        """Remove the vehicle. Raises `StoreUnavailable`, even if only the deletion of its key failed: repeat the command."""
        registries, vehicle_id = self.change.registries, command.vehicle_id
        async with registries.locked(context.tenant_id) as registry:  # no command may seal with the key being deleted
            if vehicle_id not in registry.vehicles:
                await self.vault.forget(context.tenant_id, vehicle_id)  # an earlier removal may have failed before this
            check_version(command.expected_version, registry.vehicle(vehicle_id).changed_at)
            events = registry.remove_vehicle(vehicle_id)
            done = await registries.record(context, registry, events, now=self.change.clock.now())
            await self.vault.forget(context.tenant_id, vehicle_id)
        return Done(version=done.version, position=done.position)
