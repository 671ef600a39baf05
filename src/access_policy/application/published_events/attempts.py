"""Published events of attempts to charge and of what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from access_policy.application.published_events.shared import Cause, Identifier
from access_policy.domain.access.events import SessionDecision, Stage, StopCause
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.vehicle_registry.events import AccessClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """What a decision was made of. `decided_for` is the instant whose policy was asked."""

    decided_for: datetime
    stage: Stage
    protocol: str
    message_id: str
    enforcement: Enforcement
    policy_version: int
    registry_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialSignal:
    """What the driver can see: the protocol's status and, where there is one, a text."""

    status: str
    message: str | None
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessAllowed:
    """An attempt may charge. `valid_until` is the first instant at which the same attempt could be denied; `would_deny` is
    the reason it would have been denied for, had it been enforced."""

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
class ChargingStarted:
    """Energy may flow from `started_at`, by the charger's clock. `decision` is `none` where nobody needs to ask."""

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
    """`reason` is the protocol's word; `energy_wh` is null where the charger told no meter values."""

    VERSION: ClassVar = 1
    attempt_id: str
    charger_id: str
    transaction_id: str
    ended_at: datetime
    energy_wh: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineStartReported:
    """A charge had begun while the charger could not ask; `authorised` by the policy of its own time."""

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
    """The charger was asked to stop the charge."""

    VERSION: ClassVar = 1
    attempt_id: str
    charger_id: str
    transaction_id: str
    cause: StopCause
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PinsLockedOut:
    """No PIN is taken at the charger in `[since, until)`, from where too many wrong ones came."""

    VERSION: ClassVar = 1
    charger_id: str
    depot_id: str
    attempt_id: str
    since: datetime
    until: datetime
