"""Enrol a refused identifier: add it to a vehicle, and register the vehicle if it is new."""

from __future__ import annotations

from dataclasses import dataclass

from access_policy.application.commands import Done
from access_policy.application.context import Context
from access_policy.application.freevend_tags import OF_REMOTE_STARTS, FreevendTags
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.secrets import Pseudonyms, VehicleVault, refs_of
from access_policy.application.ports.unknown_identifiers import UnknownIdentifiers
from access_policy.application.ports.views import Views
from access_policy.application.repositories.vehicle_registries import VehicleRegistries
from access_policy.domain.errors import Conflict, Unknown
from access_policy.domain.identifiers import Identifier, IdentifierKind, IdentifierRef
from access_policy.domain.ids import AgreementId, TenantId, VehicleId, checked_id
from access_policy.domain.vehicle_registry.errors import IdentifierTaken, VehicleInvalid
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription, VehicleIdentifier
from access_policy.domain.vehicle_registry.registry import Vehicle, VehicleRegistry


class IdentifierNotKept(Conflict):
    code = "identifier-not-kept"


class DeniedIdentifierUnknown(Unknown):
    code = "denied-identifier-not-found"


class EnrolsAnotherVehicle(Conflict):
    """The vehicle is already registered with a different description."""

    code = "vehicle-differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolIdentifier:
    """`name` None keeps the vehicle's name, or uses its id. `access_class` None keeps the class of the vehicle, which
    must exist."""

    pseudonym: str
    vehicle_id: VehicleId
    name: str | None = None
    access_class: AccessClass | None = None
    agreement_id: AgreementId | None = None


@dataclass(frozen=True, slots=True)
class EnrolIdentifierHandler:
    registries: VehicleRegistries
    unknown: UnknownIdentifiers
    pseudonyms: Pseudonyms
    vault: VehicleVault
    views: Views
    clock: Clock
    freevend_tags: FreevendTags = OF_REMOTE_STARTS

    async def __call__(self, context: Context, command: EnrolIdentifier) -> Done:
        """Enrol the identifier. Raises `DeniedIdentifierUnknown`, `IdentifierNotKept`, `IdentifierIsFreevendTag`,
        `EnrolsAnotherVehicle`, `IdentifierTaken`, or a refusal of `put_vehicle`."""
        checked_id(command.vehicle_id, "vehicle_id")
        tenant_id, vehicle_id = context.tenant_id, command.vehicle_id
        kept = await self.unknown.values(tenant_id, [command.pseudonym], now=self.clock.now())
        value = kept.get(command.pseudonym)
        if value is None:
            return await self._enrolled_before(context, command)
        self.freevend_tags.check(tenant_id)(value)
        async with self.registries.locked(tenant_id) as registry:
            ref = self._ref(tenant_id, command, registry, value)
            described = _described(command, registry.vehicles.get(vehicle_id))
            registry.put_vehicle(
                vehicle_id, described, [VehicleIdentifier(ref=ref, sealed="")]
            )  # refuse before sealing
            sealed = await self.vault.seal(tenant_id, vehicle_id, value.as_spelled)
            current = registry.vehicles.get(vehicle_id)
            has = () if current is None else current.identifiers
            identifiers = [VehicleIdentifier(ref=each, sealed="") for each in has]
            identifiers += [] if ref in has else [VehicleIdentifier(ref=ref, sealed=sealed)]
            events = registry.put_vehicle(vehicle_id, _described(command, current), identifiers)
            done = await self.registries.record(context, registry, events, now=self.clock.now())
            version = done.version if events else current.changed_at if current else 0
        await self.unknown.forget(tenant_id, command.pseudonym)
        return Done(version=version, position=done.position, created=current is None)

    async def _enrolled_before(self, context: Context, command: EnrolIdentifier) -> Done:
        """Answer a repeated enrolment, whose first answer may have been lost, without a change. Raises
        `DeniedIdentifierUnknown`, `IdentifierNotKept` or `IdentifierTaken`."""
        async with self.registries.locked(context.tenant_id) as registry:
            holders = (registry.holders.get((kind, command.pseudonym)) for kind in IdentifierKind)
            holder = next((each for each in holders if each is not None), None)
            if holder == command.vehicle_id:
                position = await self.registries.position()
                return Done(version=registry.vehicles[holder].changed_at, position=position)
            if holder is not None:
                raise IdentifierTaken(holder, "of this refusal", pointer="/vehicle_id")
        if not await self.views.was_denied(context.tenant_id, command.pseudonym):
            raise DeniedIdentifierUnknown(
                "Denied identifier not found; use a denied_id from the list of denied identifiers."
            )
        raise IdentifierNotKept(
            "The identifier's value is not stored: it was presented too long ago, or it is so short that it may be "
            "a PIN typed at a depot that uses PINs. Present it again, or register the card's number as an "
            "identifier of its vehicle."
        )

    def _ref(
        self, tenant_id: TenantId, command: EnrolIdentifier, registry: VehicleRegistry, value: Identifier
    ) -> IdentifierRef:
        """Return the ref under which a vehicle already holds the value; otherwise the denied ref, so that the denied
        identifier belongs to the vehicle."""
        refs = refs_of(self.pseudonyms, tenant_id, value)
        denied = [ref for ref in refs if ref.pseudonym == command.pseudonym]
        return registry.held_as([*denied, *(ref for ref in refs if ref not in denied)], command.vehicle_id)


def _described(command: EnrolIdentifier, current: Vehicle | None) -> VehicleDescription:
    """Return the vehicle's description; an existing vehicle keeps its own."""
    if current is not None:
        is_described = current.description
        if command.access_class not in (None, is_described.access_class) or command.agreement_id not in (
            None,
            is_described.agreement_id,
        ):
            raise EnrolsAnotherVehicle(
                f"Vehicle {command.vehicle_id} is registered with class {is_described.access_class.value} and agreement "
                f"{is_described.agreement_id}; leave access_class and agreement_id out, or change the vehicle first.",
                pointer="/access_class",
            )
        return is_described
    if command.access_class is None:
        raise VehicleInvalid("A vehicle that is not registered yet needs its access_class.", pointer="/access_class")
    return VehicleDescription(
        name=command.vehicle_id if command.name is None else command.name,
        access_class=command.access_class,
        agreement_id=command.agreement_id,
    )
