"""A reading of values: a person was shown identifier values in plain text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from access_policy.domain.ids import VehicleId


class ShownIn(StrEnum):
    VEHICLE = "vehicle"
    VEHICLE_LIST = "vehicle_list"
    REGISTRY_EXPORT = "registry_export"
    DENIED_IDENTIFIERS = "denied_identifiers"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifierValuesShown:
    """The envelope's actor was about to be shown `values` identifier values: those of the vehicles, and those of the
    pseudonyms, which belong to no vehicle. Recorded before the values leave the service (ADR 0029).
    """

    TYPE: ClassVar = "identifier_reading.values_shown.v1"
    reading_id: str
    shown_in: ShownIn
    values: int
    vehicle_ids: tuple[VehicleId, ...]
    pseudonyms: tuple[str, ...]
    shown_at: datetime
