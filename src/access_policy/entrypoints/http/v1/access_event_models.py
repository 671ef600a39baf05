"""Response models of a recorded attempt: its row in a list, and all its decisions with their explanations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from access_policy.application.ports.views import Row
from access_policy.application.queries import explained_attempt
from access_policy.domain.access.events import AccessAllowed, EntranceAllowed, SessionDecision, Stage, StopCause
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access.refusals import Decided
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.entrypoints.http.fields import ResponseModel, UtcInstant
from access_policy.entrypoints.http.v1.access_decisions import ExplainedRow, outcome_of
from access_policy.entrypoints.http.v1.gate_models import GateShown
from access_policy.entrypoints.http.v1.plan_models import (
    CauseShown,
    ExceptionSettings,
    OverrideSettings,
    RuleSettings,
    cause_at_the_time,
)


class IdentifierMasked(ResponseModel):
    kind: IdentifierKind
    masked: str

    @classmethod
    def of(cls, row: Row) -> IdentifierMasked | None:
        if row["identifier_kind"] is None:
            return None
        return cls(kind=row["identifier_kind"], masked=row["identifier_masked"])


class Signal(ResponseModel):
    status: str
    message: str | None


class DisplayShown(ResponseModel):
    """The text sent to the charger's display; `status` is the charger's answer: `Accepted` if it showed the text."""

    status: str
    message: str
    language: str
    until: UtcInstant


class Charge(ResponseModel):
    started_at: UtcInstant
    ended_at: UtcInstant | None
    energy_wh: int | None


class StopRequested(ResponseModel):
    at: UtcInstant
    cause: StopCause


class AccessEvent(ResponseModel):
    attempt_id: str
    occurred_at: UtcInstant
    depot_id: str
    charger_id: Annotated[str | None, Field(description="Null for an attempt at an entrance")]
    entrance_id: str | None
    connector_id: int | None
    decision: Literal["allowed", "denied", "none"]
    reason: Reason | None
    access_class: AccessClass | None
    vehicle_id: str | None
    agreement_id: str | None
    identifier: IdentifierMasked | None
    expected_mode: AccessMode
    cause: CauseShown | None
    would_deny: Reason | None
    offline: bool
    denial_signal: Signal | None
    display: DisplayShown | None
    error_shown: str | None
    denial_not_honoured: bool
    stop_requested: StopRequested | None
    session: Charge | None

    @classmethod
    def of(cls, row: Row) -> AccessEvent:
        return cls(**_fields(row))


class Lineage(ResponseModel):
    stage: Stage | None
    protocol: str | None
    message_id: str | None
    enforcement: Enforcement | None
    policy_version: int | None
    registry_version: int | None
    transaction_id: str | None
    session_decision: SessionDecision | None
    session_end_reason: str | None

    @classmethod
    def of(cls, row: Row) -> Lineage:
        return cls(**{name: row[name] for name in cls.model_fields})


class ChangedSince(ResponseModel):
    policy: bool
    vehicle: bool
    agreement: bool


class SignalSent(Signal):
    language: str | None

    @classmethod
    def of(cls, event: Decided) -> SignalSent | None:
        if isinstance(event, AccessAllowed | EntranceAllowed) or (signal := event.signal) is None:
            return None
        return cls(status=signal.status, message=signal.message, language=signal.language)


class ExplainedDecision(ResponseModel):
    """A decision with its explanation. `cause_as_it_was`: the rule, exception or override at the time of the decision.
    `charger_id`: the charger whose policy decided; for an attempt at an entrance, a charger behind it."""

    decision: Literal["allowed", "denied"]
    reason: Reason
    would_deny: Reason | None
    valid_until: UtcInstant | None
    denial_signal: SignalSent | None
    stage: Stage
    protocol: str
    message_id: str
    decided_for: UtcInstant
    recorded_at: UtcInstant
    actor: str
    charger_id: str
    expected_mode: AccessMode
    cause: CauseShown
    cause_as_it_was: RuleSettings | ExceptionSettings | OverrideSettings | None
    enforcement: Enforcement
    access_class: AccessClass
    vehicle_id: str | None
    agreement_id: str | None
    policy_version: int
    registry_version: int
    gate: GateShown | None
    changed_since: ChangedSince
    explanation: list[ExplainedRow]

    @classmethod
    def of(cls, decision: explained_attempt.ExplainedDecision) -> ExplainedDecision:
        event, lineage = decision.event, decision.event.lineage
        return cls(
            **outcome_of(event),
            denial_signal=SignalSent.of(event),
            stage=lineage.stage,
            protocol=lineage.protocol,
            message_id=lineage.message_id,
            decided_for=lineage.decided_for,
            recorded_at=decision.recorded.envelope.recorded_at,
            actor=decision.recorded.envelope.actor,
            charger_id=lineage.charger_id,
            expected_mode=lineage.expected_mode,
            cause=CauseShown.of(lineage.cause),
            cause_as_it_was=cause_at_the_time(lineage.cause, decision.policy),
            enforcement=lineage.enforcement,
            access_class=lineage.access_class,
            vehicle_id=lineage.vehicle_id,
            agreement_id=lineage.agreement_id,
            policy_version=lineage.policy_version,
            registry_version=lineage.registry_version,
            gate=GateShown.of(lineage),
            changed_since=ChangedSince(
                policy=decision.policy_changed_since,
                vehicle=decision.vehicle_changed_since,
                agreement=decision.agreement_changed_since,
            ),
            explanation=[
                ExplainedRow(rule=each.step.rule, decided=each.step.decided, reason=each.step.reason, text=each.text)
                for each in decision.steps
            ],
        )


class AccessEventInFull(AccessEvent):
    """An attempt in full. `decisions` are in the order in which they were made; `explanation` belongs to the latest
    one."""

    valid_until: UtcInstant | None
    lineage: Lineage
    decisions: list[ExplainedDecision]
    explanation: list[ExplainedRow]

    @classmethod
    def of_attempt(cls, row: Row, decisions: Sequence[explained_attempt.ExplainedDecision]) -> AccessEventInFull:
        explained = [ExplainedDecision.of(each) for each in decisions]
        return cls(
            **_fields(row),
            valid_until=row["valid_until"],
            lineage=Lineage.of(row),
            decisions=explained,
            explanation=explained[-1].explanation if explained else [],
        )


_OF_THE_ROW = (
    "attempt_id",
    "occurred_at",
    "depot_id",
    "charger_id",
    "entrance_id",
    "connector_id",
    "decision",
    "reason",
    "access_class",
    "vehicle_id",
    "agreement_id",
    "expected_mode",
    "would_deny",
    "error_shown",
)


def _fields(row: Row) -> dict[str, Any]:
    """Return the fields of `AccessEvent`; pydantic builds the nested models."""
    return {
        **{name: row[name] for name in _OF_THE_ROW},
        "identifier": IdentifierMasked.of(row),
        "cause": None
        if row["cause_kind"] is None
        else {"kind": row["cause_kind"], "id": row["cause_id"], "name": row["cause_name"]},
        "offline": bool(row["offline"]),
        "denial_signal": None
        if row["signal_status"] is None
        else {"status": row["signal_status"], "message": row["signal_message"]},
        "display": None
        if row["display_status"] is None
        else {
            "status": row["display_status"],
            "message": row["display_message"],
            "language": row["display_language"],
            "until": row["display_until"],
        },
        "denial_not_honoured": bool(row["denial_not_honoured"]),
        "stop_requested": None
        if row["stop_requested_at"] is None
        else {"at": row["stop_requested_at"], "cause": row["stop_cause"]},
        "session": None
        if row["session_started_at"] is None
        else {
            "started_at": row["session_started_at"],
            "ended_at": row["session_ended_at"],
            "energy_wh": row["session_energy_wh"],
        },
    }
