"""Let a suspended vehicle charge again."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.commands.on_registry import ChangeRegistry, version_of_vehicle
from access_policy.application.context import Context
from access_policy.domain.ids import VehicleId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReinstateVehicle:
    vehicle_id: VehicleId
    reason: str
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class ReinstateVehicleHandler:
    change: ChangeRegistry

    async def __call__(self, context: Context, command: ReinstateVehicle) -> Done:
        return await self.change(
            context,
            command.expected_version,
            version_of_vehicle(command.vehicle_id),
            lambda registry: registry.reinstate(command.vehicle_id, command.reason),
        )
