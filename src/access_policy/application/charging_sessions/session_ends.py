"""Ends of sessions: by the charger's report, by the service's conclusion, or by an operator.

A charger may lose its report (power cut), or send it under a transaction id that the service never assigned. An end
that the service concluded (reason `lost` or `operator`) is provisional: a later report of the charger is also recorded,
so that the energy becomes known.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from access_policy.application.charging_sessions.conflicts import APPEND_TRIES, conflicts
from access_policy.application.charging_sessions.reports import EndReport
from access_policy.application.charging_sessions.transactions import (
    attempt_history,
    is_over,
    start_in,
    transaction_record,
)
from access_policy.application.context import SYSTEM, Context, enveloped
from access_policy.application.deciding.attempts import CHARGER
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.sessions import Session
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import attempt_stream
from access_policy.domain.access.events import (
    ASSUMED_ENDS,
    BY_OPERATOR,
    LOST,
    AccessEvent,
    ChargingEnded,
    SessionEndedByOperator,
)
from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)


class SessionEnds:
    def __init__(self, live: RecentActivity, store: Streams, commits: Commits, clock: Clock) -> None:
        self._live = live
        self._store = store
        self._commits = commits
        self._clock = clock

    # --- reported by the charger -----------------------------------------------------------------------------------

    async def reported(self, report: EndReport, ref: IdentifierRef | None = None) -> Session | None:
        """Record the end. Returns None if the transaction is unknown (the report is acknowledged anyway) or was over.
        `ref` is the identifier in the report. Raises `StoreUnavailable`."""
        key = (report.tenant_id, report.charger_id)
        for _ in range(APPEND_TRIES):
            session = self._live.session(key, report.transaction_id)
            if session is None or session.version == 0:  # 0: reloaded after a restart
                session = await self._recorded(report)
            if session is None and report.id_is_ours:
                session = await self._meant(key, report, ref)
            if session is None:
                self._live.ended(key, report.transaction_id)
                return None
            context = Context(tenant_id=key[0], actor=CHARGER, correlation_id=session.attempt_id)
            try:
                await self._append(context, key, session, (ended_by(report, session),), report.ended_at)
            except VersionConflict:
                continue
            else:
                self._live.ended(key, session.transaction_id)
                self._live.reported_over(key, session.transaction_id)
                return session
        raise conflicts(key)

    async def _recorded(self, report: EndReport) -> Session | None:
        """Return the session of the report's transaction, unless the charger already reported its end."""
        return await self._load((report.tenant_id, report.charger_id), report.transaction_id, unless_also_assumed=False)

    async def _meant(self, key: ChargerKey, report: EndReport, ref: IdentifierRef | None) -> Session | None:
        """Return the session meant by a report under an unknown id: the one with its identifier, otherwise the only
        open one. Sessions that the service concluded to be over are considered last, because the report may be late."""
        if (await transaction_record(self._store, *key, report.transaction_id)).version > 0:
            return None  # the id is known: the transaction was reported before
        for among in (self._live.sessions_at(key), self._live.assumed_over(key)):
            begun = [each for each in among if each.started_at <= report.ended_at]
            of_identifier = [each for each in begun if ref is not None and each.identifier == ref]
            found = of_identifier or begun
            if len(found) == 1:
                log.warning(
                    "charger %s ended transaction %s, which it never began; assumed to be %s",
                    *(key[1], report.transaction_id[:40], found[0].transaction_id),
                )
                meant = await self._load(key, found[0].transaction_id, unless_also_assumed=False)
                if meant is None:  # its end is recorded, although the append was reported as failed
                    self._live.ended(key, found[0].transaction_id)
                return meant
            if found:
                return None
        return None

    # --- concluded by the service ----------------------------------------------------------------------------------

    async def lost(self, key: ChargerKey, session: Session, *, at: datetime) -> int | None:
        """Record that the session has been over since `at`, although the charger reported no end. Returns the log
        position of the record, or None if the session was already over. Raises `StoreUnavailable`."""
        log.warning("charger %s lost the end of transaction %s", key[1], session.transaction_id)
        context = Context(tenant_id=key[0], actor=SYSTEM, correlation_id=session.attempt_id)
        return await self._assume(key, session, context, LOST, at)

    def note_over(self, key: ChargerKey, transaction_id: str) -> None:
        """Note that the end is recorded, perhaps by an append that was reported as failed."""
        self._live.ended(key, transaction_id)

    async def by_operator(self, context: Context, key: ChargerKey, session: Session, *, reason: str) -> int | None:
        """Like `lost`, but ended by an operator with a reason."""
        session = self._live.session(key, session.transaction_id) or session  # the live one knows the meter values
        now = self._clock.now()
        audited = SessionEndedByOperator(
            attempt_id=session.attempt_id,
            charger_id=key[1],
            transaction_id=session.transaction_id,
            reason=reason,
            ended_at=now,
        )
        return await self._assume(key, session, context, BY_OPERATOR, now, (audited,))

    async def _assume(
        self,
        key: ChargerKey,
        session: Session,
        context: Context,
        reason: str,
        at: datetime,
        also: Iterable[AccessEvent] = (),
    ) -> int | None:
        current: Session | None = session
        for _ in range(APPEND_TRIES):
            if current is not None and current.version == 0:
                current = await self._load(key, session.transaction_id, unless_also_assumed=True)
            if current is None:
                self._live.ended(key, session.transaction_id)
                return None
            ended = ChargingEnded(
                attempt_id=session.attempt_id,
                charger_id=key[1],
                transaction_id=session.transaction_id,
                ended_at=max(at, session.started_at),
                energy_wh=energy_between(session.meter_start_wh, session.meter_wh),
                reason=reason,
            )
            try:
                position = await self._append(context, key, current, (*also, ended), ended.ended_at)
            except VersionConflict:
                current = await self._load(key, session.transaction_id, unless_also_assumed=True)
            else:
                self._live.ended(key, session.transaction_id)
                self._live.assume_over(key, session)
                return position
        raise conflicts(key)

    # --- shared ------------------------------------------------------------------------------------------------------

    async def _load(self, key: ChargerKey, transaction_id: str, *, unless_also_assumed: bool) -> Session | None:
        record = await transaction_record(self._store, *key, transaction_id)
        history = await attempt_history(self._store, key[0], record.attempt_id)
        start = start_in(history)
        if start is None or is_over(history, also_assumed=unless_also_assumed):
            return None
        return Session.begun_by(start, version=len(history))

    async def _append(
        self,
        context: Context,
        key: ChargerKey,
        session: Session,
        events: tuple[AccessEvent, ...],
        occurred_at: datetime,
    ) -> int:
        now = self._clock.now()
        stream = attempt_stream(key[0], session.attempt_id)
        recorded = enveloped(context, events, now=now, occurred_at=occurred_at)
        try:
            return await self._commits.append(Append(stream, session.version, recorded))
        except BaseException:  # stale, or recorded without our knowledge: the next try loads the stream
            self._forget_version(key, session)
            raise

    def _forget_version(self, key: ChargerKey, session: Session) -> None:
        known = self._live.session(key, session.transaction_id)
        if known is not None:
            known.version = 0


def ended_by(report: EndReport, session: Session) -> ChargingEnded:
    """Return the end of the session as the charger reported it."""
    return ChargingEnded(
        attempt_id=session.attempt_id,
        charger_id=report.charger_id,
        transaction_id=session.transaction_id,
        ended_at=report.ended_at,
        energy_wh=energy_between(_start_reading(session, report), report.meter_stop_wh),
        reason="Other" if report.reason in ASSUMED_ENDS else report.reason,
    )


def _start_reading(session: Session, report: EndReport) -> int | None:
    return report.meter_start_wh if session.meter_start_wh is None else session.meter_start_wh


def energy_between(start_wh: int | None, stop_wh: int | None) -> int | None:
    """Return None if a reading is missing, or if the register ran backwards: it was replaced or reset, and the energy
    is unknown."""
    return None if start_wh is None or stop_wh is None or stop_wh < start_wh else stop_wh - start_wh
