"""Forget a vehicle: its identifiers are free again, and their values can be read by nobody any more."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_registry import ChangeRegistry, version_of_vehicle
from access_policy.application.context import Context
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
        done = await self.change(
            context,
            command.expected_version,
            version_of_vehicle(command.vehicle_id),
            lambda registry: registry.remove_vehicle(command.vehicle_id),
        )
        await self.vault.forget(context.tenant_id, command.vehicle_id)
        return done
