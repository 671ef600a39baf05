"""A charger's own reports. A status caused by a denial is not a fault (design.md 3.6): `caused_by` names the attempt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.ids import AttemptId, ChargerId, ReservationId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerConnected:
    """The charger connected. `gateway` names the process that has the connection; the latest recorded gateway owns the
    charger (ADR 0016).
    """

    TYPE: ClassVar = "charger_condition.charger_connected.v1"
    charger_id: ChargerId
    protocol: str
    connected_at: datetime
    gateway: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerDisconnected:
    """The connection ended. `found_by` names the process that detected that `gateway` was gone; it is empty if that
    gateway recorded the end itself.
    """

    TYPE: ClassVar = "charger_condition.charger_disconnected.v1"
    charger_id: ChargerId
    reason: str
    disconnected_at: datetime
    gateway: str = ""
    found_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerBooted:
    TYPE: ClassVar = "charger_condition.charger_booted.v1"
    charger_id: ChargerId
    vendor: str
    model: str
    firmware: str | None
    booted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorFaulted:
    """The charger reported an error on a connector (0: the charger as a whole).

    `caused_by` is the denied attempt after which this charger usually reports such an error; the error is then shown with
    the denial and is not a fault.
    """

    TYPE: ClassVar = "charger_condition.connector_faulted.v1"
    charger_id: ChargerId
    connector_id: int
    error_code: str
    vendor_error_code: str | None
    info: str | None
    faulted_at: datetime
    caused_by: AttemptId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorRecovered:
    """The connector reported a status without error again."""

    TYPE: ClassVar = "charger_condition.connector_recovered.v1"
    charger_id: ChargerId
    connector_id: int
    recovered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSent:
    """The charger accepted a new password; the old one becomes invalid once the charger has connected with the new one."""

    TYPE: ClassVar = "charger_condition.password_sent.v1"
    charger_id: ChargerId
    sent_at: datetime


@dataclass(frozen=True, slots=True, order=True)
class ReportedSetting:
    """A setting of the charger, by the protocol's name: its value, or why it differs from the intended value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineStartsSet:
    """The gateway set which starts the charger allows while offline: settings, by the protocol's names, that read
    back as intended, and those that do not, with the reason.
    """

    TYPE: ClassVar = "charger_condition.offline_starts_set.v1"
    charger_id: ChargerId
    offline_starts: OfflineStarts
    in_force: tuple[ReportedSetting, ...]
    refused: tuple[ReportedSetting, ...]
    seen_at: datetime


class ReservationState(StrEnum):
    """The state of a reservation on the charger itself, apart from the service's own decisions."""

    RESERVED = "reserved"
    WAITING = "waiting"  # the connector is occupied or out of service, or the charger does not answer; sent again later
    REFUSED = "refused"  # not sent again on this connection
    GONE = "gone"  # cancelled, used, expired, or removed by the charger


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationOnCharger:
    """A reservation that the charger keeps. `connector_id` 0 means the charger as a whole. `until` (exclusive) is the end
    that was sent to the charger.
    """

    reservation_id: ReservationId
    connector_id: int
    state: ReservationState
    detail: str
    until: datetime
    reported_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerReservationReported:
    """The state of a reservation on the charger changed. `number` identifies it there; `reported.detail` is the charger's
    answer, or why nothing was sent."""

    TYPE: ClassVar = "charger_condition.charger_reservation_reported.v1"
    charger_id: ChargerId
    number: int
    reported: ReservationOnCharger


ConditionEvent = (
    ChargerConnected
    | ChargerDisconnected
    | ChargerBooted
    | ConnectorFaulted
    | ConnectorRecovered
    | OfflineStartsSet
    | PasswordSent
    | ChargerReservationReported
)
