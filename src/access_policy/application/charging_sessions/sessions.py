"""Starts and ends of charges: re-checked when they really start, recorded in the attempt's own stream (design 3.1)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from access_policy.application.charging_sessions.lost_sessions import LostSessions
from access_policy.application.charging_sessions.session_ends import SessionEnds, conflicts, energy_between
from access_policy.application.charging_sessions.transactions import attempt_history, start_in, transaction_record
from access_policy.application.context import Context, enveloped
from access_policy.application.deciding.attempt_ids import derived_attempt_id
from access_policy.application.deciding.attempts import CHARGER, AccessAttempt, Decided, EndReport, Started, StartReport
from access_policy.application.deciding.decider import AttemptDecider
from access_policy.application.decision_view.recent_activity import RecentActivity, Session
from access_policy.application.decision_view.view import ChargerView
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, Recorded, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.streams import attempt_stream, transaction_stream
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
    TransactionAnnounced,
    TransactionEnded,
    TransactionOpened,
)
from access_policy.domain.access.refusals import row_of
from access_policy.domain.access.transaction_record import TransactionRecord
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId, ChargerKey, TenantId

log = logging.getLogger(__name__)

APPEND_TRIES = 8
ENERGY_TOLERATED_WH = 50  # what a charger may count without charging

FreevendSeen = Callable[[ChargerKey, str], None]


@dataclass(slots=True)
class _Judged:
    """A start judged, before it is recorded. `version` is that of the attempt's stream so far."""

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
class _Opening:
    """A start about to be recorded. `record` is what is on record of its transaction, `reported_end` an end that is reported
    with it."""

    report: StartReport
    charger: ChargerView
    judged: _Judged
    transaction_id: str
    record: TransactionRecord
    reported_end: EndReport | None

    @property
    def ended(self) -> TransactionEnded | None:
        if self.record.ended is not None or self.reported_end is None:
            return self.record.ended
        return _transaction_ended(self.report, self.reported_end)

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
            events.append(_offline_start(report, judged, judged.decision))
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
            events.append(_charging_ended(judged.attempt_id, report.meter_start_wh, self.ended))
        return tuple(events)


