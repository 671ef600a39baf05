"""Starts and ends of charges: re-checked when they really start, recorded in the attempt's own stream (design 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from access_policy.application.context import Context, enveloped
from access_policy.application.decisions.attempt_ids import derived_attempt_id
from access_policy.application.decisions.desk import AccessDesk
from access_policy.application.decisions.group_commit import Commits
from access_policy.application.decisions.live import ChargerKey, LiveAttempts, Session
from access_policy.application.decisions.questions import CHARGER, Ask, Decided, EndReport, Started, StartReport
from access_policy.application.decisions.view import ChargerView
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, Recorded, Streams, VersionConflict
from access_policy.application.repositories.charger_access_policies import ChargerAccessPolicies
from access_policy.application.streams import attempt_stream, transaction_stream
from access_policy.domain.access.events import (
    AccessAllowed,
    AccessDenied,
    AccessEvent,
    ChargingEnded,
    ChargingStarted,
    OfflineStartReported,
    SessionDecision,
    Stage,
    TransactionOpened,
)
from access_policy.domain.access.refusals import row_of
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import AttemptId, TenantId

APPEND_TRIES = 8

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


class Sessions:
    """`freevend_seen` hears of anonymous starts in a managed window: they speak of a charger that is not switched."""

    def __init__(
        self,
        desk: AccessDesk,
        live: LiveAttempts,
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

    # --- starts ------------------------------------------------------------------------------------------------------

    async def start(self, report: StartReport) -> Started:
        """Record the start and the decision on it; a start that was recorded before is answered the same.

        Raises `ChargerUnknown` or `StoreUnavailable`.
        """
        charger = await self._charger_at_start(report)
        candidates = iter(report.transaction_ids)
        transaction_id = next(candidates)
        judged = await self._judge(report, charger, transaction_id, may_join=True)
        for _ in range(APPEND_TRIES):
            events = _start_events(report, charger, judged, transaction_id)
            try:
                await self._record_start(report, judged, transaction_id, events)
                if judged.decision is not None and judged.is_new_decision:
                    self._desk.tell(_ask(report), judged.decision)
                    await self._desk.take_note(_ask(report), judged.decision, at=self._clock.now())
            except VersionConflict:
                earlier = await self._recorded_start(report.tenant_id, report, transaction_id)
                if earlier is not None and _is_same_start(earlier[1], report):
                    return earlier[0]
                if earlier is not None:
                    transaction_id = next(candidates, None) or _exhausted(report)
                judged = await self._judge(report, charger, transaction_id, may_join=False)
            else:
                return self._started(report, charger, judged, transaction_id, len(events))
        raise _conflicts(report.charger_id)

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

    async def _record_start(
        self, report: StartReport, judged: _Judged, transaction_id: str, events: tuple[AccessEvent, ...]
    ) -> None:
        now = self._clock.now()
        context = Context(
            tenant_id=report.tenant_id,
            actor=CHARGER,
            correlation_id=judged.attempt_id,
            causation_id=report.message_id or None,
        )
        opened = TransactionOpened(
            charger_id=report.charger_id, transaction_id=transaction_id, attempt_id=judged.attempt_id
        )
        await self._commits.append(
            Append(
                transaction_stream(report.tenant_id, report.charger_id, transaction_id),
                0,
                enveloped(context, (opened,), now=now),
            ),
            Append(
                attempt_stream(report.tenant_id, judged.attempt_id),
                judged.version,
                enveloped(context, events, now=now, occurred_at=report.started_at),
            ),
        )

    def _started(
        self, report: StartReport, charger: ChargerView, judged: _Judged, transaction_id: str, appended: int
    ) -> Started:
        key = (report.tenant_id, report.charger_id)
        session = Session(
            attempt_id=judged.attempt_id,
            transaction_id=transaction_id,
            connector_id=report.connector_id,
            identifier=judged.ref,
            vehicle_id=judged.decision.lineage.vehicle_id if judged.decision else None,
            decision=judged.outcome,
            started_at=report.started_at,
            meter_start_wh=report.meter_start_wh,
            version=judged.version + appended,
        )
        self._live.started(key, session)
        self._live.close_attempt(key, judged.ref, judged.attempt_id)
        if judged.decision is not None and judged.is_new_decision:
            self._desk.remember_denial(key, judged.decision, self._clock.now())
        if report.anonymous and charger.expected(report.started_at).mode is AccessMode.MANAGED:
            self._freevend_seen(key, f"a start without authorisation was reported ({report.protocol})")
        decided = None if judged.decision is None else Decided(attempt_id=judged.attempt_id, event=judged.decision)
        return Started(attempt_id=judged.attempt_id, transaction_id=transaction_id, decided=decided)

    async def _recorded_start(
        self, tenant_id: TenantId, report: StartReport, transaction_id: str
    ) -> tuple[Started, ChargingStarted] | None:
        """What was recorded under the transaction id, if anything was."""
        history = await self._history(tenant_id, report, transaction_id)
        start = next((r.event for r in reversed(history) if isinstance(r.event, ChargingStarted)), None)
        if start is None:
            return None
        decision = _latest_decision(history)
        decided = None if decision is None else Decided(attempt_id=start.attempt_id, event=decision, redelivered=True)
        started = Started(attempt_id=start.attempt_id, transaction_id=transaction_id, decided=decided, redelivered=True)
        if _is_same_start(start, report):
            self._know_of(tenant_id, start, history)
        return started, start

    def _know_of(self, tenant_id: TenantId, start: ChargingStarted, history: Sequence[Recorded]) -> None:
        """Remember a recorded start whose append was reported as failed, unless the charge is over."""
        key = (tenant_id, start.charger_id)
        is_over = any(isinstance(recorded.event, ChargingEnded) for recorded in history)
        if not is_over and self._live.session(key, start.transaction_id) is None:
            self._live.started(key, Session.begun_by(start, version=len(history)))
            self._live.close_attempt(key, start.identifier, start.attempt_id)

    # --- ends --------------------------------------------------------------------------------------------------------

    async def end(self, report: EndReport) -> Session | None:
        """Record the end; None when the transaction is not known (it is acknowledged all the same) or was over."""
        key = (report.tenant_id, report.charger_id)
        for _ in range(APPEND_TRIES):
            session = self._live.session(key, report.transaction_id)
            if session is None or session.version == 0:  # 0: recalled after a restart
                session = await self._load_session(report)
            if session is None:
                self._live.ended(key, report.transaction_id)
                return None
            try:
                await self._record_end(report, session)
            except VersionConflict:
                self._live.ended(key, report.transaction_id)  # ours is stale: load what is recorded
            else:
                self._live.ended(key, report.transaction_id)
                return session
        raise _conflicts(report.charger_id)

    async def _record_end(self, report: EndReport, session: Session) -> None:
        now = self._clock.now()
        ended = ChargingEnded(
            attempt_id=session.attempt_id,
            charger_id=report.charger_id,
            transaction_id=report.transaction_id,
            ended_at=report.ended_at,
            energy_wh=_energy(session.meter_start_wh, report.meter_stop_wh),
            reason=report.reason,
        )
        context = Context(tenant_id=report.tenant_id, actor=CHARGER, correlation_id=session.attempt_id)
        events = enveloped(context, (ended,), now=now, occurred_at=report.ended_at)
        await self._commits.append(
            Append(attempt_stream(report.tenant_id, session.attempt_id), session.version, events)
        )

    async def _load_session(self, report: EndReport) -> Session | None:
        history = await self._history(report.tenant_id, report, report.transaction_id)
        start = next((r.event for r in reversed(history) if isinstance(r.event, ChargingStarted)), None)
        if start is None or any(isinstance(r.event, ChargingEnded) for r in history):
            return None
        return Session.begun_by(start, version=len(history))

    async def _history(
        self, tenant_id: TenantId, report: StartReport | EndReport, transaction_id: str
    ) -> list[Recorded]:
        """The attempt's stream that the transaction belongs to; empty for a transaction never seen."""
        opened = await self._store.load(transaction_stream(tenant_id, report.charger_id, transaction_id))
        if not opened:
            return []
        return await self._store.load(attempt_stream(tenant_id, opened[0].event.attempt_id))


