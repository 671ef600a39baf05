"""Events of one attempt to charge: its decision and, in the same stream, its consequences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, Cause, Enforcement
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import (
    ActorId,
    AgreementId,
    AttemptId,
    ChargerId,
    DepotId,
    EntranceId,
    ReservationId,
    VehicleId,
)
from access_policy.domain.site_energy.gate import Gate
from access_policy.domain.values import cheap_dataclass
from access_policy.domain.vehicle_registry.ad_hoc import AdHocPermission
from access_policy.domain.vehicle_registry.events import AccessClass


class Stage(StrEnum):
    """At which point of the attempt the decision was made."""

    AUTHORIZE = "authorize"  # the driver asked before the start
    START = "start"  # the charge began
    OFFLINE_START = "offline_start"  # it began while the charger was offline
    REQUEST = "request"  # another service asked over HTTP


class SessionDecision(StrEnum):
    """The decision under which a charge began; `none` if no authorisation was needed."""

    ALLOWED = "allowed"
    DENIED = "denied"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialSignal:
    """What the driver can see of the refusal: the protocol's status and, if the protocol supports it, a message."""

    status: str
    message: str | None = None
    language: str | None = None


@cheap_dataclass(frozen=True, slots=True, kw_only=True)
class DecisionLineage:
    """The inputs of a decision, recorded so that the decision can be explained at any later time."""

    attempt_id: AttemptId
    charger_id: ChargerId
    depot_id: DepotId
    connector_id: int | None
    decided_for: datetime  # the instant whose policy applied: the attempt's own, even when reported late
    stage: Stage
    protocol: str
    message_id: str
    identifier: IdentifierRef | None
    expected_mode: AccessMode
    cause: Cause
    enforcement: Enforcement
    policy_version: int
    registry_version: int
    access_class: AccessClass
    vehicle_id: VehicleId | None
    agreement_id: AgreementId | None
    ad_hoc: AdHocPermission | None = None  # the permission that decided
    reservation_id: ReservationId | None = None  # the reservation that admitted
    reservations_version: int | None = None  # of the depot's book; None if no reservation matters
    gate: Gate | None = None  # None if the depot has no energy policy
    restricted_as: Reason | None = None  # the row that refuses because of energy, named by its reason without a gate


@cheap_dataclass(frozen=True, slots=True, kw_only=True)
class AccessAllowed:
    """An attempt may charge. `valid_until` is the first instant at which the same attempt could be refused."""

    TYPE: ClassVar = "access.access_allowed.v1"
    lineage: DecisionLineage
    reason: Reason
    would_deny: Reason | None
    valid_until: datetime


@cheap_dataclass(frozen=True, slots=True, kw_only=True)
class AccessDenied:
    TYPE: ClassVar = "access.access_denied.v1"
    lineage: DecisionLineage
    reason: Reason
    signal: DenialSignal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntranceAllowed:
    """An attempt at an entrance may enter. `lineage` is the lineage of the charger that gave the answer (ADR 0058);
    `valid_until` is the first instant at which no charger behind it would admit the same attempt.
    """

    TYPE: ClassVar = "access.entrance_allowed.v1"
    entrance_id: EntranceId
    lineage: DecisionLineage
    reason: Reason
    would_deny: Reason | None
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntranceDenied:
    """An attempt at an entrance may not enter. `lineage`: see `EntranceAllowed`."""

    TYPE: ClassVar = "access.entrance_denied.v1"
    entrance_id: EntranceId
    lineage: DecisionLineage
    reason: Reason
    signal: DenialSignal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingStarted:
    """A charge began at `started_at` (the charger's own time). `transaction_id` is the protocol's transaction id, as a
    string.
    """

    TYPE: ClassVar = "access.charging_started.v1"
    attempt_id: AttemptId
    charger_id: ChargerId
    depot_id: DepotId
    connector_id: int | None
    transaction_id: str
    started_at: datetime
    meter_start_wh: int | None
    decision: SessionDecision
    identifier: IdentifierRef | None
    vehicle_id: VehicleId | None
    expected_mode: AccessMode
    offline: bool


