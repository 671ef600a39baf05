"""Published events of vehicles and agreements."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from access_policy.application.published_events.shared import Identifier
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.vehicle_registry.events import AccessClass


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleRegistered:
    """A vehicle was registered. It is valid in `[valid_from, valid_until)`; null leaves that side open."""

    VERSION: ClassVar = 1
    vehicle_id: str
    access_class: AccessClass
    agreement_id: str | None
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleReclassified:
    """The vehicle has this description from now on."""

    VERSION: ClassVar = 1
    vehicle_id: str
    access_class: AccessClass
    agreement_id: str | None
    valid_from: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleIdentifierAdded:
    """This identifier also identifies the vehicle."""

    VERSION: ClassVar = 1
    vehicle_id: str
    identifier: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleIdentifierRemoved:
    """This identifier no longer identifies the vehicle and is free again."""

    VERSION: ClassVar = 1
    vehicle_id: str
    identifier: Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleSuspended:
    """The vehicle may not charge under managed access until it is reinstated."""

    VERSION: ClassVar = 1
    vehicle_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleReinstated:
    """The vehicle may charge again."""

    VERSION: ClassVar = 1
    vehicle_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleRemoved:
    """The vehicle was removed; its identifiers are free again."""

    VERSION: ClassVar = 1
    vehicle_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementHours:
    """Local hours `[start, end)` in the zone of the charger's depot; `end` not after `start` means the next day."""

    days: tuple[str, ...]
    start: dt.time
    end: dt.time


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """An agreement, valid in `[valid_from, valid_until)`. Without locations it covers every charger; without hours,
    every hour; without kinds, all kinds."""

    agreement_id: str
    name: str
    fleet: str
    valid_from: datetime
    valid_until: datetime | None
    ended_at: datetime | None
    charger_ids: tuple[str, ...]
    depot_ids: tuple[str, ...]
    hours: tuple[AgreementHours, ...]
    identifier_kinds: tuple[IdentifierKind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementRecorded:
    """A new agreement with another fleet was recorded."""

    VERSION: ClassVar = 1
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementAmended:
    """The agreement has this content from now on."""

    VERSION: ClassVar = 1
    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementEnded:
    """The agreement covers nothing from `ended_at` on."""

    VERSION: ClassVar = 1
    agreement_id: str
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementEndsSoon:
    """The agreement covers nothing from `ends_at` on, which is at most 14 days ahead. Published once for each end."""

    VERSION: ClassVar = 1
    agreement_id: str
    ends_at: datetime
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryImportApplied:
    """A planned import was applied; each of its changes was published before."""

    VERSION: ClassVar = 1
    plan_id: str
    mode: str
    added: int
    changed: int
    removed: int
    unchanged: int
    left_out: int