def _ask(report: StartReport) -> Ask:
    return Ask(
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


def _start_events(
    report: StartReport, charger: ChargerView, judged: _Judged, transaction_id: str
) -> tuple[AccessEvent, ...]:
    events: list[AccessEvent] = []
    if judged.decision is not None and judged.is_new_decision:
        events.append(judged.decision)
    if judged.decision is not None and report.offline:
        events.append(
            OfflineStartReported(
                attempt_id=judged.attempt_id,
                charger_id=report.charger_id,
                started_at=report.started_at,
                authorised=judged.outcome is SessionDecision.ALLOWED,
                reason=judged.decision.reason,
            )
        )
    events.append(
        ChargingStarted(
            attempt_id=judged.attempt_id,
            charger_id=report.charger_id,
            depot_id=charger.policy.settings.depot_id,
            connector_id=report.connector_id,
            transaction_id=transaction_id,
            started_at=report.started_at,
            meter_start_wh=report.meter_start_wh,
            decision=judged.outcome,
            identifier=judged.ref,
            vehicle_id=judged.decision.lineage.vehicle_id if judged.decision else None,
            expected_mode=charger.expected(report.started_at).mode,
            offline=report.offline,
        )
    )
    return tuple(events)


def _is_same_start(recorded: ChargingStarted, report: StartReport) -> bool:
    """Where the charger gives the transaction id, the id alone says so."""
    given_by_charger = len(report.transaction_ids) == 1
    return given_by_charger or (
        recorded.started_at == report.started_at and recorded.connector_id == report.connector_id
    )


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


def _energy(start_wh: int | None, stop_wh: int | None) -> int | None:
    return None if start_wh is None or stop_wh is None else max(0, stop_wh - start_wh)


def _exhausted(report: StartReport) -> str:
    raise RuntimeError(f"no free transaction id at charger {report.charger_id}")


def _conflicts(charger_id: str) -> RuntimeError:
    return RuntimeError(f"a transaction of charger {charger_id} kept being written by someone else")
