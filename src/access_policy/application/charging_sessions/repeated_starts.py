"""Starts that are already recorded: they get the same answer as before, and are corrected if their end was delivered
first."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from access_policy.application.charging_sessions.judged_starts import (
    JudgedStart,
    attempt_of,
    charging_ended,
    completed,
    is_same_decision,
    offline_start_reported,
)
from access_policy.application.charging_sessions.reports import RecordedStart, StartReport
from access_policy.application.charging_sessions.same_start import is_same_start
from access_policy.application.charging_sessions.session_ends import SessionEnds
from access_policy.application.charging_sessions.transactions import attempt_history, latest_decision, start_in
from access_policy.application.context import Context, enveloped
from access_policy.application.deciding.attempts import CHARGER, RecordedDecision
from access_policy.application.deciding.decision_maker import DecisionMaker
from access_policy.application.deciding.identifying import IdentifierResolver
from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.sessions import Session
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, Recorded, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import attempt_stream
from access_policy.domain.access.events import AccessEvent, ChargingEnded, ChargingStarted, TransactionEnded
from access_policy.domain.access.transaction_record import TransactionRecord
from access_policy.domain.ids import ChargerKey, TenantId

log = logging.getLogger(__name__)


class RepeatedStarts:
    def __init__(
        self,
        live: RecentActivity,
        store: Streams,
        commits: Commits,
        identifiers: IdentifierResolver,
        decisions: DecisionMaker,
        ends: SessionEnds,
        clock: Clock,
    ) -> None:
        self._live = live
        self._store = store
        self._commits = commits
        self._identifiers = identifiers
        self._decisions = decisions
        self._ends = ends
        self._clock = clock

    async def is_another(self, report: StartReport, record: TransactionRecord) -> bool:
        """Return True if the message starts a different transaction from the one recorded under its id."""
        history = await attempt_history(self._store, report.tenant_id, record.attempt_id)
        start = start_in(history)
        ref = self._identifiers.of_attempt(attempt_of(report))
        return start is not None and not is_same_start(start, report, ref, history)

    async def recorded_start(
        self, report: StartReport, charger: ChargerView, transaction_id: str, record: TransactionRecord
    ) -> RecordedStart | None:
        """Return the start recorded under the transaction id; None if it belongs to a different transaction."""
        history = await attempt_history(self._store, report.tenant_id, record.attempt_id)
        start = start_in(history)
        ref = self._identifiers.of_attempt(attempt_of(report))
        if start is None or not is_same_start(start, report, ref, history):
            return None
        if record.ended is not None and report.started_at < start.started_at:
            history = await self._begun_earlier(completed(report, record), charger, record.ended, start, history)
        self._remember(report.tenant_id, start, history)
        decision = None
        if (event := latest_decision(history)) is not None:
            decision = RecordedDecision(attempt_id=start.attempt_id, event=event, redelivered=True)
            self._live.decided((report.tenant_id, report.charger_id), event, event.lineage.decided_for)
        return RecordedStart(
            attempt_id=start.attempt_id, transaction_id=transaction_id, decision=decision, redelivered=True
        )

    async def used_again(
        self, key: ChargerKey, transaction_id: str, record: TransactionRecord, *, at: datetime
    ) -> TransactionRecord:
        """End the earlier transaction with this id: after a reboot the charger numbers its transactions from the
        beginning again (OCPP 2.x). Raises `StoreUnavailable`."""
        session = self._live.session(key, transaction_id)
        if session is not None and session.attempt_id == record.attempt_id:
            await self._ends.lost(key, session, at=at)
        return record.used_again()

    async def _begun_earlier(
        self,
        report: StartReport,
        charger: ChargerView,
        ended: TransactionEnded,
        start: ChargingStarted,
        history: list[Recorded],
    ) -> list[Recorded]:
        """Record the start again, decided for the time at which it began: its end was delivered first, so the start
        time is known only now. Returns the attempt's events."""
        attempt = attempt_of(report)
        ref = self._identifiers.of_attempt(attempt)
        corrected = replace(
            start,
            started_at=report.started_at,
            connector_id=report.connector_id,
            meter_start_wh=report.meter_start_wh,
            expected_mode=charger.expected(report.started_at).mode,
            offline=report.offline,
        )
        events: list[AccessEvent] = []
        if ref is not None and ref == start.identifier:
            at = report.started_at if report.offline else self._clock.now()
            decision = self._decisions.decide(attempt, ref, start.attempt_id, at=at, charger=charger)
            before = latest_decision(history)
            if before is None or not is_same_decision(decision, before):
                events.append(decision)
            judged = JudgedStart(start.attempt_id, len(history), ref, decision, True)
            corrected = replace(corrected, decision=judged.outcome, vehicle_id=decision.lineage.vehicle_id)
            if report.offline:
                events.append(offline_start_reported(report, judged, decision))
        events += [corrected, charging_ended(start.attempt_id, corrected.meter_start_wh, ended)]
        context = Context(tenant_id=report.tenant_id, actor=CHARGER, correlation_id=start.attempt_id)
        stream = attempt_stream(report.tenant_id, start.attempt_id)
        recorded = enveloped(context, tuple(events), now=self._clock.now(), occurred_at=report.started_at)
        try:
            await self._commits.append(Append(stream, len(history), recorded))
        except VersionConflict:
            log.info("the start of transaction %s was corrected by another process", ended.transaction_id)
        return await attempt_history(self._store, report.tenant_id, start.attempt_id)

    def _remember(self, tenant_id: TenantId, start: ChargingStarted, history: Sequence[Recorded]) -> None:
        """Remember a recorded start whose append was reported as failed, unless the charge is over."""
        key = (tenant_id, start.charger_id)
        is_over = any(isinstance(recorded.event, ChargingEnded) for recorded in history)
        if not is_over and self._live.session(key, start.transaction_id) is None:
            self._live.started(key, Session.begun_by(start, version=len(history)))
            self._live.close_attempt(key, start.identifier, start.attempt_id)
