"""Events of other services, in the terms of this service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AgreementId, DepotId, EnvelopeId, TenantId, VehicleId
from access_policy.domain.reservations.reservation import Place
from access_policy.domain.site_energy.envelopes import OperatingEnvelope
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.vehicle_registry.agreements import Agreement
from access_policy.domain.vehicle_registry.events import VehicleDescription


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleCommissioned:
    """The vehicle has this description and exactly these identifiers; None keeps its current identifiers."""

    vehicle_id: VehicleId
    description: VehicleDescription
    identifiers: tuple[tuple[IdentifierKind, str], ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleDecommissioned:
    vehicle_id: VehicleId


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementChanged:
    """The agreement has these terms; it may be new, or have ended."""

    agreement: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingReceived:
    """The booking has this content; it may be new. `terms` are those that differ from the depot's, by name."""

    booking_id: str
    depot_id: DepotId
    place: Place
    start: datetime
    end: datetime
    vehicle_id: VehicleId | None
    identifiers: tuple[tuple[IdentifierKind, str], ...]
    terms: Mapping[str, int | bool]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingCanceled:
    booking_id: str
    depot_id: DepotId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeChanged:
    """The operating envelope has this content; it may be new."""

    depot_id: DepotId
    envelope: OperatingEnvelope


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeWithdrawn:
    depot_id: DepotId
    envelope_id: EnvelopeId


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandReceived:
    """Measurements of one depot; the instant of each orders them."""

    depot_id: DepotId
    items: tuple[Demand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySourceSilent:
    """The source of envelopes is silent from `offline_at` on, which may be in the future."""

    depot_id: DepotId
    source: str
    offline_at: datetime


Message = (
    VehicleCommissioned
    | VehicleDecommissioned
    | AgreementChanged
    | BookingReceived
    | BookingCanceled
    | EnvelopeChanged
    | EnvelopeWithdrawn
    | DemandReceived
    | EnergySourceSilent
)


class SubjectKind(StrEnum):
    VEHICLE = "vehicle"
    AGREEMENT = "agreement"
    BOOKING = "booking"
    ENVELOPE = "envelope"
    DEMAND = "demand"
    ENERGY_SOURCE = "energy_source"


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of an event. The event's version orders the events of one source about it."""

    kind: SubjectKind
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingEvent:
    """`event_id` is unique within its `source`; `version` ascends with each event of the source about the same subject."""

    event_id: str
    source: str
    tenant_id: TenantId
    occurred_at: datetime
    version: int
    correlation_id: str
    message: Message

    @property
    def subject(self) -> Subject:
        match self.message:
            case VehicleCommissioned(vehicle_id=vehicle_id) | VehicleDecommissioned(vehicle_id=vehicle_id):
                return Subject(SubjectKind.VEHICLE, vehicle_id)
            case AgreementChanged(agreement=agreement):
                return Subject(SubjectKind.AGREEMENT, AgreementId(agreement.agreement_id))
            case BookingReceived(booking_id=booking_id) | BookingCanceled(booking_id=booking_id):
                return Subject(SubjectKind.BOOKING, booking_id)
            case EnvelopeChanged(envelope=envelope):
                return Subject(SubjectKind.ENVELOPE, envelope.envelope_id)
            case EnvelopeWithdrawn(envelope_id=envelope_id):
                return Subject(SubjectKind.ENVELOPE, envelope_id)
            case DemandReceived():
                return Subject(SubjectKind.DEMAND, self.event_id)  # never outdated: its instants order measurements
            case EnergySourceSilent(depot_id=depot_id, source=source):
                return Subject(SubjectKind.ENERGY_SOURCE, f"{depot_id}/{source}")
