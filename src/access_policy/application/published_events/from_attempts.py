"""The public forms of the stored events of attempts and sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from access_policy.application.published_events import attempts
from access_policy.application.published_events.plain_parts import alike, binding_envelope, cause_of, identifier
from access_policy.domain.access import events as access
from access_policy.domain.site_energy.gate import Gate


def _allowed(event: access.AccessAllowed) -> attempts.AccessAllowed:
    return attempts.AccessAllowed(
        **_decided(event.lineage),
        reason=event.reason,
        would_deny=event.would_deny,
        valid_until=event.valid_until,
    )


def _denied(event: access.AccessDenied) -> attempts.AccessDenied:
    return attempts.AccessDenied(**_decided(event.lineage), reason=event.reason, denial_signal=_signal(event.signal))


def _entrance_allowed(event: access.EntranceAllowed) -> attempts.EntranceAllowed:
    return attempts.EntranceAllowed(
        **_at_entrance(event),
        reason=event.reason,
        would_deny=event.would_deny,
        valid_until=event.valid_until,
    )


def _entrance_denied(event: access.EntranceDenied) -> attempts.EntranceDenied:
    return attempts.EntranceDenied(**_at_entrance(event), reason=event.reason, denial_signal=_signal(event.signal))


def _signal(signal: access.DenialSignal | None) -> attempts.DenialSignal | None:
    if signal is None:
        return None
    return attempts.DenialSignal(status=signal.status, message=signal.message, language=signal.language)


def _at_entrance(event: access.EntranceAllowed | access.EntranceDenied) -> dict[str, Any]:
    return {
        **_inputs(event.lineage),
        "entrance_id": event.entrance_id,
        "deciding_charger_id": event.lineage.charger_id,
        "reservation_id": event.lineage.reservation_id,
    }


def _decided(lineage: access.DecisionLineage) -> dict[str, Any]:
    return {"charger_id": lineage.charger_id, "connector_id": lineage.connector_id, **_inputs(lineage)}


def _inputs(lineage: access.DecisionLineage) -> dict[str, Any]:
    return {
        "attempt_id": lineage.attempt_id,
        "depot_id": lineage.depot_id,
        "identifier": identifier(lineage.identifier),
        "access_class": lineage.access_class,
        "vehicle_id": lineage.vehicle_id,
        "agreement_id": lineage.agreement_id,
        "expected_mode": lineage.expected_mode,
        "cause": cause_of(lineage.cause),
        "lineage": attempts.Lineage(
            decided_for=lineage.decided_for,
            stage=lineage.stage,
            protocol=lineage.protocol,
            message_id=lineage.message_id,
            enforcement=lineage.enforcement,
            policy_version=lineage.policy_version,
            registry_version=lineage.registry_version,
            gate=None if lineage.gate is None else _gate(lineage.gate, lineage),
        ),
    }


def _gate(gate: Gate, lineage: access.DecisionLineage) -> attempts.Gate:
    return attempts.Gate(
        level=gate.level,
        is_advisory=gate.is_advisory,
        node_path=gate.node_path,
        target_node_id=gate.node_path[0],
        binding_node_id=gate.binding_node_id,
        effective_w=gate.effective_w,
        committed_w=gate.committed_w,
        threshold_w=gate.threshold_w,
        limit_source=gate.limit_source,
        envelope=binding_envelope(gate.envelope),
        observed_at=gate.observed_at,
        data_age_s=gate.data_age_s(lineage.decided_for),
        energy_version=gate.version,
        restricted_as=lineage.restricted_as,
    )


def _started(event: access.ChargingStarted) -> attempts.ChargingStarted:
    return attempts.ChargingStarted(
        attempt_id=event.attempt_id,
        charger_id=event.charger_id,
        depot_id=event.depot_id,
        connector_id=event.connector_id,
        transaction_id=event.transaction_id,
        started_at=event.started_at,
        meter_start_wh=event.meter_start_wh,
        decision=event.decision,
        identifier=identifier(event.identifier),
        vehicle_id=event.vehicle_id,
        expected_mode=event.expected_mode,
        offline=event.offline,
    )


PUBLISHED: Final[Mapping[type, Callable[[Any], Any]]] = {
    access.AccessAllowed: _allowed,
    access.AccessDenied: _denied,
    access.EntranceAllowed: _entrance_allowed,
    access.EntranceDenied: _entrance_denied,
    access.ChargingStarted: _started,
    access.ChargingEnded: alike(
        attempts.ChargingEnded, "attempt_id", "charger_id", "transaction_id", "ended_at", "energy_wh", "reason"
    ),
    access.OfflineStartReported: alike(
        attempts.OfflineStartReported, "attempt_id", "charger_id", "started_at", "authorised", "reason"
    ),
    access.DenialNotHonoured: alike(
        attempts.DenialNotHonoured, "attempt_id", "charger_id", "transaction_id", "seen_at", "energy_wh"
    ),
    access.SessionStopRequested: alike(
        attempts.SessionStopRequested, "attempt_id", "charger_id", "transaction_id", "cause", "requested_at"
    ),
    access.EntrancePinsLockedOut: alike(
        attempts.EntrancePinsLockedOut, "entrance_id", "depot_id", "attempt_id", "since", "until"
    ),
    access.PinsLockedOut: alike(attempts.PinsLockedOut, "charger_id", "depot_id", "attempt_id", "since", "until"),
}
