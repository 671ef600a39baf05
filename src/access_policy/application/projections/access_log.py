"""The access log: one row for each attempt, with its latest decision, the number of decisions, the session, and an error
that was a consequence of the denial."""

from __future__ import annotations

from typing import Any

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Change, Counted, Projection, Put, RowChange, types_of
from access_policy.domain.access.events import (
    AccessAllowed,
    AccessDenied,
    ChargingEnded,
    ChargingStarted,
    DecisionLineage,
    DenialNotHonoured,
    DriverInformed,
    OfflineStartReported,
    SessionStopRequested,
)
from access_policy.domain.charger_condition.events import ConnectorFaulted
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.vehicle_registry.events import AccessClass

TABLE = "access_log"


def fold(recorded: Recorded) -> list[RowChange]:
    event = recorded.event
    tenant_id = recorded.envelope.tenant_id
    match event:
        case AccessAllowed(lineage=lineage) | AccessDenied(lineage=lineage):
            return [
                Put(
                    TABLE,
                    {"tenant_id": tenant_id, "attempt_id": lineage.attempt_id},
                    {**_lineage(lineage), **_decision(event), "actor": recorded.envelope.actor},
                    at_first={
                        "occurred_at": lineage.decided_for,
                        "position": recorded.position,
                        "offline": False,
                        "denial_not_honoured": False,
                    },
                    counted=Counted("decisions", "decided_version", recorded.version),
                )
            ]
        case ChargingStarted():
            return [_started(tenant_id, recorded.position, event)]
        case ConnectorFaulted(caused_by=None):
            return []
        case ConnectorFaulted(caused_by=attempt_id):
            shown = " ".join(code for code in (event.error_code, event.vendor_error_code) if code)
            return [
                Change(
                    TABLE,
                    {"tenant_id": tenant_id, "attempt_id": attempt_id},
                    {"error_shown": shown, "error_shown_at": event.faulted_at},
                )
            ]
        case _:
            return [Change(TABLE, {"tenant_id": tenant_id, "attempt_id": event.attempt_id}, _afterwards(event))]


def _started(tenant_id: str, position: int, event: ChargingStarted) -> Put:
    session = {
        "transaction_id": event.transaction_id,
        "session_started_at": event.started_at,
        "session_decision": event.decision.value,
        "meter_start_wh": event.meter_start_wh,
        "offline": event.offline,
        "connector_id": event.connector_id,
    }
    without_authorisation = {
        "occurred_at": event.started_at,
        "position": position,
        "charger_id": event.charger_id,
        "depot_id": event.depot_id,
        "decision": event.decision.value,
        "expected_mode": event.expected_mode.value,
        "vehicle_id": event.vehicle_id,
        "access_class": AccessClass.UNKNOWN.value,
        "denial_not_honoured": False,
        "decisions": 0,
        "decided_version": 0,
        **_identifier(event.identifier),
    }
    return Put(TABLE, {"tenant_id": tenant_id, "attempt_id": event.attempt_id}, session, at_first=without_authorisation)


def _lineage(lineage: DecisionLineage) -> dict[str, Any]:
    return {
        "depot_id": lineage.depot_id,
        "charger_id": lineage.charger_id,
        "connector_id": lineage.connector_id,
        "decided_for": lineage.decided_for,
        "stage": lineage.stage.value,
        "protocol": lineage.protocol,
        "message_id": lineage.message_id,
        "access_class": lineage.access_class.value,
        "vehicle_id": lineage.vehicle_id,
        "agreement_id": lineage.agreement_id,
        "expected_mode": lineage.expected_mode.value,
        "cause_kind": lineage.cause.kind.value,
        "cause_id": lineage.cause.id,
        "cause_name": lineage.cause.name,
        "enforcement": lineage.enforcement.value,
        "policy_version": lineage.policy_version,
        "registry_version": lineage.registry_version,
        **_identifier(lineage.identifier),
    }


def _decision(event: AccessAllowed | AccessDenied) -> dict[str, Any]:
    if isinstance(event, AccessAllowed):
        return {
            "decision": "allowed",
            "reason": event.reason.value,
            "would_deny": None if event.would_deny is None else event.would_deny.value,
            "valid_until": event.valid_until,
            "signal_status": None,
            "signal_message": None,
            "signal_language": None,
        }
    return {
        "decision": "denied",
        "reason": event.reason.value,
        "would_deny": None,
        "valid_until": None,
        "signal_status": None if event.signal is None else event.signal.status,
        "signal_message": None if event.signal is None else event.signal.message,
        "signal_language": None if event.signal is None else event.signal.language,
    }


def _identifier(ref: IdentifierRef | None) -> dict[str, Any]:
    return {
        "identifier_kind": None if ref is None else ref.kind.value,
        "identifier_pseudonym": None if ref is None else ref.pseudonym,
        "identifier_masked": None if ref is None else ref.masked,
    }


def _afterwards(event: object) -> dict[str, Any]:
    match event:
        case ChargingEnded():
            return {
                "session_ended_at": event.ended_at,
                "session_energy_wh": event.energy_wh,
                "session_end_reason": event.reason,
            }
        case OfflineStartReported():
            return {"offline": True, "offline_authorised": event.authorised}
        case SessionStopRequested():
            return {"stop_requested_at": event.requested_at, "stop_cause": event.cause.value}
        case DenialNotHonoured():
            return {"denial_not_honoured": True, "denial_not_honoured_at": event.seen_at}
        case DriverInformed():
            return {
                "display_status": event.status,
                "display_message": event.message,
                "display_language": event.language,
                "display_until": event.until,
            }
        case _:
            raise TypeError(f"the access log does not fold {type(event).__name__}")


ACCESS_LOG = Projection(
    "access_log",
    (TABLE,),
    types_of(
        AccessAllowed,
        AccessDenied,
        ChargingStarted,
        ChargingEnded,
        OfflineStartReported,
        DenialNotHonoured,
        DriverInformed,
        SessionStopRequested,
        ConnectorFaulted,
    ),
    fold,
)
