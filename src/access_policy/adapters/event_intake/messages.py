"""The messages of other services: EventBridge's envelope around a detail like that of our own events.

Unknown fields are ignored, so that other services may add fields. The contract is `docs/events`, generated from these shapes.
"""

from __future__ import annotations

import json
from datetime import time
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from access_policy.adapters.event_intake.bookings import BookingCanceled, BookingChanged, BookingReserved
from access_policy.adapters.event_intake.energy import (
    DemandMeasured,
    EnergySourceOffline,
    OperatingEnvelopeChanged,
    OperatingEnvelopeWithdrawn,
)
from access_policy.adapters.event_intake.fields import (
    ClockTime,
    DetailOf,
    End,
    Id,
    Identifier,
    Instant,
    Name,
    Shape,
    Token,
    Weekday,
)
from access_policy.application.ports import incoming_events as events
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AgreementId, ChargerId, DepotId, TenantId, VehicleId
from access_policy.domain.vehicle_registry.agreements import HOURS_MAX, PLACES_MAX, Agreement, AgreementHours
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.domain.vehicle_registry.registry import IDENTIFIERS_MAX

BYTES_MAX: Final = 1024 * 1024
REASONS_MAX: Final = 20
BYTE_ORDER_MARK: Final = "\ufeff"


class BadEvent(Exception):
    """An invalid message. `reasons` are RFC 6901 pointers, each with the fault found there."""

    def __init__(self, reasons: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{pointer or 'the event'}: {message}" for pointer, message in reasons))
        self.reasons = reasons


class CommissionedVehicle(Shape):
    """Valid in `[valid_from, valid_until)`. A vehicle of class `agreement` names its agreement. If `identifiers` is absent or
    null, the vehicle keeps its identifiers; otherwise it has exactly these.
    """

    vehicle_id: Id
    name: Name
    access_class: Literal["own", "agreement"]
    agreement_id: Id | None = None
    valid_from: Instant | None = None
    valid_until: End | None = None
    identifiers: Annotated[list[Identifier], Field(max_length=IDENTIFIERS_MAX)] | None = None

    @property
    def subject_id(self) -> str:
        return self.vehicle_id

    def message(self) -> events.Message:
        given = self.identifiers
        return events.VehicleCommissioned(
            vehicle_id=VehicleId(self.vehicle_id),
            description=VehicleDescription(
                name=self.name,
                access_class=AccessClass(self.access_class),
                agreement_id=None if self.agreement_id is None else AgreementId(self.agreement_id),
                valid_from=self.valid_from,
                valid_until=self.valid_until,
            ),
            identifiers=None if given is None else tuple((each.kind, each.value) for each in given),
        )


class DecommissionedVehicle(Shape):
    vehicle_id: Id

    @property
    def subject_id(self) -> str:
        return self.vehicle_id

    def message(self) -> events.Message:
        return events.VehicleDecommissioned(vehicle_id=VehicleId(self.vehicle_id))


class Hours(Shape):
    """Local hours `[start, end)` in the zone of the charger's depot; `end` not after `start` means the next day."""

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    start: ClockTime
    end: ClockTime


class ChangedAgreement(Shape):
    """Valid in `[valid_from, valid_until)`, at most until `ended_at`. Without chargers and depots it applies everywhere,
    without hours at all times, and without identifier kinds to all kinds.
    """

    agreement_id: Id
    name: Name
    fleet: Name
    valid_from: Instant
    valid_until: End | None = None
    ended_at: End | None = None
    charger_ids: Annotated[list[Id], Field(max_length=PLACES_MAX)] = []
    depot_ids: Annotated[list[Id], Field(max_length=PLACES_MAX)] = []
    hours: Annotated[list[Hours], Field(max_length=HOURS_MAX)] = []
    identifier_kinds: list[IdentifierKind] = []

    @property
    def subject_id(self) -> str:
        return self.agreement_id

    def message(self) -> events.Message:
        return events.AgreementChanged(
            agreement=Agreement(
                agreement_id=AgreementId(self.agreement_id),
                name=self.name,
                fleet=self.fleet,
                valid_from=self.valid_from,
                valid_until=self.valid_until,
                ended_at=self.ended_at,
                charger_ids=frozenset(ChargerId(each) for each in self.charger_ids),
                depot_ids=frozenset(DepotId(each) for each in self.depot_ids),
                hours=tuple(
                    AgreementHours(
                        days=tuple(each.days), start=time.fromisoformat(each.start), end=time.fromisoformat(each.end)
                    )
                    for each in self.hours
                ),
                identifier_kinds=frozenset(self.identifier_kinds),
            )
        )


class VehicleCommissionedDetail(DetailOf):
    data: CommissionedVehicle


class VehicleDecommissionedDetail(DetailOf):
    data: DecommissionedVehicle


class AgreementChangedDetail(DetailOf):
    data: ChangedAgreement


class VehicleCommissioned(Shape):
    """A vehicle is in service, or has a new description."""

    detail_type: Annotated[Literal["VehicleCommissioned"], Field(alias="detail-type")]
    source: Token
    detail: VehicleCommissionedDetail


class VehicleDecommissioned(Shape):
    """A vehicle is out of service: it is removed, and its identifiers are free."""

    detail_type: Annotated[Literal["VehicleDecommissioned"], Field(alias="detail-type")]
    source: Token
    detail: VehicleDecommissionedDetail


class AgreementChanged(Shape):
    """An agreement is new, has other terms, or has ended."""

    detail_type: Annotated[Literal["AgreementChanged"], Field(alias="detail-type")]
    source: Token
    detail: AgreementChangedDetail


CONSUMED_EVENTS: Final = (
    VehicleCommissioned,
    VehicleDecommissioned,
    AgreementChanged,
    BookingReserved,
    BookingChanged,
    BookingCanceled,
    OperatingEnvelopeChanged,
    OperatingEnvelopeWithdrawn,
    DemandMeasured,
    EnergySourceOffline,
)
AnyEvent = Annotated[
    VehicleCommissioned
    | VehicleDecommissioned
    | AgreementChanged
    | BookingReserved
    | BookingChanged
    | BookingCanceled
    | OperatingEnvelopeChanged
    | OperatingEnvelopeWithdrawn
    | DemandMeasured
    | EnergySourceOffline,
    Field(discriminator="detail_type"),
]
_READER: Final[TypeAdapter[AnyEvent]] = TypeAdapter(AnyEvent)


def read(body: bytes | str) -> events.IncomingEvent:
    """Read a message of JSON in UTF-8, with or without a byte order mark. Raises `BadEvent`."""
    if len(body) > BYTES_MAX:
        raise BadEvent([("", f"has more than {BYTES_MAX} bytes")])
    try:
        document = json.loads(body.removeprefix(BYTE_ORDER_MARK) if isinstance(body, str) else body)
        event = _READER.validate_python(document)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[:REASONS_MAX]
        raise BadEvent([(_pointer(each["loc"]), each["msg"].removeprefix("Value error, ")) for each in found]) from None
    except (ValueError, RecursionError) as error:
        raise BadEvent([("", f"is not JSON in UTF-8: {type(error).__name__}")]) from None
    return incoming(event)


def incoming(event: AnyEvent) -> events.IncomingEvent:
    """Convert the parsed event. Raises `BadEvent`."""
    detail = event.detail
    if detail.aggregate.id != detail.data.subject_id:
        raise BadEvent([("/detail/aggregate/id", "is not the id in the data")])
    return events.IncomingEvent(
        event_id=detail.event_id,
        source=event.source,
        tenant_id=TenantId(detail.tenant_id),
        occurred_at=detail.occurred_at,
        version=detail.aggregate.version,
        correlation_id=detail.correlation_id or detail.event_id,
        message=detail.data.message(),
    )


def _pointer(location: tuple[int | str, ...]) -> str:
    """Return the RFC 6901 pointer, without pydantic's name of the union's branch."""
    names = {shape.__name__ for shape in CONSUMED_EVENTS}
    parts = [str(part) for index, part in enumerate(location) if not (index == 0 and part in names)]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
