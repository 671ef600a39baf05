"""Make the event that records a decision from the decision's inputs: pure, without I/O, clock or futures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from access_policy.application.deciding.attempts import AccessAttempt
from access_policy.domain.access.decision import Decision, DecisionInputs, decide
from access_policy.domain.access.events import AccessAllowed, AccessDenied, DecisionLineage, DenialSignal
from access_policy.domain.access.reasons import Reason
from access_policy.domain.ids import AttemptId
from access_policy.domain.mode_schedule.timeline import Timeline


@dataclass(slots=True)  # not frozen: one is created for every attempt
class Versions:
    """The versions of the policy and of the registry from which the inputs were read."""

    policy: int
    registry: int


def decision_event(
    attempt: AccessAttempt,
    attempt_id: AttemptId,
    inputs: DecisionInputs,
    timeline: Timeline,
    versions: Versions,
    signal_of: Callable[[Reason], DenialSignal | None],
) -> AccessAllowed | AccessDenied:
    """Decide by the table of design 3.3 (`domain.access.decision.RULES`, row by row) and return the decision with its
    lineage.

    `timeline` is the charger's and determines the end of a permission. `signal_of` returns the signal that the charger
    shows for a denial.
    """
    decision = decide(inputs, timeline)
    lineage = _lineage(attempt, attempt_id, inputs, versions, decision)
    if not decision.allowed:
        return AccessDenied(lineage=lineage, reason=decision.reason, signal=signal_of(decision.reason))
    assert decision.valid_until is not None
    return AccessAllowed(
        lineage=lineage, reason=decision.reason, would_deny=decision.would_deny, valid_until=decision.valid_until
    )


def _lineage(
    attempt: AccessAttempt, attempt_id: AttemptId, inputs: DecisionInputs, versions: Versions, decision: Decision
) -> DecisionLineage:
    return DecisionLineage(
        attempt_id=attempt_id,
        charger_id=inputs.charger_id,
        depot_id=inputs.depot_id,
        connector_id=attempt.connector_id,
        decided_for=inputs.at,
        stage=attempt.stage,
        protocol=attempt.protocol,
        message_id=attempt.message_id,
        identifier=inputs.identifier,
        expected_mode=inputs.expected.mode,
        cause=inputs.expected.cause,
        enforcement=inputs.enforcement,
        policy_version=versions.policy,
        registry_version=versions.registry,
        access_class=decision.access_class,
        vehicle_id=decision.vehicle_id,
        agreement_id=decision.agreement_id,
        ad_hoc=inputs.ad_hoc if decision.reason is Reason.AD_HOC else None,
        reservation_id=decision.reservation_id,
        reservations_version=None if inputs.reservations is None else inputs.reservations.version,
        gate=inputs.gate,
        restricted_as=decision.restricted_as,
    )
