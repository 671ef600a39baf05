"""Starts and ends of charges: decided again when they start, recorded in the attempt's own stream (design.md 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from access_policy.application.charging_sessions.judged_starts import (
    JudgedStart,
    Opening,
    attempt_of,
    completed,
    is_same_decision,
    transaction_ended,
)
from access_policy.application.charging_sessions.lost_sessions import LostSessions
from access_policy.application.charging_sessions.repeated_starts import RepeatedStarts
from access_policy.application.charging_sessions.reports import EndReport, RecordedStart, StartReport
from access_policy.application.charging_sessions.same_start import charger_assigns_the_id, has_grown, unique_name
from access_policy.application.charging_sessions.session_ends import SessionEnds, conflicts
from access_policy.application.charging_sessions.transactions import attempt_history, start_in, transaction_record
from access_policy.application.context import Context, enveloped
from access_policy.application.deciding.attempt_ids import derived_attempt_id
from access_policy.application.deciding.attempts import CHARGER, RecordedDecision
from access_policy.application.deciding.decision_maker import DecisionMaker
from access_policy.application.deciding.effects import DecisionEffects
from access_policy.application.deciding.identifying import IdentifierResolver
from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.sessions import Session
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.streams import attempt_stream, transaction_stream
from access_policy.domain.access.events import TransactionAnnounced, TransactionEnded
from access_policy.domain.access.transaction_record import TransactionRecord
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.ids import ChargerKey

APPEND_TRIES = 8

FreevendListener = Callable[[ChargerKey, str], None]


class Sessions:
    """`freevend_reported` receives anonymous starts in a managed window: such a charger is not switched."""

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
        self._view = view
        self._live = live
        self._store = store
        self._commits = commits
        self._policies = policies
        self._identifiers = identifiers
        self._decisions = decisions
        self._effects = effects
        self._clock = clock
        self._freevend_reported = freevend_reported
        self._repeated = RepeatedStarts(live, store, commits, identifiers, decisions, clock)
        self.ends = SessionEnds(live, store, commits, clock)
        self.lost = LostSessions(view, live, self.ends, clock)

    # --- starts ------------------------------------------------------------------------------------------------------

    async def start(self, report: StartReport, *, ended: EndReport | None = None) -> RecordedStart:
        """Record the start and its decision; a start that is already recorded gets the same answer. `ended`: the
        charge is over and its end is the charger's only report; it is recorded along. Raises `ChargerUnknown` or
        `StoreUnavailable`.
        """
        key = (report.tenant_id, report.charger_id)
        charger = await self._charger_at_start(report)
        candidates = iter(report.transaction_ids)
        transaction_id = next(candidates)
        record, may_join = self._live.announced(key, transaction_id), True
        for _ in range(APPEND_TRIES):
            if record.attempt_id is not None:
                earlier = await self._repeated.recorded_start(report, charger, transaction_id, record)
                if earlier is not None:
                    return earlier
                if charger_assigns_the_id(report):
                    record = await self._used_again(key, transaction_id, record, at=report.started_at)
                else:
                    transaction_id = next(candidates, None) or _exhausted(report)
                    record, may_join = TransactionRecord(), False
            whole = completed(report, record)
            judged = await self._judge(whole, charger, unique_name(transaction_id, record), may_join=may_join)
            opening = Opening(whole, charger, judged, transaction_id, record, ended)
            try:
                await self._record_start(opening)
            except VersionConflict:
                stored = await transaction_record(self._store, *key, transaction_id)
                may_join = may_join and stored != record  # else the attempt's own stream has moved on
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

    async def announce(self, report: StartReport) -> RecordedStart | None:
        """Process an event of a transaction that has neither token nor charge yet (OCPP 2.x). A meter value that has
        grown since the last one starts a session anyway.
        """
        key, transaction_id = (report.tenant_id, report.charger_id), report.transaction_ids[0]
        record = self._live.announced(key, transaction_id)
        for _ in range(APPEND_TRIES):
            if record.attempt_id is not None and await self._repeated.is_another(report, record):
                record = await self._used_again(key, transaction_id, record, at=report.started_at)
            if record.attempt_id is None and has_grown(record.meter_wh, report.meter_start_wh):
                return await self.start(report)
            if record.ended is not None and (
                record.attempt_id is not None or has_grown(report.meter_start_wh, record.ended.meter_wh)
            ):
                return await self.start(report)  # its end was delivered first
            announced = TransactionAnnounced(
                charger_id=report.charger_id,
                transaction_id=transaction_id,
                announced_at=report.started_at,
                connector_id=report.connector_id,
                meter_wh=report.meter_start_wh,
            )
            known = record.after(announced)
            adds_nothing = (known.connector_id, known.meter_wh) == (record.connector_id, record.meter_wh)
            if record.attempt_id is not None or (record.version > 0 and adds_nothing):
                return None
            if await self._append_to_transaction(report, record, announced):
                self._live.announce(key, transaction_id, known)
                return None
            record = await transaction_record(self._store, *key, transaction_id)
            self._live.announce(key, transaction_id, record)
        raise conflicts(key)

    async def end_of(self, start: StartReport, end: EndReport, *, charged: bool) -> RecordedStart | None:
        """Record the end of a transaction that the charger named itself (OCPP 2.x); `start` is the start that the
        same message proves, and `charged` says that there was one: it has a token, or energy. Returns that start,
        if it was recorded.
        """
        key = (end.tenant_id, end.charger_id)
        for _ in range(APPEND_TRIES):
            if self._live.session(key, end.transaction_id) is not None:
                await self.end(end)
                return None
            record = await transaction_record(self._store, *key, end.transaction_id)
            if record.attempt_id is not None:
                await self.end(end)
                return None
            self._live.announce(key, end.transaction_id, record)
            if charged or has_grown(record.meter_wh, end.meter_stop_wh):
                return await self.start(start, ended=end)
            ended = transaction_ended(start, end)
            if record.ended is not None or await self._append_to_transaction(start, record, ended):
                return None
        raise conflicts(key)

    async def _used_again(
        self, key: ChargerKey, transaction_id: str, record: TransactionRecord, *, at: datetime
    ) -> TransactionRecord:
        """The charger numbers its transactions from the beginning after a reboot (OCPP 2.x): the earlier one with the
        id is over. Raises `StoreUnavailable`.
        """
        session = self._live.session(key, transaction_id)
        if session is not None and session.attempt_id == record.attempt_id:
            await self.ends.lost(key, session, at=at)
        return record.used_again()

    async def _append_to_transaction(
        self, report: StartReport, record: TransactionRecord, event: TransactionAnnounced | TransactionEnded
    ) -> bool:
        """False: another append to the transaction came first."""
        stream = transaction_stream(report.tenant_id, report.charger_id, event.transaction_id)
        context = Context(
            tenant_id=report.tenant_id,
            actor=CHARGER,
            correlation_id=event.transaction_id,
            causation_id=report.message_id or None,
        )
        events = enveloped(context, (event,), now=self._clock.now(), occurred_at=report.started_at)
        try:
            await self._commits.append(Append(stream, record.version, events))
        except VersionConflict:
            return False
        return True

    async def _charger_at_start(self, report: StartReport) -> ChargerView:
        """The charger as it is now; for a start reported late, with the policy in force when it began."""
        now_view = self._view.charger(report.tenant_id, report.charger_id)
        if not report.offline:
            return now_view
        policy = await self._policies.as_of(report.tenant_id, report.charger_id, report.started_at)
        if policy is None:
            return now_view
        return ChargerView(report.tenant_id, policy, ZoneInfo(policy.settings.time_zone), report.started_at)

    async def _judge(
        self, report: StartReport, charger: ChargerView, transaction_id: str, *, may_join: bool
    ) -> JudgedStart:
        """`may_join`: the start may belong to an attempt that was decided before it (an `Authorize`)."""
        key = (report.tenant_id, report.charger_id)
        attempt = attempt_of(report)
        ref = self._identifiers.of_attempt(attempt)
        opened = self._live.open_attempt(key, ref, self._clock.now()) if may_join and not report.anonymous else None
        attempt_id = (
            opened.attempt_id
            if opened is not None
            else derived_attempt_id(report.tenant_id, report.charger_id, "start", transaction_id, ref)
        )
        if report.anonymous:
            return JudgedStart(attempt_id, 0, None, None, False)
        at = report.started_at if report.offline else self._clock.now()
        decision = self._decisions.decide(attempt, ref, attempt_id, at=at, charger=charger)
        if opened is None:
            return JudgedStart(attempt_id, 0, ref, decision, True)
        version = opened.version or len(await self._store.load(attempt_stream(report.tenant_id, attempt_id)))
        is_unchanged = is_same_decision(decision, opened.decided)
        return JudgedStart(attempt_id, version, ref, opened.decided if is_unchanged else decision, not is_unchanged)

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
        """Record the start again, with the connector that the charger named only after it (OCPP 2.x, E02); nothing
        happens if the connector is known. Raises `StoreUnavailable`.
        """
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

    # --- ends --------------------------------------------------------------------------------------------------------

    async def end(self, report: EndReport) -> Session | None:
        """Record the end; None if the transaction is unknown (it is acknowledged anyway) or was over."""
        ref = None if report.identifier is None else self._identifiers.held_as(report.tenant_id, report.identifier)
        return await self.ends.reported(report, ref)


def _exhausted(report: StartReport) -> str:
    raise RuntimeError(f"no free transaction id at charger {report.charger_id}")
