"""Shared by the simpler commands on the registry: load, compare the version, decide, record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.ports.clock import Clock
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.domain.ids import VehicleId
from access_policy.domain.vehicle_registry.events import RegistryEvent
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

Decide = Callable[[VehicleRegistry], tuple[RegistryEvent, ...]]
CurrentVersion = Callable[[VehicleRegistry], int]


@dataclass(frozen=True, slots=True)
class ChangeRegistry:
    registries: VehicleRegistries
    clock: Clock

    async def __call__(
        self, context: Context, expected_version: int | None, current_version: CurrentVersion, decide: Decide
    ) -> Done:
        """Record the decision of the registry. Raises `VersionMismatch`, `VersionConflict`, `StoreUnavailable`, or a
        refusal of `decide`."""
        async with self.registries.locked(context.tenant_id) as registry:
            events = decide(registry)
            current = current_version(registry)
            check_version(expected_version, current)
            done = await self.registries.record(context, registry, events, now=self.clock.now())
        return Done(version=done.version if events else current, position=done.position, created=current == 0)


def version_of_vehicle(vehicle_id: VehicleId) -> CurrentVersion:
    return lambda registry: registry.vehicle(vehicle_id).changed_at
