"""Published events of attempts to charge and of their consequences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from access_policy.application.published_events.shared import BindingEnvelope, Cause, Identifier
from access_policy.domain.access.events import SessionDecision, Stage, StopCause
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.site_energy.gate import GateLevel, LimitSource
from access_policy.domain.vehicle_registry.events import AccessClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The energy gate that applied to a decision. Powers are in watts. `node_path` leads from the charger's node
    (`target_node_id`) to the root; `effective_w` is what the binding node leaves. `observed_at` is null for fallback
    demand."""

    level: GateLevel
    is_advisory: bool
    node_path: tuple[str, ...]
    target_node_id: str
    binding_node_id: str | None
    effective_w: int | None
    committed_w: int | None
    threshold_w: int | None
    limit_source: LimitSource | None
    envelope: BindingEnvelope | None
    observed_at: datetime | None
    data_age_s: float | None
    energy_version: int
    restricted_as: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The inputs of a decision. `decided_for` is the instant whose policy applied. `gate` is null if the depot has no
    energy policy."""

    decided_for: datetime
    stage: Stage
    protocol: str
    message_id: str
    enforcement: Enforcement
    policy_version: int
    registry_version: int
    gate: Gate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialSignal:
    """The signal that the driver can see: the protocol's status and, if available, a message."""

    status: str
    message: str | None
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessAllowed:
    """An attempt may charge. `valid_until` is the first instant at which the same attempt could be denied;
    `would_deny` is the reason for which enforcement would have denied it.
    """

    VERSION: ClassVar = 1
    attempt_id: str
    charger_id: str
    depot_id: str
    connector_id: int | None
    identifier: Identifier | None
    access_class: AccessClass
    vehicle_id: str | None
    agreement_id: str | None
    expected_mode: AccessMode
    cause: Cause
    reason: Reason
    would_deny: Reason | None
    valid_until: datetime
    lineage: Lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessDenied:
    """An attempt may not charge. Neither a fault nor an incident."""

    VERSION: ClassVar = 1
    attempt_id: str
    charger_id: str
    depot_id: str
    connector_id: int | None
    identifier: Identifier | None
    access_class: AccessClass
    vehicle_id: str | None
    agreement_id: str | None
    expected_mode: AccessMode
    cause: Cause
    reason: Reason
    denial_signal: DenialSignal | None
    lineage: Lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class EntranceAllowed:
    """An attempt at an entrance of a depot may enter. `deciding_charger_id` is the charger behind the entrance whose
    policy determined the decision; `valid_until` is the first instant at which the same attempt could be denied."""

    VERSION: ClassVar = 1
    attempt_id: str
    entrance_id: str
    depot_id: str
    deciding_charger_id: str
    identifier: Identifier | None
    access_class: AccessClass
    vehicle_id: str | None
    agreement_id: str | None
    reservation_id: str | None
    expected_mode: AccessMode
    cause: Cause
    reason: Reason
    would_deny: Reason | None
    valid_until: datetime
    lineage: Lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class EntranceDenied:
    """An attempt at an entrance of a depot may not enter. Neither a fault nor an incident."""

    VERSION: ClassVar = 1
    attempt_id: str
    entrance_id: str
    depot_id: str
    deciding_charger_id: str
    identifier: Identifier | None
    access_class: AccessClass
    vehicle_id: str | None
    agreement_id: str | None
    reservation_id: str | None
    expected_mode: AccessMode
    cause: Cause
    reason: Reason
    denial_signal: DenialSignal | None
    lineage: Lineage


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingStarted:
    """Energy may flow from `started_at` on, by the charger's clock. `decision` is `none` if no authorisation is needed."""

    VERSION: ClassVar = 1
    attempt_id: str
    charger_id: str
    depot_id: str
    connector_id: int | None
    transaction_id: str
    started_at: datetime
    meter_start_wh: int | None
    decision: SessionDecision
    identifier: Identifier | None
    vehicle_id: str | None
    expected_mode: AccessMode
    offline: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingEnded:
    """A charge ended. `reason` is the protocol's word; `energy_wh` is null if the charger reported no meter values."""

    VERSION: ClassVar = 1
    attempt_id: str
    charger_id: str
    transaction_id: str
    ended_at: datetime
    energy_wh: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineStartReported:
    """A charge started while the charger was offline. `authorised` says whether the policy in force at that time allows
    it."""

    VERSION: ClassVar = 1
    attempt_id: str
    charger_id: str
    started_at: datetime
    authorised: bool
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialNotHonoured:
    """The charger delivers energy although the start was denied; it is being stopped."""

    VERSION: ClassVar = 1
    attempt_id: str
    charger_id: str
    transaction_id: str
    seen_at: datetime
    energy_wh: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStopRequested:
    """The service asked the charger to stop the charge."""

    VERSION: ClassVar = 1
    attempt_id: str
    charger_id: str
    transaction_id: str
    cause: StopCause
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PinsLockedOut:
    """The charger accepts no PIN in `[since, until)` from the source of too many wrong ones."""

    VERSION: ClassVar = 1
    charger_id: str
    depot_id: str
    attempt_id: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrancePinsLockedOut:
    """The entrance accepts no PIN in `[since, until)` from the source of too many wrong ones."""

    VERSION: ClassVar = 1
    entrance_id: str
    depot_id: str
    attempt_id: str
    since: datetime
    until: datetime