LOST = "lost"  # `ChargingEnded.reason`: the charger reported no end, and the session cannot be running any more
BY_OPERATOR = "operator"  # an operator ended the session on record; `SessionEndedByOperator` has the reason
ASSUMED_ENDS = frozenset({LOST, BY_OPERATOR})  # concluded by the service; a later report by the charger corrects them


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingEnded:
    """`energy_wh` is None if unknown. `reason` is the charger's reason or one of `ASSUMED_ENDS`. In the latter case
    `ended_at` is the instant at which the service concluded the end, `energy_wh` covers the meter values received until
    then, and a later `ChargingEnded` of the same attempt is the charger's own report, which replaces this one.
    """

    TYPE: ClassVar = "access.charging_ended.v1"
    attempt_id: AttemptId
    charger_id: ChargerId
    transaction_id: str
    ended_at: datetime
    energy_wh: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineStartReported:
    """A charge that began while the charger was offline; `authorised` by the policy in force at that time."""

    TYPE: ClassVar = "access.offline_start_reported.v1"
    attempt_id: AttemptId
    charger_id: ChargerId
    started_at: datetime
    authorised: bool
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialNotHonoured:
    """The charger delivers energy although the start was refused; the session is being stopped remotely."""

    TYPE: ClassVar = "access.denial_not_honoured.v1"
    attempt_id: AttemptId
    charger_id: ChargerId
    transaction_id: str
    seen_at: datetime
    energy_wh: int | None


class StopCause(StrEnum):
    DENIAL_NOT_HONOURED = "denial_not_honoured"  # it was refused but draws energy
    WINDOW_START = "window_start"  # managed access began, and the charger's policy stops unauthorised sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStopRequested:
    """The service asks the charger to stop the charge and repeats the request until the charge has ended; only the first
    request is recorded.
    """

    TYPE: ClassVar = "access.session_stop_requested.v1"
    attempt_id: AttemptId
    charger_id: ChargerId
    transaction_id: str
    cause: StopCause
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEndedByOperator:
    """An operator (the envelope's actor) ended the session on record, for the given reason. It is recorded together with the
    `ChargingEnded` that it caused."""

    TYPE: ClassVar = "access.session_ended_by_operator.v1"
    attempt_id: AttemptId
    charger_id: ChargerId
    transaction_id: str
    reason: str
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverInformed:
    """The gateway sent a text to the charger's display after a denial, to be shown until `until` (exclusive).
    `status` is the charger's answer: any other than `Accepted` means that the driver has not seen the text.
    """

    TYPE: ClassVar = "access.driver_informed.v1"
    attempt_id: AttemptId
    charger_id: ChargerId
    status: str
    message: str
    language: str
    until: datetime
    informed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PinsLockedOut:
    """`source` presented too many wrong PINs at the charger: no PIN is accepted from it there in `[since, until)`.
    `attempt_id` is the attempt that exceeded the limit.
    """

    TYPE: ClassVar = "access.pins_locked_out.v1"
    charger_id: ChargerId
    depot_id: DepotId
    attempt_id: AttemptId
    source: ActorId
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrancePinsLockedOut:
    """Like `PinsLockedOut`, but at an entrance."""

    TYPE: ClassVar = "access.entrance_pins_locked_out.v1"
    entrance_id: EntranceId
    depot_id: DepotId
    attempt_id: AttemptId
    source: ActorId
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionOpened:
    """The protocol's transaction belongs to the attempt. Stored in the transaction's own stream (ADR 0003)."""

    TYPE: ClassVar = "access.transaction_opened.v1"
    charger_id: ChargerId
    transaction_id: str
    attempt_id: AttemptId


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionAnnounced:
    """The charger reported a transaction that has neither a token nor energy yet (OCPP 2.x, E02: cable first). Stored in
    the transaction's own stream, so that a session that starts later has its connector and first meter value (Wh).
    """

    TYPE: ClassVar = "access.transaction_announced.v1"
    charger_id: ChargerId
    transaction_id: str
    announced_at: datetime
    connector_id: int | None
    meter_wh: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEnded:
    """The charger reported the end of a transaction that has no session (yet): its start may still be delivered. Stored in
    the transaction's own stream.
    """

    TYPE: ClassVar = "access.transaction_ended.v1"
    charger_id: ChargerId
    transaction_id: str
    ended_at: datetime
    connector_id: int | None
    meter_wh: int | None
    reason: str


AccessEvent = (
    AccessAllowed
    | AccessDenied
    | EntranceAllowed
    | EntranceDenied
    | ChargingStarted
    | ChargingEnded
    | OfflineStartReported
    | DenialNotHonoured
    | SessionStopRequested
    | SessionEndedByOperator
    | TransactionAnnounced
    | TransactionEnded
    | TransactionOpened
)
