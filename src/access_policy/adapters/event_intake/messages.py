"""The messages of other services: EventBridge's envelope around a detail like that of our own events.

What is not known here is ignored: neighbours may add fields. Their contract is `docs/events`, made from these shapes.
"""

from __future__ import annotations

import json
from datetime import datetime, time
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from access_policy.application.ports import incoming_events as events
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import VALUE_LENGTH_MAX, IdentifierKind
from access_policy.domain.ids import (
    ID_LENGTH_MAX,
    NAME_LENGTH_MAX,
    AgreementId,
    ChargerId,
    DepotId,
    TenantId,
    VehicleId,
    checked_id,
)
from access_policy.domain.instants import NaiveInstant, is_far_future, utc
from access_policy.domain.vehicle_registry.agreements import HOURS_MAX, PLACES_MAX, Agreement, AgreementHours
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from access_policy.domain.vehicle_registry.registry import IDENTIFIERS_MAX

BYTES_MAX: Final = 1024 * 1024
REASONS_MAX: Final = 20
BYTE_ORDER_MARK: Final = "\ufeff"


class BadEvent(Exception):
    """An invalid message; `reasons` are RFC 6901 pointers, each with the fault there."""

    def __init__(self, reasons: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{pointer or 'the event'}: {message}" for pointer, message in reasons))
        self.reasons = reasons


def _identity(value: str) -> str:
    try:
        return checked_id(value, "id")
    except Refused as refusal:
        raise ValueError(refusal.detail) from refusal


def _text_only(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def _no_truth(value: Any) -> Any:
    """Refuse booleans: in Python, True equals 1."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _instant(at: datetime) -> datetime:
    try:
        return utc(at, "the instant")
    except NaiveInstant as naive:
        raise ValueError("must be an instant with an offset from UTC, such as 2026-11-20T06:00:00Z") from naive
    except Refused as refusal:
        raise ValueError(refusal.detail) from refusal


def _end(at: datetime) -> datetime | None:
    """None, for no end, if the instant is in the far future."""
    return None if at.utcoffset() is not None and is_far_future(at) else _instant(at)


Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH_MAX), AfterValidator(_identity)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LENGTH_MAX)]
Instant = Annotated[datetime, BeforeValidator(_text_only), AfterValidator(_instant)]
End = Annotated[datetime | None, BeforeValidator(_text_only), AfterValidator(_end)]
ClockTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
Weekday = Literal["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


class Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class Aggregate(Shape):
    """The subject of the event. `version` ascends with each event of the source about it; an event with an older version than
    one already received has no effect."""

    id: Id
    version: Annotated[int, Field(strict=True, ge=1, le=2**53 - 1)]
    type: Annotated[str, StringConstraints(max_length=64)] = ""


class Identifier(Shape):
    """An identifier as typed, in any spelling of its kind."""

    kind: IdentifierKind
    value: Annotated[str, StringConstraints(min_length=1, max_length=VALUE_LENGTH_MAX)]


class CommissionedVehicle(Shape):
    """Valid in `[valid_from, valid_until)`. A vehicle of class `agreement` names its agreement. Without `identifiers`, or with
    null, the vehicle keeps its own; otherwise it has exactly these."""

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
    """Valid in `[valid_from, valid_until)`, and until `ended_at`. Without chargers and depots it is valid everywhere, without
    hours always, without identifier kinds for all of them."""

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


class DetailOf(Shape):
    """`event_id` is unique at the source and identifies repetitions."""

    event_id: Token
    event_version: Annotated[Literal[1], BeforeValidator(_no_truth)]
    tenant_id: Id
    occurred_at: Instant
    aggregate: Aggregate
    correlation_id: Token | None = None


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


CONSUMED_EVENTS: Final = (VehicleCommissioned, VehicleDecommissioned, AgreementChanged)
AnyEvent = Annotated[VehicleCommissioned | VehicleDecommissioned | AgreementChanged, Field(discriminator="detail_type")]
_READER: Final[TypeAdapter[AnyEvent]] = TypeAdapter(AnyEvent)


def read(body: bytes | str) -> events.IncomingEvent:
    """JSON in UTF-8, with or without a byte order mark. Raises `BadEvent`."""
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
    """Raises `BadEvent`."""
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
    """The RFC 6901 pointer, without pydantic's name of the union's branch."""
    names = {shape.__name__ for shape in CONSUMED_EVENTS}
    parts = [str(part) for index, part in enumerate(location) if not (index == 0 and part in names)]
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
