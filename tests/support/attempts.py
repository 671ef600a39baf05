"""Events of one attempt at one charger. A test passes only the fields that it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from access_policy.domain.access.events import (
    AccessAllowed,
    AccessDenied,
    ChargingEnded,
    ChargingStarted,
    DecisionLineage,
    DenialSignal,
    PinsLockedOut,
    SessionDecision,
    Stage,
)
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import Cause, CauseKind, Enforcement
from access_policy.domain.charger_condition.events import ConnectorFaulted, ConnectorRecovered
from access_policy.domain.ids import ActorId, AttemptId
from access_policy.domain.vehicle_registry.events import AccessClass
from tests.support.builders import BAY, HOUR, MANAGED, MINUTE, NOON, NORTH, VAN, ref

TRY = AttemptId("try-1")
ANOTHER_TRY = AttemptId("try-2")
NIGHTS_CAUSE = Cause(CauseKind.RULE, "nights", "Nights")

LINEAGE = DecisionLineage(
    attempt_id=TRY,
    charger_id=BAY,
    depot_id=NORTH,
    connector_id=None,
    decided_for=NOON,
    stage=Stage.AUTHORIZE,
    protocol="ocpp1.6",
    message_id="m-1",
    identifier=ref(),
    expected_mode=MANAGED,
    cause=NIGHTS_CAUSE,
    enforcement=Enforcement.ENFORCE,
    policy_version=2,
    registry_version=7,
    access_class=AccessClass.OWN,
    vehicle_id=VAN,
    agreement_id=None,
)


def allowed(*, reason: Reason = Reason.OWN_VEHICLE, would_deny: Reason | None = None, **lineage: Any) -> AccessAllowed:
    return AccessAllowed(
        lineage=replace(LINEAGE, **lineage), reason=reason, would_deny=would_deny, valid_until=NOON + HOUR
    )


def denied(*, reason: Reason = Reason.UNKNOWN_IDENTIFIER, **lineage: Any) -> AccessDenied:
    unknown = {"access_class": AccessClass.UNKNOWN, "vehicle_id": None}
    signal = DenialSignal(status="Invalid", message="Bitte anmelden.", language="de")
    return AccessDenied(lineage=replace(LINEAGE, **(unknown | lineage)), reason=reason, signal=signal)


def started(**changes: Any) -> ChargingStarted:
    values: dict[str, Any] = {
        "attempt_id": TRY,
        "charger_id": BAY,
        "depot_id": NORTH,
        "connector_id": 2,
        "transaction_id": "tx-1",
        "started_at": NOON,
        "meter_start_wh": 1_000,
        "decision": SessionDecision.ALLOWED,
        "identifier": ref(),
        "vehicle_id": VAN,
        "expected_mode": MANAGED,
        "offline": False,
    }
    return ChargingStarted(**(values | changes))


def ended(at: datetime = NOON + HOUR, **changes: Any) -> ChargingEnded:
    values: dict[str, Any] = {
        "attempt_id": TRY,
        "charger_id": BAY,
        "transaction_id": "tx-1",
        "ended_at": at,
        "energy_wh": 7_500,
        "reason": "Local",
    }
    return ChargingEnded(**(values | changes))


def faulted(at: datetime = NOON, **changes: Any) -> ConnectorFaulted:
    values: dict[str, Any] = {
        "charger_id": BAY,
        "connector_id": 1,
        "error_code": "GroundFailure",
        "vendor_error_code": None,
        "info": None,
        "faulted_at": at,
        "caused_by": None,
    }
    return ConnectorFaulted(**(values | changes))


def recovered(at: datetime = NOON + HOUR, **changes: Any) -> ConnectorRecovered:
    values: dict[str, Any] = {"charger_id": BAY, "connector_id": 1, "recovered_at": at}
    return ConnectorRecovered(**(values | changes))


def locked_out(at: datetime = NOON, source: str = "charger", **changes: Any) -> PinsLockedOut:
    values: dict[str, Any] = {
        "charger_id": BAY,
        "depot_id": NORTH,
        "attempt_id": TRY,
        "source": ActorId(source),
        "since": at,
        "until": at + 10 * MINUTE,
    }
    return PinsLockedOut(**(values | changes))
