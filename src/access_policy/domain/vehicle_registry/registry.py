"""VehicleRegistry: the vehicles that a tenant knows, with their identifiers and agreements.

It enforces that an identifier belongs to at most one vehicle of the tenant at a time. Decisions only return events. Unlike
the policy it is folded in place (`apply`): it contains up to hundreds of thousands of vehicles, and copying it for each
event would make loading quadratic. A caller must not share a registry while folding it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import AgreementId, AttemptId, DepotId, VehicleId, checked_name, checked_new_id
from access_policy.domain.instants import utc
from access_policy.domain.vehicle_registry import errors
from access_policy.domain.vehicle_registry.ad_hoc import (
    AdHocPermission,
    AdHocUnknown,
    Subject,
    subject_of_identifier,
    subject_of_vehicle,
)
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.events import (
    AccessClass,
    AdHocPermissionEnded,
    AdHocPermissionGiven,
    AgreementAmended,
    AgreementEnded,
    AgreementRecorded,
    DeniedIdentifierIgnored,
    DeniedIdentifierListed,
    RegistryEvent,
    VehicleDescription,
    VehicleIdentifier,
    VehicleIdentifierAdded,
    VehicleIdentifierRemoved,
    VehicleReclassified,
    VehicleRegistered,
    VehicleReinstated,
    VehicleRemoved,
    VehicleSuspended,
)
from access_policy.domain.vehicle_registry.ignored import IgnoredIdentifier

IDENTIFIERS_MAX = 100
REASON_LENGTH_MAX = 500

IdentifierKey = tuple[IdentifierKind, str]  # kind and pseudonym


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """`changed_at` is the registry's version at the vehicle's last change, for optimistic concurrency. The sealed
    values of its identifiers stay in the log: no decision needs them.
    """

    vehicle_id: VehicleId
    description: VehicleDescription
    identifiers: tuple[IdentifierRef, ...] = ()
    suspended_because: str | None = None
    changed_at: int = 0


@dataclass(slots=True)
class VehicleRegistry:
    vehicles: dict[VehicleId, Vehicle] = field(default_factory=dict)
    holders: dict[IdentifierKey, VehicleId] = field(default_factory=dict)
    agreements: dict[AgreementId, Agreement] = field(default_factory=dict)
    agreement_changed_at: dict[AgreementId, int] = field(default_factory=dict)
    ad_hoc: dict[Subject, AdHocPermission] = field(default_factory=dict)
    ignored: dict[str, IgnoredIdentifier] = field(default_factory=dict)  # denied identifiers, by pseudonym
    version: int = 0
    _pins: int | None = field(default=None, compare=False, repr=False)  # how many there are; None: not counted yet

    def copy(self) -> VehicleRegistry:
        """Return an independent copy at this version; both share the vehicles and agreements, which are values."""
        return VehicleRegistry(
            vehicles=dict(self.vehicles),
            holders=dict(self.holders),
            agreements=dict(self.agreements),
            agreement_changed_at=dict(self.agreement_changed_at),
            ad_hoc=dict(self.ad_hoc),
            ignored=dict(self.ignored),
            version=self.version,
        )

    # --- questions ------------------------------------------------------------------------------------------------

    def holder_of(self, ref: IdentifierRef) -> Vehicle | None:
        vehicle_id = self.holders.get((ref.kind, ref.pseudonym))
        return None if vehicle_id is None else self.vehicles[vehicle_id]

    def permitted(
        self, depot_id: DepotId, ref: IdentifierRef | None, vehicle: Vehicle | None
    ) -> AdHocPermission | None:
        """Return the ad-hoc permission of the vehicle or the identifier at the depot, even if it is over; of two, the one
        that lasts longer.
        """
        if ref is None or not self.ad_hoc:
            return None
        subjects = [subject_of_identifier(depot_id, ref)]
        if vehicle is not None:
            subjects.append(subject_of_vehicle(depot_id, vehicle.vehicle_id))
        found = [self.ad_hoc[each] for each in subjects if each in self.ad_hoc]
        return max(found, key=lambda each: each.until, default=None)

    def held_as(self, refs: Sequence[IdentifierRef], vehicle_id: VehicleId | None = None) -> IdentifierRef:
        """Return, of several refs of one identifier, the one that a vehicle has, preferring `vehicle_id`; the first ref if
        no vehicle has any. An identifier registered in an earlier normal form keeps the pseudonym of that form.
        """
        held = [ref for ref in refs if (ref.kind, ref.pseudonym) in self.holders]
        if vehicle_id is not None:
            held.sort(
                key=lambda ref: self.holders[_key(ref)] != vehicle_id
            )  # a stable sort, because the order matters otherwise
        return held[0] if held else refs[0]

    def uses_pins(self) -> bool:
        """Whether a vehicle has a PIN."""
        if self._pins is None:
            self._pins = sum(kind is IdentifierKind.PIN for kind, _ in self.holders)
        return self._pins > 0

    def vehicle(self, vehicle_id: VehicleId) -> Vehicle:
        """Raises `VehicleUnknown`."""
        if vehicle_id not in self.vehicles:
            raise errors.VehicleUnknown(f"There is no vehicle {vehicle_id} in the registry.")
        return self.vehicles[vehicle_id]

    def agreement(self, agreement_id: AgreementId) -> Agreement:
        """Raises `AgreementUnknown`."""
        if agreement_id not in self.agreements:
            raise errors.AgreementUnknown(f"There is no agreement {agreement_id}.")
        return self.agreements[agreement_id]

    # --- vehicles -------------------------------------------------------------------------------------------------

    def put_vehicle(
        self, vehicle_id: VehicleId, description: VehicleDescription, identifiers: Sequence[VehicleIdentifier]
    ) -> tuple[RegistryEvent, ...]:
        """Give the vehicle this description and exactly these identifiers; an unchanged vehicle produces no event.

        An identifier that stays keeps its original sealed value; the one passed here is ignored.
        """
        self.check_description(description)
        self._check_identifiers(vehicle_id, identifiers)
        current = self.vehicles.get(vehicle_id)
        events: list[RegistryEvent] = []
        if current is None:
            checked_new_id(vehicle_id, "vehicle_id")
            events.append(VehicleRegistered(vehicle_id=vehicle_id, description=description))
        elif current.description != description:
            events.append(VehicleReclassified(vehicle_id=vehicle_id, description=description))
        had = {_key(ref): ref for ref in current.identifiers} if current else {}
        wanted = {_key(i.ref): i for i in identifiers}
        events += [
            VehicleIdentifierRemoved(vehicle_id=vehicle_id, ref=ref) for key, ref in had.items() if key not in wanted
        ]
        events += [
            VehicleIdentifierAdded(vehicle_id=vehicle_id, identifier=i) for key, i in wanted.items() if key not in had
        ]
        return tuple(events)

    def suspend(self, vehicle_id: VehicleId, reason: str) -> tuple[RegistryEvent, ...]:
        """Suspend the vehicle; suspending it again produces no event."""
        checked_name(reason, "reason", length_max=REASON_LENGTH_MAX)
        if self.vehicle(vehicle_id).suspended_because is not None:
            return ()
        return (VehicleSuspended(vehicle_id=vehicle_id, reason=reason),)

    def reinstate(self, vehicle_id: VehicleId, reason: str) -> tuple[RegistryEvent, ...]:
        checked_name(reason, "reason", length_max=REASON_LENGTH_MAX)
        if self.vehicle(vehicle_id).suspended_because is None:
            return ()
        return (VehicleReinstated(vehicle_id=vehicle_id, reason=reason),)

    def remove_vehicle(self, vehicle_id: VehicleId) -> tuple[RegistryEvent, ...]:
        self.vehicle(vehicle_id)
        return (VehicleRemoved(vehicle_id=vehicle_id),)

    # --- agreements -----------------------------------------------------------------------------------------------

    def put_agreement(self, agreement: Agreement) -> tuple[RegistryEvent, ...]:
        agreement.check()
        current = self.agreements.get(agreement.agreement_id)
        if current is None:
            checked_new_id(agreement.agreement_id, "agreement_id")
            return (AgreementRecorded(agreement=agreement),)
        return () if current == agreement else (AgreementAmended(agreement=agreement),)

    def end_agreement(self, agreement_id: AgreementId, *, now: datetime) -> tuple[RegistryEvent, ...]:
        """End the agreement now; ending one that is over produces no event."""
        ends_at = self.agreement(agreement_id).ends_at
        if ends_at is not None and ends_at <= now:
            return ()
        return (AgreementEnded(agreement_id=agreement_id, ended_at=now),)

    # --- ad-hoc permissions ---------------------------------------------------------------------------------------

    def allow_ad_hoc(self, permission: AdHocPermission) -> tuple[RegistryEvent, ...]:
        """Give an ad-hoc permission. Repeating it with the same end and reason for the same attempt produces no event
        while it is valid.
        """
        permission.check()
        known = self.ad_hoc.get(permission.subject)
        if known is not None and known == replace(permission, given_at=known.given_at, given_by=known.given_by):
            return ()
        return (AdHocPermissionGiven(permission=permission),)

    def end_ad_hoc(self, attempt_id: AttemptId, *, now: datetime) -> tuple[RegistryEvent, ...]:
        """End the permission now; ending one that is over produces no event."""
        known = next((each for each in self.ad_hoc.values() if each.attempt_id == attempt_id), None)
        if known is None:
            raise AdHocUnknown(f"Attempt {attempt_id[:64]} has no ad-hoc permission.")
        if known.until <= now:
            return ()
        return (AdHocPermissionEnded(attempt_id=attempt_id, ended_at=now),)

    # --- denied identifiers ---------------------------------------------------------------------------------------

    def ignore(self, ignored: IgnoredIdentifier, *, now: datetime) -> tuple[RegistryEvent, ...]:
        """Ignore a denied identifier; ignoring it again in the same way produces no event."""
        checked_name(ignored.reason, "reason", length_max=REASON_LENGTH_MAX)
        if self.ignored.get(ignored.pseudonym) == ignored:
            return ()
        return (DeniedIdentifierIgnored(ignored=ignored, ignored_at=now),)

    def list_again(self, pseudonym: str) -> tuple[RegistryEvent, ...]:
        """Stop ignoring a denied identifier; one that is not ignored produces no event."""
        return (DeniedIdentifierListed(pseudonym=pseudonym),) if pseudonym in self.ignored else ()

    # --- checks ---------------------------------------------------------------------------------------------------

    def check_description(self, description: VehicleDescription) -> None:
        """Raises `VehicleInvalid`, `AgreementNotThere`, `InvalidName`, or an error of `utc`; the pointer names the
        part.
        """
        checked_name(description.name)
        starts = None if description.valid_from is None else utc(description.valid_from, "valid_from")
        ends = None if description.valid_until is None else utc(description.valid_until, "valid_until")
        if starts is not None and ends is not None and ends <= starts:
            raise errors.VehicleInvalid(
                "The vehicle's validity would end before it starts; give a later valid_until.", pointer="/valid_until"
            )
        match description.access_class:
            case AccessClass.OWN if description.agreement_id is not None:
                raise errors.VehicleInvalid(
                    "An own vehicle has no agreement; leave out agreement_id or make its class 'agreement'.",
                    pointer="/agreement_id",
                )
            case AccessClass.AGREEMENT if description.agreement_id is None:
                raise errors.VehicleInvalid(
                    "A vehicle of class 'agreement' names its agreement; give agreement_id.", pointer="/agreement_id"
                )
            case AccessClass.AGREEMENT if description.agreement_id not in self.agreements:
                raise errors.AgreementNotThere(
                    f"There is no agreement {description.agreement_id}; create it first.", pointer="/agreement_id"
                )
            case AccessClass.UNKNOWN:
                raise errors.VehicleInvalid(
                    "access_class must be 'own' or 'agreement'; only an unregistered vehicle is unknown.",
                    pointer="/access_class",
                )
            case _:
                pass

    def _check_identifiers(self, vehicle_id: VehicleId, identifiers: Sequence[VehicleIdentifier]) -> None:
        if len(identifiers) > IDENTIFIERS_MAX:
            raise errors.VehicleInvalid(f"A vehicle has at most {IDENTIFIERS_MAX} identifiers.", pointer="/identifiers")
        for index, identifier in enumerate(identifiers):
            holder = self.holders.get(_key(identifier.ref))
            if holder is not None and holder != vehicle_id:
                raise errors.IdentifierTaken(holder, identifier.ref.masked, pointer=f"/identifiers/{index}")

    # --- fold -----------------------------------------------------------------------------------------------------

    def follow(self, version: int, event: RegistryEvent) -> None:
        """Fold the event that made the stream's `version`; do nothing if it is already folded, or is not the next one."""
        if version == self.version + 1:
            self.apply(event)

    def apply(self, event: RegistryEvent) -> None:
        """Fold one event in place, without any decision."""
        self.version += 1
        match event:
            case VehicleRegistered():
                self.vehicles[event.vehicle_id] = Vehicle(
                    vehicle_id=event.vehicle_id, description=event.description, changed_at=self.version
                )
            case VehicleReclassified():
                self._change(event.vehicle_id, description=event.description)
            case VehicleIdentifierAdded(identifier=added):
                self._count_pin(added.ref, 1)
                self.holders[_key(added.ref)] = event.vehicle_id
                self._change(event.vehicle_id, identifiers=(*self.vehicles[event.vehicle_id].identifiers, added.ref))
            case VehicleIdentifierRemoved(ref=ref):
                self._count_pin(ref, -1)
                del self.holders[_key(ref)]
                kept = tuple(i for i in self.vehicles[event.vehicle_id].identifiers if _key(i) != _key(ref))
                self._change(event.vehicle_id, identifiers=kept)
            case VehicleSuspended():
                self._change(event.vehicle_id, suspended_because=event.reason)
            case VehicleReinstated():
                self._change(event.vehicle_id, suspended_because=None)
            case VehicleRemoved():
                for ref in self.vehicles.pop(event.vehicle_id).identifiers:
                    self._count_pin(ref, -1)
                    del self.holders[_key(ref)]
                self.ad_hoc = {key: each for key, each in self.ad_hoc.items() if each.vehicle_id != event.vehicle_id}
            case AgreementRecorded(agreement=agreement) | AgreementAmended(agreement=agreement):
                self._agree(agreement)
            case DeniedIdentifierIgnored(ignored=ignored, ignored_at=now):
                listed = {key: each for key, each in self.ignored.items() if each.until > now}
                self.ignored = {**listed, ignored.pseudonym: ignored}
            case DeniedIdentifierListed(pseudonym=pseudonym):
                self.ignored = {key: each for key, each in self.ignored.items() if key != pseudonym}
            case AdHocPermissionGiven(permission=permission):
                self._permit(permission)
            case AdHocPermissionEnded(attempt_id=attempt_id):
                for subject, each in self.ad_hoc.items():
                    if each.attempt_id == attempt_id:
                        self.ad_hoc[subject] = replace(each, until=event.ended_at)
            case AgreementEnded():
                self._agree(replace(self.agreements[event.agreement_id], ended_at=event.ended_at))

    def _permit(self, permission: AdHocPermission) -> None:
        """Add a permission, and drop those that are over, which later decisions do not need."""
        kept = {
            subject: each
            for subject, each in self.ad_hoc.items()
            if each.until > permission.given_at and each.attempt_id != permission.attempt_id
        }
        self.ad_hoc = {**kept, permission.subject: permission}

    def _count_pin(self, ref: IdentifierRef, by: int) -> None:
        if self._pins is not None and ref.kind is IdentifierKind.PIN:
            self._pins += by

    def _change(self, vehicle_id: VehicleId, **changes: object) -> None:
        vehicle = self.vehicles[vehicle_id]
        self.vehicles[vehicle_id] = replace(vehicle, changed_at=self.version, **changes)  # type: ignore[arg-type]

    def _agree(self, agreement: Agreement) -> None:
        self.agreements[agreement.agreement_id] = agreement
        self.agreement_changed_at[agreement.agreement_id] = self.version


def fold(events: Iterable[RegistryEvent]) -> VehicleRegistry:
    registry = VehicleRegistry()
    for event in events:
        registry.apply(event)
    return registry


def _key(ref: IdentifierRef) -> IdentifierKey:
    return (ref.kind, ref.pseudonym)
