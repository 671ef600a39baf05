"""Starts and ends of charges: an attempt is decided again when its charge starts, and recorded in the attempt's own
stream (design.md 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from access_policy.application.charging_sessions.conflicts import APPEND_TRIES, conflicts
from access_policy.application.charging_sessions.judged_starts import Opening, attempt_of, completed
from access_policy.application.charging_sessions.lost_sessions import LostSessions
from access_policy.application.charging_sessions.repeated_starts import RepeatedStarts
from access_policy.application.charging_sessions.reports import EndReport, RecordedStart, StartReport
from access_policy.application.charging_sessions.same_start import charger_assigns_the_id, unique_name
from access_policy.application.charging_sessions.session_ends import SessionEnds
from access_policy.application.charging_sessions.start_judging import StartJudging
from access_policy.application.charging_sessions.transactions import attempt_history, start_in, transaction_record
from access_policy.application.context import Context, enveloped
from access_policy.application.deciding.attempts import CHARGER, RecordedDecision
from access_policy.application.deciding.decision_maker import DecisionMaker
from access_policy.application.deciding.effects import DecisionEffects
from access_policy.application.deciding.identifying import IdentifierResolver
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.sessions import Session
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.streams import attempt_stream, transaction_stream
from access_policy.domain.access.transaction_record import TransactionRecord
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import ChargerKey

FreevendListener = Callable[[ChargerKey, str], None]


class Sessions:
    """Records starts and ends of charges. `freevend_reported` receives anonymous starts in a managed window, which show
    that the charger is not switched."""

    def __init__(
        self,
        view: DecisionView,
        live: RecentActivity,
        store: Streams,
        commits: Commits,
        policies: ChargerAccessPolicies,
        identifiers: IdentifierResolver,
        decisions: DecisionMaker,
        effects: DecisionEffects,
        clock: Clock,
        freevend_reported: FreevendListener,
    ) -> None:
        self._live = live
        self._store = store
        self._commits = commits
        self._identifiers = identifiers
        self._effects = effects
        self._clock = clock
        self._freevend_reported = freevend_reported
        self._judging = StartJudging(view, live, store, policies, identifiers, decisions, clock)
        self.ends = SessionEnds(live, store, commits, clock)
        self.repeated = RepeatedStarts(live, store, commits, identifiers, decisions, self.ends, clock)
        self.lost = LostSessions(view, live, self.ends, clock)

    async def start(self, report: StartReport, *, ended: EndReport | None = None) -> RecordedStart:
        """Record the start and its decision; a start that is already recorded gets the same answer. `ended` is set if
        the charger's only report of the charge is its end, and is recorded together with the start. Raises
        `ChargerUnknown` or `StoreUnavailable`."""
        key = (report.tenant_id, report.charger_id)
        charger = await self._judging.charger_at_start(report)
        candidates = iter(report.transaction_ids)
        transaction_id = next(candidates)
        record, may_join = self._live.announced(key, transaction_id), True
        for _ in range(APPEND_TRIES):
            if record.attempt_id is not None:
                earlier = await self.repeated.recorded_start(report, charger, transaction_id, record)
                if earlier is not None:
                    return earlier
                if charger_assigns_the_id(report):
                    record = await self.repeated.used_again(key, transaction_id, record, at=report.started_at)
                else:
                    transaction_id = next(candidates, None) or _exhausted(report)
                    record, may_join = TransactionRecord(), False
            whole = completed(report, record)
            judged = await self._judging.judge(whole, charger, unique_name(transaction_id, record), may_join=may_join)
            opening = Opening(whole, charger, judged, transaction_id, record, ended)
            try:
                await self._record_start(opening)
            except VersionConflict:
                stored = await transaction_record(self._store, *key, transaction_id)
                may_join = may_join and stored != record  # otherwise the attempt's own stream has moved on
                record = stored
                continue
            if judged.decision is not None and judged.is_new_decision:
                locked_out = self._effects.follow(attempt_of(report), judged.decision, at=self._clock.now())
                if locked_out is not None:
                    await self._effects.record_lockout(locked_out)
            started = self._started(opening)
            await self.lost.check(key)  # another session may have been open on the connector
            return started
        raise conflicts(key)

    async def _record_start(self, opening: Opening) -> None:
        report, judged, now = opening.report, opening.judged, self._clock.now()
        context = Context(
            tenant_id=report.tenant_id,
            actor=CHARGER,
            correlation_id=judged.attempt_id,
            causation_id=report.message_id or None,
        )
        await self._commits.append(
            Append(
                transaction_stream(report.tenant_id, report.charger_id, opening.transaction_id),
                opening.record.version,
                enveloped(context, opening.transaction_events, now=now),
            ),
            Append(
                attempt_stream(report.tenant_id, judged.attempt_id),
                judged.version,
                enveloped(context, opening.attempt_events, now=now, occurred_at=report.started_at),
            ),
        )

    def _started(self, opening: Opening) -> RecordedStart:
        report, judged, transaction_id = opening.report, opening.judged, opening.transaction_id
        key = (report.tenant_id, report.charger_id)
        if opening.ended is None:
            session = Session(
                attempt_id=judged.attempt_id,
                transaction_id=transaction_id,
                connector_id=report.connector_id,
                identifier=judged.ref,
                vehicle_id=judged.decision.lineage.vehicle_id if judged.decision else None,
                decision=judged.outcome,
                started_at=report.started_at,
                meter_start_wh=report.meter_start_wh,
                version=judged.version + len(opening.attempt_events),
            )
            self._live.started(key, session)
        self._live.close_attempt(key, judged.ref, judged.attempt_id)
        if judged.decision is not None and judged.is_new_decision:
            self._live.decided(key, judged.decision, self._clock.now())
        if report.anonymous and opening.charger.expected(report.started_at).mode is AccessMode.MANAGED:
            self._freevend_reported(key, f"a start without authorisation was reported ({report.protocol})")
        decision = None
        if judged.decision is not None:
            decision = RecordedDecision(attempt_id=judged.attempt_id, event=judged.decision)
        return RecordedStart(attempt_id=judged.attempt_id, transaction_id=transaction_id, decision=decision)

    async def locate(self, key: ChargerKey, transaction_id: str, connector_id: int) -> None:
        """Record the start again with a connector that the charger named only later (OCPP 2.x, E02). Do nothing if the
        connector is known. Raises `StoreUnavailable`."""
        session = self._live.session(key, transaction_id)
        if session is None or session.connector_id is not None:
            return
        for _ in range(APPEND_TRIES):
            history = await attempt_history(self._store, key[0], session.attempt_id)
            start = start_in(history)
            if start is None or start.connector_id is not None:
                session.connector_id = connector_id if start is None else start.connector_id
                return
            context = Context(tenant_id=key[0], actor=CHARGER, correlation_id=start.attempt_id)
            located = (replace(start, connector_id=connector_id),)
            events = enveloped(context, located, now=self._clock.now(), occurred_at=start.started_at)
            try:
                await self._commits.append(Append(attempt_stream(key[0], start.attempt_id), len(history), events))
            except VersionConflict:
                continue
            session.connector_id, session.version = connector_id, len(history) + 1
            await self.lost.check(key)  # another session may have been open on the connector
            return
        raise conflicts(key)

    async def end(self, report: EndReport) -> Session | None:
        """Record the end. Returns None if the transaction is unknown (the report is acknowledged anyway) or was over."""
        ref = None if report.identifier is None else self._identifiers.held_as(report.tenant_id, report.identifier)
        return await self.ends.reported(report, ref)


def _exhausted(report: StartReport) -> str:
    raise RuntimeError(f"no free transaction id at charger {report.charger_id}")
