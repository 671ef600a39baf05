"""A start that has been decided, and the events that record it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from access_policy.application.charging_sessions.reports import EndReport, StartReport
from access_policy.application.charging_sessions.session_ends import energy_between
from access_policy.application.deciding.attempts import CHARGER, AccessAttempt
from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.domain.access.events import (
    ASSUMED_ENDS,
    AccessAllowed,
    AccessDenied,
    AccessEvent,
    ChargingEnded,
    ChargingStarted,
    OfflineStartReported,
    SessionDecision,
    Stage,
    TransactionEnded,
    TransactionOpened,
)
from access_policy.domain.access.refusals import row_of
from access_policy.domain.access.transaction_record import TransactionRecord
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId


@dataclass(slots=True)
class JudgedStart:
    """A start with its decision, before it is recorded. `version` is the current version of the attempt's stream."""

    attempt_id: AttemptId
    version: int
    ref: IdentifierRef | None
    decision: AccessAllowed | AccessDenied | None
    is_new_decision: bool

    @property
    def outcome(self) -> SessionDecision:
        match self.decision:
            case None:
                return SessionDecision.NONE
            case AccessAllowed():
                return SessionDecision.ALLOWED
            case AccessDenied():
                return SessionDecision.DENIED


@dataclass(frozen=True, slots=True)
class Opening:
    """A start about to be recorded. `record` is the transaction's record so far; `reported_end` is an end that the
    charger reported with the start."""

    report: StartReport
    charger: ChargerView
    judged: JudgedStart
    transaction_id: str
    record: TransactionRecord
    reported_end: EndReport | None

    @property
    def ended(self) -> TransactionEnded | None:
        if self.record.ended is not None or self.reported_end is None:
            return self.record.ended
        return transaction_ended(self.report, self.reported_end)

    @property
    def transaction_events(self) -> tuple[AccessEvent, ...]:
        opened = TransactionOpened(
            charger_id=self.report.charger_id,
            transaction_id=self.transaction_id,
            attempt_id=self.judged.attempt_id,
        )
        ended = self.ended
        return (opened,) if ended is None or self.record.ended is not None else (ended, opened)

    @property
    def attempt_events(self) -> tuple[AccessEvent, ...]:
        report, judged = self.report, self.judged
        events: list[AccessEvent] = []
        if judged.decision is not None and judged.is_new_decision:
            events.append(judged.decision)
        if judged.decision is not None and report.offline:
            events.append(offline_start_reported(report, judged, judged.decision))
        events.append(
            ChargingStarted(
                attempt_id=judged.attempt_id,
                charger_id=report.charger_id,
                depot_id=self.charger.policy.settings.depot_id,
                connector_id=report.connector_id,
                transaction_id=self.transaction_id,
                started_at=report.started_at,
                meter_start_wh=report.meter_start_wh,
                decision=judged.outcome,
                identifier=judged.ref,
                vehicle_id=judged.decision.lineage.vehicle_id if judged.decision else None,
                expected_mode=self.charger.expected(report.started_at).mode,
                offline=report.offline,
            )
        )
        if self.ended is not None:
            events.append(charging_ended(judged.attempt_id, report.meter_start_wh, self.ended))
        return tuple(events)


def attempt_of(report: StartReport) -> AccessAttempt:
    return AccessAttempt(
        tenant_id=report.tenant_id,
        charger_id=report.charger_id,
        connector_id=report.connector_id,
        identifier=report.identifier,
        protocol=report.protocol,
        message_id=report.message_id,
        signals=report.signals,
        stage=Stage.OFFLINE_START if report.offline else Stage.START,
        actor=CHARGER,
    )


def completed(report: StartReport, record: TransactionRecord) -> StartReport:
    """Complete the report with the connector and the meter value that the charger announced before."""
    return replace(
        report,
        connector_id=record.connector_id if report.connector_id is None else report.connector_id,
        meter_start_wh=report.meter_start_wh if record.meter_wh is None else record.meter_wh,
    )


def offline_start_reported(
    report: StartReport, judged: JudgedStart, decision: AccessAllowed | AccessDenied
) -> OfflineStartReported:
    return OfflineStartReported(
        attempt_id=judged.attempt_id,
        charger_id=report.charger_id,
        started_at=report.started_at,
        authorised=judged.outcome is SessionDecision.ALLOWED,
        reason=decision.reason,
    )


def transaction_ended(start: StartReport, end: EndReport) -> TransactionEnded:
    return TransactionEnded(
        charger_id=end.charger_id,
        transaction_id=end.transaction_id,
        ended_at=end.ended_at,
        connector_id=start.connector_id,
        meter_wh=end.meter_stop_wh,
        reason="Other" if end.reason in ASSUMED_ENDS else end.reason,
    )


def charging_ended(attempt_id: AttemptId, meter_start_wh: int | None, ended: TransactionEnded) -> ChargingEnded:
    return ChargingEnded(
        attempt_id=attempt_id,
        charger_id=ended.charger_id,
        transaction_id=ended.transaction_id,
        ended_at=ended.ended_at,
        energy_wh=energy_between(meter_start_wh, ended.meter_wh),
        reason=ended.reason,
    )


def is_same_decision(now: AccessAllowed | AccessDenied, before: AccessAllowed | AccessDenied) -> bool:
    """Return whether outcome, reason and vehicle are the same; in freevend the vehicle can change without a refusal."""
    return (type(now), row_of(now), now.lineage.vehicle_id, now.lineage.access_class) == (
        type(before),
        row_of(before),
        before.lineage.vehicle_id,
        before.lineage.access_class,
    )
