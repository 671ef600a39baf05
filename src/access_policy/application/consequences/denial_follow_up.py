"""Follow-up of decisions: stop and record a refused charge that draws energy anyway, and apply the charger's policy to
charges that continue into a managed window (design.md 3.5).

Level-triggered, like mode application: a check of all open charges every few seconds finds all charges to stop, even
after a restart. An offline charger receives its request when it reconnects. Each charger has its own task, so that an
unresponsive charger does not delay the others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from access_policy.application.backoff import Backoff
from access_policy.application.charger_tasks import ChargerTasks
from access_policy.application.charging_sessions.reports import EnergyReport
from access_policy.application.charging_sessions.session_ends import energy_between
from access_policy.application.context import SYSTEM, Context, enveloped
from access_policy.application.deciding.inputs import InputsFromMemory
from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.sessions import Session
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, ConnectedChargers, SessionCommands
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import attempt_stream
from access_policy.domain.access.decision import reason_for
from access_policy.domain.access.events import (
    DenialNotHonoured,
    SessionDecision,
    SessionStopRequested,
    StopCause,
)
from access_policy.domain.access.reasons import ALLOWING
from access_policy.domain.access_mode import AccessMode, CauseKind, Enforcement, OnWindowStart
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)

ENERGY_TOLERATED_WH = 50  # energy that a charger may count while it processes a refusal
HONOURED_WITHIN = timedelta(seconds=15)  # and how long it may report that it charges
TICK_S = 2.0

_StopKey = tuple[ChargerKey, str]


@dataclass(slots=True)
class _Stop:
    """A charge to stop. `due` is a monotonic instant."""

    cause: StopCause
    due: float = 0.0
    recorded: bool = False
    backoff: Backoff = field(default_factory=lambda: Backoff(first_s=4.0, longest_s=120.0, shortest_s=0.05))


class FollowUp:
    def __init__(
        self,
        view: DecisionView,
        inputs: InputsFromMemory,
        live: RecentActivity,
        store: Streams,
        commits: Commits,
        gateway: ConnectedChargers[SessionCommands],
        clock: Clock,
    ) -> None:
        self._view = view
        self._inputs = inputs
        self._live = live
        self._store = store
        self._commits = commits
        self._gateway = gateway
        self._clock = clock
        self._stops: dict[_StopKey, _Stop] = {}
        self._woken = asyncio.Event()
        self._tasks = ChargerTasks("following up")

    async def run(self) -> None:
        """Run until cancelled; running tasks are then cancelled and awaited."""
        try:
            while True:
                self.check()
                await self._rest()
        finally:
            await self._tasks.cancel()

    def check(self) -> None:
        """Check all open charges once, and start to stop those that are due. Returns at once."""
        for key, under_way in self._live.all_sessions():
            try:
                self._judge(key, under_way)
            except Exception:  # the edge of the loop: a failure at one charge must not end it
                log.exception("charge %s at charger %s is checked again", under_way.transaction_id, key[1])
        for key, due in self._due_stops().items():
            self._tasks.begin(key, partial(self._stop_all, due))

    async def finish(self) -> None:
        """Wait for the running stops."""
        await self._tasks.finish()

    def _due_stops(self) -> dict[ChargerKey, list[tuple[Session, _Stop]]]:
        """Return the due stops of connected chargers; drop the stops of charges that have ended."""
        due = defaultdict(list)
        for (key, transaction_id), stop in list(self._stops.items()):
            session = self._live.session(key, transaction_id)
            if session is None:
                del self._stops[key, transaction_id]
            elif stop.due <= time.monotonic() and self._gateway.serving_epoch(key) is not None:
                due[key].append((session, stop))
        return due

    async def _stop_all(self, due: Sequence[tuple[Session, _Stop]], key: ChargerKey) -> None:
        for session, stop in due:
            if self._live.session(key, session.transaction_id) is not None:
                await self._stop(key, session, stop)

    # --- energy after a refusal --------------------------------------------------------------------------------------

    async def energy(self, report: EnergyReport) -> None:
        """Process a meter value or a sign of charging. Raises `StoreUnavailable`."""
        key = (report.tenant_id, report.charger_id)
        session = self._live.session_of(key, report.transaction_id, report.connector_id)
        if session is None and report.transaction_id is not None:
            session = self._live.revived(key, report.transaction_id, report.energy_wh)
        if session is not None:
            session.note_energy(report.energy_wh, charging=report.charging, at=report.at)
        if session is None or session.decision is not SessionDecision.DENIED or session.not_honoured:
            return
        if not self._draws_energy(session, report):
            return
        log.warning("charger %s delivers energy although it was refused (attempt %s)", key[1], session.attempt_id)
        seen = DenialNotHonoured(
            attempt_id=session.attempt_id,
            charger_id=key[1],
            transaction_id=session.transaction_id,
            seen_at=report.at,
            energy_wh=energy_between(session.meter_start_wh, report.energy_wh),
        )
        try:
            await self._append(key, session, seen)
            session.not_honoured = True
        finally:  # the charge is stopped even if the record failed; the next report repeats the record
            self._ask_to_stop(key, session, StopCause.DENIAL_NOT_HONOURED)

    @staticmethod
    def _draws_energy(session: Session, report: EnergyReport) -> bool:
        if session.meter_start_wh is not None and report.energy_wh is not None:
            return report.energy_wh - session.meter_start_wh > ENERGY_TOLERATED_WH
        return report.charging and report.at - session.started_at > HONOURED_WITHIN

    # --- charges in a managed window ---------------------------------------------------------------------------------

    def _judge(self, key: ChargerKey, session: Session) -> None:
        """Judge the charge once per window, by the policy in force; an unauthorised charge continues unless the policy
        says to stop it. Another holder's reserved window counts as a window of its own, and so does the time after a
        reservation. A window in which energy narrows freevend does not count."""
        charger = self._view.charger(*key)
        now = self._clock.now()
        expected = charger.expected(now)
        if session.decision is SessionDecision.DENIED and session.not_honoured:
            self._ask_to_stop(key, session, StopCause.DENIAL_NOT_HONOURED)  # again after a restart
        if expected.mode is not AccessMode.MANAGED or session.judged_in == expected.start:
            return
        if expected.cause.kind is CauseKind.ENVELOPE:
            return  # the service does not stop charges because of energy
        if self._is_in_a_late_stop(charger, session, now):
            return  # it is judged after the late stop
        stops = charger.policy.settings.on_window_start is OnWindowStart.STOP_UNAUTHORISED
        enforced = charger.policy.enforcement is Enforcement.ENFORCE
        if stops and enforced and not self._may_charge(charger, session, now):
            self._ask_to_stop(key, session, StopCause.WINDOW_START)
        session.judged_in = expected.start

    def _may_charge(self, charger: ChargerView, session: Session, now: datetime) -> bool:
        timeline = charger.timeline_at(now)
        inputs = self._inputs.gather(
            charger, session.identifier, now, timeline, connector_id=session.connector_id, actor=None
        )
        return reason_for(inputs) in ALLOWING

    def _is_in_a_late_stop(self, charger: ChargerView, session: Session, now: datetime) -> bool:
        """Return whether the charge belongs to a reservation that is over and whose holder may still stay for a while."""
        policy = charger.policy
        book = self._view.book(charger.tenant_id, policy.settings.depot_id)
        return any(
            each.charger_id == policy.charger_id
            and each.begins <= session.started_at < each.reservation.end <= now < each.reservation.clears
            for each in book.entries.held_by(session.identifier, session.vehicle_id)
        )

    # --- stopping ----------------------------------------------------------------------------------------------------

    def _ask_to_stop(self, key: ChargerKey, session: Session, cause: StopCause) -> None:
        if (key, session.transaction_id) not in self._stops:
            self._stops[key, session.transaction_id] = _Stop(cause)
            self._woken.set()

    async def _stop(self, key: ChargerKey, session: Session, stop: _Stop) -> None:
        """Record the request, then send it, so that every stop is on record. Raises `StoreUnavailable`: nothing was
        sent, and both steps are retried."""
        stop.due = time.monotonic() + stop.backoff.next_s() + 1.0
        if not stop.recorded:
            requested = SessionStopRequested(
                attempt_id=session.attempt_id,
                charger_id=key[1],
                transaction_id=session.transaction_id,
                cause=stop.cause,
                requested_at=self._clock.now(),
            )
            await self._append(key, session, requested)
            stop.recorded = True
        try:
            answer = await self._gateway.commands(key).stop_session(session.transaction_id)
        except ChargerDidNotAnswer as silence:
            answer = str(silence)
        log.info("charger %s was asked to stop %s (%s): %s", key[1], session.transaction_id, stop.cause, answer)

    async def _append(self, key: ChargerKey, session: Session, event: DenialNotHonoured | SessionStopRequested) -> None:
        """Append to the attempt's stream, after the events recorded there meanwhile. The event is recorded once, even
        if an earlier append was reported as failed or an earlier process recorded it. Raises `StoreUnavailable`."""
        now = self._clock.now()
        context = Context(tenant_id=key[0], actor=SYSTEM, correlation_id=session.attempt_id)
        stream = attempt_stream(key[0], session.attempt_id)
        while True:
            version = session.version
            if version == 0:
                history = await self._store.load(stream)
                version = len(history)
                if any(_is_same_fact(recorded.event, event) for recorded in history):
                    session.version = version
                    return
            try:
                await self._commits.append(Append(stream, version, enveloped(context, (event,), now=now)))
            except VersionConflict:
                session.version = 0
            except BaseException:
                session.version = 0  # it may have been recorded anyway
                raise
            else:
                session.version = version + 1
                return

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(TICK_S):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()


def _is_same_fact(recorded: object, event: DenialNotHonoured | SessionStopRequested) -> bool:
    """Return whether the recorded event is the same fact: each charge has at most one record of a refusal not honoured
    and one of a stop request."""
    return type(recorded) is type(event) and getattr(recorded, "transaction_id", None) == event.transaction_id
