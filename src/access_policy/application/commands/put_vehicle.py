"""Register a vehicle or replace its description, with exactly these identifiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.errors import check_version
from access_policy.application.freevend_tags import OF_REMOTE_STARTS, FreevendTags
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.secrets import Pseudonyms, VehicleVault, refs_of
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.application.typed_identifiers import normal_forms
from access_policy.domain.identifiers import Identifier, IdentifierKind, IdentifierRef
from access_policy.domain.ids import VehicleId, checked_id
from access_policy.domain.vehicle_registry.events import VehicleDescription, VehicleIdentifier
from access_policy.domain.vehicle_registry.registry import VehicleRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class PutVehicle:
    """`identifiers` are kinds and values as typed; None keeps the vehicle's identifiers."""

    vehicle_id: VehicleId
    description: VehicleDescription
    identifiers: Sequence[tuple[IdentifierKind, str]] | None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class PutVehicleHandler:
    registries: VehicleRegistries
    pseudonyms: Pseudonyms
    vault: VehicleVault
    clock: Clock
    freevend_tags: FreevendTags = OF_REMOTE_STARTS

    async def __call__(self, context: Context, command: PutVehicle) -> Done:
        checked_id(command.vehicle_id, "vehicle_id")
        check = self.freevend_tags.check(context.tenant_id)
        values = (
            None if command.identifiers is None else normal_forms(command.identifiers, check, pointer="/identifiers")
        )
        async with self.registries.locked(context.tenant_id) as registry:
            current = registry.vehicles.get(command.vehicle_id)
            check_version(command.expected_version, 0 if current is None else current.changed_at)
            had = () if current is None else current.identifiers
            refs = had if values is None else [self._ref(context, command, registry, value) for value in values]
            identifiers = [VehicleIdentifier(ref=ref, sealed="") for ref in refs]
            registry.put_vehicle(command.vehicle_id, command.description, identifiers)  # refuse before sealing anything
            if values is not None:
                identifiers = await self._sealed(context, command, registry, values)
            events = registry.put_vehicle(command.vehicle_id, command.description, identifiers)
            done = await self.registries.record(context, registry, events, now=self.clock.now())
            unchanged_at = 0 if current is None else current.changed_at
        version = done.version if events else unchanged_at
        return Done(version=version, position=done.position, created=current is None)

    def _ref(
        self, context: Context, command: PutVehicle, registry: VehicleRegistry, value: Identifier
    ) -> IdentifierRef:
        return registry.held_as(refs_of(self.pseudonyms, context.tenant_id, value), command.vehicle_id)

    async def _sealed(
        self, context: Context, command: PutVehicle, registry: VehicleRegistry, values: list[Identifier]
    ) -> list[VehicleIdentifier]:
        """Seal the values. A PIN is never stored, not even encrypted; an identifier that the vehicle already has keeps
        its sealed value."""
        current = registry.vehicles.get(command.vehicle_id)
        had = frozenset(() if current is None else current.identifiers)
        sealed = []
        for value in values:
            ref = self._ref(context, command, registry, value)
            if ref in had or value.kind is IdentifierKind.PIN:
                sealed.append(VehicleIdentifier(ref=ref, sealed=""))
            else:
                secret = await self.vault.seal(context.tenant_id, command.vehicle_id, value.as_spelled)
                sealed.append(VehicleIdentifier(ref=ref, sealed=secret))
        return sealed
