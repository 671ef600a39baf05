"""Events of a tenant's registry. Identifiers appear only as pseudonyms and masked forms (ADR 0007)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AgreementId, AttemptId, VehicleId
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.ignored import IgnoredIdentifier


class AccessClass(StrEnum):
    OWN = "own"
    AGREEMENT = "agreement"
    UNKNOWN = "unknown"  # never registered; the class reported for attempts of unknown identifiers


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleDescription:
    """A vehicle's description, without its identifiers. Valid in `[valid_from, valid_until)`; None leaves that side open."""

    name: str
    access_class: AccessClass
    agreement_id: AgreementId | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleIdentifier:
    """An identifier of a vehicle. `sealed` is the value, encrypted with the vehicle's own key (crypto-shredding)."""

    ref: IdentifierRef
    sealed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleRegistered:
    TYPE: ClassVar = "vehicle_registry.vehicle_registered.v1"
    vehicle_id: VehicleId
    description: VehicleDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleReclassified:
    """The vehicle's description is replaced by this one."""

    TYPE: ClassVar = "vehicle_registry.vehicle_reclassified.v1"
    vehicle_id: VehicleId
    description: VehicleDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleIdentifierAdded:
    TYPE: ClassVar = "vehicle_registry.vehicle_identifier_added.v1"
    vehicle_id: VehicleId
    identifier: VehicleIdentifier


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleIdentifierRemoved:
    TYPE: ClassVar = "vehicle_registry.vehicle_identifier_removed.v1"
    vehicle_id: VehicleId
    ref: IdentifierRef


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleSuspended:
    TYPE: ClassVar = "vehicle_registry.vehicle_suspended.v1"
    vehicle_id: VehicleId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleReinstated:
    TYPE: ClassVar = "vehicle_registry.vehicle_reinstated.v1"
    vehicle_id: VehicleId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleRemoved:
    """The vehicle was removed; its identifiers are free again."""

    TYPE: ClassVar = "vehicle_registry.vehicle_removed.v1"
    vehicle_id: VehicleId


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRecorded:
    TYPE: ClassVar = "vehicle_registry.agreement_recorded.v1"
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementAmended:
    """The agreement is replaced by this one; amending an ended agreement makes it valid again."""

    TYPE: ClassVar = "vehicle_registry.agreement_amended.v1"
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementEnded:
    TYPE: ClassVar = "vehicle_registry.agreement_ended.v1"
    agreement_id: AgreementId
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AdHocPermissionGiven:
    """A permission was given. It replaces an earlier permission of the same attempt, and of the same vehicle or identifier
    at the depot.
    """

    TYPE: ClassVar = "vehicle_registry.ad_hoc_permission_given.v1"
    permission: AdHocPermission


@dataclass(frozen=True, slots=True, kw_only=True)
class AdHocPermissionEnded:
    """The permission ended at `ended_at`, before its time."""

    TYPE: ClassVar = "vehicle_registry.ad_hoc_permission_ended.v1"
    attempt_id: AttemptId
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeniedIdentifierIgnored:
    TYPE: ClassVar = "vehicle_registry.denied_identifier_ignored.v1"
    ignored: IgnoredIdentifier
    ignored_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeniedIdentifierListed:
    """The denied identifier is no longer ignored."""

    TYPE: ClassVar = "vehicle_registry.denied_identifier_listed.v1"
    pseudonym: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryImportApplied:
    """A planned import was applied as a whole: its changes are the events after `after_version` of the registry, up
    to this one. `left_out` rows had errors or had changed since they were planned. `file_fingerprint` is a keyed
    hash of the file; the file itself is not stored.
    """

    TYPE: ClassVar = "vehicle_registry.registry_import_applied.v1"
    plan_id: str
    file_fingerprint: str
    mode: str
    added: int
    changed: int
    removed: int
    unchanged: int
    left_out: int
    after_version: int


RegistryEvent = (
    VehicleRegistered
    | VehicleReclassified
    | VehicleIdentifierAdded
    | VehicleIdentifierRemoved
    | VehicleSuspended
    | VehicleReinstated
    | VehicleRemoved
    | AgreementRecorded
    | AgreementAmended
    | AgreementEnded
    | AdHocPermissionGiven
    | AdHocPermissionEnded
    | DeniedIdentifierIgnored
    | DeniedIdentifierListed
    | RegistryImportApplied
)
