"""The access log: one row for each attempt, with its latest decision, the number of decisions, the session, and an
error that the denial caused."""

from __future__ import annotations

from dataclasses import replace
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
    EntranceAllowed,
    EntranceDenied,
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
        case AccessAllowed():
            return [_decided(recorded, event.lineage, _allowed(event))]
        case AccessDenied():
            return [_decided(recorded, event.lineage, _denied(event))]
        case EntranceAllowed():
            return [_at_entrance(_decided(recorded, event.lineage, _allowed(event)), event)]
        case EntranceDenied():
            return [_at_entrance(_decided(recorded, event.lineage, _denied(event)), event)]
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
        "session_decision": str(event.decision),
        "meter_start_wh": event.meter_start_wh,
        "offline": event.offline,
        "connector_id": event.connector_id,
    }
    without_authorisation = {
        "occurred_at": event.started_at,
        "position": position,
        "charger_id": event.charger_id,
        "depot_id": event.depot_id,
        "decision": str(event.decision),
        "expected_mode": str(event.expected_mode),
        "vehicle_id": event.vehicle_id,
        "access_class": str(AccessClass.UNKNOWN),
        "denial_not_honoured": False,
        "decisions": 0,
        "decided_version": 0,
        **_identifier(event.identifier),
    }
    return Put(TABLE, {"tenant_id": tenant_id, "attempt_id": event.attempt_id}, session, at_first=without_authorisation)


def _decided(recorded: Recorded, lineage: DecisionLineage, decision: dict[str, Any]) -> Put:
    """Most rows of a rebuild are created here, so this is optimised: `decision` is extended in place, and `str` of a
    `StrEnum` member takes a quarter of the time of its `value`."""
    ref, cause = lineage.identifier, lineage.cause
    decision |= {
        "depot_id": lineage.depot_id,
        "charger_id": lineage.charger_id,
        "connector_id": lineage.connector_id,
        "decided_for": lineage.decided_for,
        "stage": str(lineage.stage),
        "protocol": lineage.protocol,
        "message_id": lineage.message_id,
        "access_class": str(lineage.access_class),
        "vehicle_id": lineage.vehicle_id,
        "agreement_id": lineage.agreement_id,
        "expected_mode": str(lineage.expected_mode),
        "cause_kind": str(cause.kind),
        "cause_id": cause.id,
        "cause_name": cause.name,
        "enforcement": str(lineage.enforcement),
        "policy_version": lineage.policy_version,
        "registry_version": lineage.registry_version,
        "identifier_kind": None if ref is None else str(ref.kind),
        "identifier_pseudonym": None if ref is None else ref.pseudonym,
        "identifier_masked": None if ref is None else ref.masked,
        "actor": recorded.envelope.actor,
    }
    return Put(
        TABLE,
        {"tenant_id": recorded.envelope.tenant_id, "attempt_id": lineage.attempt_id},
        decision,
        {
            "occurred_at": lineage.decided_for,
            "position": recorded.position,
            "offline": False,
            "denial_not_honoured": False,
        },
        Counted("decisions", "decided_version", recorded.version),
    )


def _allowed(event: AccessAllowed | EntranceAllowed) -> dict[str, Any]:
    return {
        "decision": "allowed",
        "reason": str(event.reason),
        "would_deny": None if event.would_deny is None else str(event.would_deny),
        "valid_until": event.valid_until,
        "signal_status": None,
        "signal_message": None,
        "signal_language": None,
    }


def _denied(event: AccessDenied | EntranceDenied) -> dict[str, Any]:
    signal = event.signal
    return {
        "decision": "denied",
        "reason": str(event.reason),
        "would_deny": None,
        "valid_until": None,
        "signal_status": None if signal is None else signal.status,
        "signal_message": None if signal is None else signal.message,
        "signal_language": None if signal is None else signal.language,
    }


def _at_entrance(put: Put, event: EntranceAllowed | EntranceDenied) -> Put:
    """Move the attempt from the charger to the entrance: the charger in the lineage is the one behind the entrance that
    determined the decision."""
    return replace(put, values={**put.values, "charger_id": None, "entrance_id": event.entrance_id})


def _identifier(ref: IdentifierRef | None) -> dict[str, Any]:
    return {
        "identifier_kind": None if ref is None else str(ref.kind),
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
            return {"stop_requested_at": event.requested_at, "stop_cause": str(event.cause)}
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
        EntranceAllowed,
        EntranceDenied,
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