class Sessions:
    """`freevend_seen` hears of anonymous starts in a managed window: they speak of a charger that is not switched."""

    def __init__(
        self,
        desk: AttemptDecider,
        live: RecentActivity,
        store: Streams,
        commits: Commits,
        policies: ChargerAccessPolicies,
        clock: Clock,
        freevend_seen: FreevendSeen,
    ) -> None:
        self._desk = desk
        self._live = live
        self._store = store
        self._commits = commits
        self._policies = policies
        self._clock = clock
        self._freevend_seen = freevend_seen
        self.ends = SessionEnds(live, store, commits, clock)
        self.lost = LostSessions(desk.view, live, self.ends, clock)

    # --- starts ------------------------------------------------------------------------------------------------------

    async def start(self, report: StartReport, *, ended: EndReport | None = None) -> Started:
        """Record the start and the decision on it; a start that was recorded before is answered the same.

        `ended`: the charge is over, its end is all that the charger reported, and is recorded with it.
        Raises `ChargerUnknown` or `StoreUnavailable`.
        """
        key = (report.tenant_id, report.charger_id)
        charger = await self._charger_at_start(report)
        candidates = iter(report.transaction_ids)
        transaction_id = next(candidates)
        record, may_join = self._live.announced(key, transaction_id), True
        for _ in range(APPEND_TRIES):
            if record.attempt_id is not None:
                earlier = await self._recorded_start(report, charger, transaction_id, record)
                if earlier is not None:
                    return earlier
                if _id_is_the_charger_s(report):
                    record = await self._used_again(key, transaction_id, record, at=report.started_at)
                else:
                    transaction_id = next(candidates, None) or _exhausted(report)
                    record, may_join = TransactionRecord(), False
            completed = _completed(report, record)
            judged = await self._judge(completed, charger, _name_of(transaction_id, record), may_join=may_join)
            opening = _Opening(completed, charger, judged, transaction_id, record, ended)
            try:
                await self._record_start(opening)
            except VersionConflict:
                stored = await transaction_record(self._store, *key, transaction_id)
                may_join = may_join and stored != record  # else the attempt's own stream has moved on
                record = stored
                continue
            if judged.decision is not None and judged.is_new_decision:
                self._desk.tell(_ask(report), judged.decision)
                await self._desk.take_note(_ask(report), judged.decision, at=self._clock.now())
            started = self._started(opening)
            await self.lost.check(key)  # another session may have been open on the connector
            return started
        raise conflicts(key)

    async def announce(self, report: StartReport) -> Started | None:
        """A transaction that has no session reports neither a token nor a charge (OCPP 2.x). A meter value that has grown
        since the last one starts a session all the same."""
        key, transaction_id = (report.tenant_id, report.charger_id), report.transaction_ids[0]
        record = self._live.announced(key, transaction_id)
        for _ in range(APPEND_TRIES):
            if record.attempt_id is not None and await self._is_another(report, record):
                record = await self._used_again(key, transaction_id, record, at=report.started_at)
            if record.attempt_id is None and _has_grown(record.meter_wh, report.meter_start_wh):
                return await self.start(report)
            if record.ended is not None and (
                record.attempt_id is not None or _has_grown(report.meter_start_wh, record.ended.meter_wh)
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
            tells_nothing_new = (known.connector_id, known.meter_wh) == (record.connector_id, record.meter_wh)
            if record.attempt_id is not None or (record.version > 0 and tells_nothing_new):
                return None
            if await self._append_to_transaction(report, record, announced):
                self._live.announce(key, transaction_id, known)
                return None
            record = await transaction_record(self._store, *key, transaction_id)
            self._live.announce(key, transaction_id, record)
        raise conflicts(key)

    async def end_of(self, start: StartReport, end: EndReport, *, charged: bool) -> Started | None:
        """The end of a transaction that the charger named itself (OCPP 2.x); `start` is what the same message proves of its
        start, and `charged` that there was one: it has a token, or energy. Returns that start, where it was recorded."""
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
            if charged or _has_grown(record.meter_wh, end.meter_stop_wh):
                return await self.start(start, ended=end)
            ended = _transaction_ended(start, end)
            if record.ended is not None or await self._append_to_transaction(start, record, ended):
                return None
        raise conflicts(key)

    async def _is_another(self, report: StartReport, record: TransactionRecord) -> bool:
        """The message begins another transaction than the one that is on record under its id."""
        history = await attempt_history(self._store, report.tenant_id, record.attempt_id)
        start = start_in(history)
        return start is not None and not _is_same_start(start, report, self._desk.ref(_ask(report)), history)

    async def _used_again(
        self, key: ChargerKey, transaction_id: str, record: TransactionRecord, *, at: datetime
    ) -> TransactionRecord:
        """The charger counts its transactions anew after a reboot (OCPP 2.x, where it names them): the earlier one under the
        id is over. Raises `StoreUnavailable`."""
        session = self._live.session(key, transaction_id)
        if session is not None and session.attempt_id == record.attempt_id:
            await self.ends.lost(key, session, at=at)
        return record.used_again()

    async def _append_to_transaction(
        self, report: StartReport, record: TransactionRecord, event: TransactionAnnounced | TransactionEnded
    ) -> bool:
        """False: the transaction has been written to meanwhile."""
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
        """The charger as it is now; for a start reported late, with the policy that held when it began."""
        now_view = self._desk.view.charger(report.tenant_id, report.charger_id)
        if not report.offline:
            return now_view
        policy = await self._policies.as_of(report.tenant_id, report.charger_id, report.started_at)
        if policy is None:
            return now_view
        return ChargerView(report.tenant_id, policy, ZoneInfo(policy.settings.time_zone), report.started_at)

    async def _judge(
        self, report: StartReport, charger: ChargerView, transaction_id: str, *, may_join: bool
    ) -> _Judged:
        """`may_join`: the start may belong to an attempt that was decided before it (an `Authorize`)."""
        key = (report.tenant_id, report.charger_id)
        ask = _ask(report)
        ref = self._desk.ref(ask)
        opened = self._live.open_attempt(key, ref, self._clock.now()) if may_join and not report.anonymous else None
        attempt_id = (
            opened.attempt_id
            if opened is not None
            else derived_attempt_id(report.tenant_id, report.charger_id, "start", transaction_id, ref)
        )
        if report.anonymous:
            return _Judged(attempt_id, 0, None, None, False)
        at = report.started_at if report.offline else self._clock.now()
        decision = self._desk.decision_event(ask, ref, attempt_id, at=at, charger=charger)
        if opened is None:
            return _Judged(attempt_id, 0, ref, decision, True)
        version = opened.version or len(await self._store.load(attempt_stream(report.tenant_id, attempt_id)))
        stands = _says_the_same(decision, opened.decided)
        return _Judged(attempt_id, version, ref, opened.decided if stands else decision, not stands)

    async def _record_start(self, opening: _Opening) -> None:
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

    def _started(self, opening: _Opening) -> Started:
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
            self._desk.remember_denial(key, judged.decision, self._clock.now())
        if report.anonymous and opening.charger.expected(report.started_at).mode is AccessMode.MANAGED:
            self._freevend_seen(key, f"a start without authorisation was reported ({report.protocol})")
        decided = None if judged.decision is None else Decided(attempt_id=judged.attempt_id, event=judged.decision)
        return Started(attempt_id=judged.attempt_id, transaction_id=transaction_id, decided=decided)

    async def _recorded_start(
        self, report: StartReport, charger: ChargerView, transaction_id: str, record: TransactionRecord
    ) -> Started | None:
        """The start recorded under the transaction id; None if that was another one."""
        history = await attempt_history(self._store, report.tenant_id, record.attempt_id)
        start = start_in(history)
        if start is None or not _is_same_start(start, report, self._desk.ref(_ask(report)), history):
            return None
        if record.ended is not None and report.started_at < start.started_at:
            history = await self._begun_earlier(_completed(report, record), charger, record.ended, start, history)
        decision = _latest_decision(history)
        decided = None if decision is None else Decided(attempt_id=start.attempt_id, event=decision, redelivered=True)
        self._know_of(report.tenant_id, start, history)
        if decision is not None:
            self._desk.remember_denial((report.tenant_id, report.charger_id), decision, decision.lineage.decided_for)
        return Started(attempt_id=start.attempt_id, transaction_id=transaction_id, decided=decided, redelivered=True)

    async def _begun_earlier(
        self,
        report: StartReport,
        charger: ChargerView,
        ended: TransactionEnded,
        start: ChargingStarted,
        history: list[Recorded],
    ) -> list[Recorded]:
        """The end was delivered before the start, and only now it is known when the charge began: recorded anew, judged by
        that time. Returns the attempt's events."""
        ask, ref = _ask(report), self._desk.ref(_ask(report))
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
            decision = self._desk.decision_event(ask, ref, start.attempt_id, at=at, charger=charger)
            before = _latest_decision(history)
            if before is None or not _says_the_same(decision, before):
                events.append(decision)
            judged = _Judged(start.attempt_id, len(history), ref, decision, True)
            corrected = replace(corrected, decision=judged.outcome, vehicle_id=decision.lineage.vehicle_id)
            if report.offline:
                events.append(_offline_start(report, judged, decision))
        events += [corrected, _charging_ended(start.attempt_id, corrected.meter_start_wh, ended)]
        context = Context(tenant_id=report.tenant_id, actor=CHARGER, correlation_id=start.attempt_id)
        stream = attempt_stream(report.tenant_id, start.attempt_id)
        recorded = enveloped(context, tuple(events), now=self._clock.now(), occurred_at=report.started_at)
        try:
            await self._commits.append(Append(stream, len(history), recorded))
        except VersionConflict:
            log.info("the start of transaction %s was corrected by another process", ended.transaction_id)
        return await attempt_history(self._store, report.tenant_id, start.attempt_id)

    def _know_of(self, tenant_id: TenantId, start: ChargingStarted, history: Sequence[Recorded]) -> None:
        """Remember a recorded start whose append was reported as failed, unless the charge is over."""
        key = (tenant_id, start.charger_id)
        is_over = any(isinstance(recorded.event, ChargingEnded) for recorded in history)
        if not is_over and self._live.session(key, start.transaction_id) is None:
            self._live.started(key, Session.begun_by(start, version=len(history)))
            self._live.close_attempt(key, start.identifier, start.attempt_id)

    async def locate(self, key: ChargerKey, transaction_id: str, connector_id: int) -> None:
        """The charger named the session's connector only after its start (OCPP 2.x, E02): the start is recorded anew, with
        it. Nothing happens where the connector is known. Raises `StoreUnavailable`."""
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
        """Record the end; None when the transaction is not known (it is acknowledged all the same) or was over."""
        ref = None if report.identifier is None else self._desk.ref_of(report.tenant_id, report.identifier)
        return await self.ends.reported(report, ref)


def _ask(report: StartReport) -> AccessAttempt:
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


def _completed(report: StartReport, record: TransactionRecord) -> StartReport:
    """With what the charger told of the transaction before."""
    return replace(
        report,
        connector_id=record.connector_id if report.connector_id is None else report.connector_id,
        meter_start_wh=report.meter_start_wh if record.meter_wh is None else record.meter_wh,
    )


def _offline_start(
    report: StartReport, judged: _Judged, decision: AccessAllowed | AccessDenied
) -> OfflineStartReported:
    return OfflineStartReported(
        attempt_id=judged.attempt_id,
        charger_id=report.charger_id,
        started_at=report.started_at,
        authorised=judged.outcome is SessionDecision.ALLOWED,
        reason=decision.reason,
    )


def _transaction_ended(start: StartReport, end: EndReport) -> TransactionEnded:
    return TransactionEnded(
        charger_id=end.charger_id,
        transaction_id=end.transaction_id,
        ended_at=end.ended_at,
        connector_id=start.connector_id,
        meter_wh=end.meter_stop_wh,
        reason="Other" if end.reason in ASSUMED_ENDS else end.reason,
    )


def _charging_ended(attempt_id: AttemptId, meter_start_wh: int | None, ended: TransactionEnded) -> ChargingEnded:
    return ChargingEnded(
        attempt_id=attempt_id,
        charger_id=ended.charger_id,
        transaction_id=ended.transaction_id,
        ended_at=ended.ended_at,
        energy_wh=energy_between(meter_start_wh, ended.meter_wh),
        reason=ended.reason,
    )


def _has_grown(before_wh: int | None, now_wh: int | None) -> bool:
    """By more than a charger may count before anything is authorised."""
    return before_wh is not None and now_wh is not None and now_wh - before_wh > ENERGY_TOLERATED_WH


def _is_same_start(
    recorded: ChargingStarted, report: StartReport, ref: IdentifierRef | None, history: Sequence[Recorded]
) -> bool:
    """The report is of the recorded start: by connector, card, time and meter, since a message id says nothing across
    connections. Where the charger names the transactions, only a later beginning that differs, or that comes after the end,
    is of another one (events of one transaction come in any order, and some without a card or a meter value)."""
    if not _id_is_the_charger_s(report):  # derived from the card too
        told = (report.started_at, report.connector_id, report.meter_start_wh)
        return told == (recorded.started_at, recorded.connector_id, recorded.meter_start_wh)
    if not report.reports_begin or report.started_at <= recorded.started_at:
        return True
    ended = next((each.event for each in reversed(history) if isinstance(each.event, ChargingEnded)), None)
    if ended is not None and ended.ended_at < report.started_at:
        return False
    if ended is not None and ended.reason not in ASSUMED_ENDS:
        return True
    pairs = (
        (report.connector_id, recorded.connector_id),
        (ref, recorded.identifier),
        (report.meter_start_wh, recorded.meter_start_wh),
    )
    return all(told is None or known is None or told == known for told, known in pairs)


def _id_is_the_charger_s(report: StartReport) -> bool:
    """The charger names the transaction (OCPP 2.x); in 1.6 the service does."""
    return len(report.transaction_ids) == 1


def _name_of(transaction_id: str, record: TransactionRecord) -> str:
    """Of the transaction, among all for which the charger used the id."""
    return f"{transaction_id} {record.earlier}" if record.earlier else transaction_id


def _says_the_same(now: AccessAllowed | AccessDenied, before: AccessAllowed | AccessDenied) -> bool:
    """For the same reason and of the same vehicle, which in freevend can be another without anything being refused."""
    return (type(now), row_of(now), now.lineage.vehicle_id, now.lineage.access_class) == (
        type(before),
        row_of(before),
        before.lineage.vehicle_id,
        before.lineage.access_class,
    )


def _latest_decision(history: Sequence[Recorded]) -> AccessAllowed | AccessDenied | None:
    decisions = [r.event for r in history if isinstance(r.event, AccessAllowed | AccessDenied)]
    return decisions[-1] if decisions else None


def _exhausted(report: StartReport) -> str:
    raise RuntimeError(f"no free transaction id at charger {report.charger_id}")
