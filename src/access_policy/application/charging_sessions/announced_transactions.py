"""Transactions that a charger announces before they have a token or a charge (OCPP 2.x): recorded, until a start or an
end proves that there was a charge."""

from __future__ import annotations

from access_policy.application.charging_sessions.conflicts import APPEND_TRIES, conflicts
from access_policy.application.charging_sessions.judged_starts import transaction_ended
from access_policy.application.charging_sessions.reports import EndReport, RecordedStart, StartReport
from access_policy.application.charging_sessions.same_start import has_grown
from access_policy.application.charging_sessions.sessions import Sessions
from access_policy.application.charging_sessions.transactions import transaction_record
from access_policy.application.context import Context, enveloped
from access_policy.application.deciding.attempts import CHARGER
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, Streams, VersionConflict
from access_policy.application.recording.group_commit import Commits
from access_policy.application.streams import transaction_stream
from access_policy.domain.access.events import TransactionAnnounced, TransactionEnded
from access_policy.domain.access.transaction_record import TransactionRecord


class AnnouncedTransactions:
    """Records announced transactions. Its methods raise `ChargerUnknown` or `StoreUnavailable`."""

    def __init__(
        self, live: RecentActivity, store: Streams, commits: Commits, sessions: Sessions, clock: Clock
    ) -> None:
        self._live = live
        self._store = store
        self._commits = commits
        self._sessions = sessions
        self._clock = clock

    async def announce(self, report: StartReport) -> RecordedStart | None:
        """Process an event of a transaction that has neither token nor charge yet. A meter value that has grown since
        the last one starts a session anyway."""
        key, transaction_id = (report.tenant_id, report.charger_id), report.transaction_ids[0]
        repeated = self._sessions.repeated
        record = self._live.announced(key, transaction_id)
        for _ in range(APPEND_TRIES):
            if record.attempt_id is not None and await repeated.is_another(report, record):
                record = await repeated.used_again(key, transaction_id, record, at=report.started_at)
            if _proves_a_charge(report, record):
                return await self._sessions.start(report)
            announced = _announced(report)
            known = record.after(announced)
            adds_nothing = (known.connector_id, known.meter_wh) == (record.connector_id, record.meter_wh)
            if record.attempt_id is not None or (record.version > 0 and adds_nothing):
                return None
            if await self._append(report, record, announced):
                self._live.announce(key, transaction_id, known)
                return None
            record = await transaction_record(self._store, *key, transaction_id)
            self._live.announce(key, transaction_id, record)
        raise conflicts(key)

    async def end_of(self, start: StartReport, end: EndReport, *, charged: bool) -> RecordedStart | None:
        """Record the end of a transaction to which the charger gave the id. `start` is the start that the same message
        proves; `charged` says that there was one, because the transaction has a token or energy. Returns that start, if
        it was recorded."""
        key = (end.tenant_id, end.charger_id)
        for _ in range(APPEND_TRIES):
            if self._live.session(key, end.transaction_id) is not None:
                await self._sessions.end(end)
                return None
            record = await transaction_record(self._store, *key, end.transaction_id)
            if record.attempt_id is not None:
                await self._sessions.end(end)
                return None
            self._live.announce(key, end.transaction_id, record)
            if charged or has_grown(record.meter_wh, end.meter_stop_wh):
                return await self._sessions.start(start, ended=end)
            ended = transaction_ended(start, end)
            if record.ended is not None or await self._append(start, record, ended):
                return None
        raise conflicts(key)

    async def _append(
        self, report: StartReport, record: TransactionRecord, event: TransactionAnnounced | TransactionEnded
    ) -> bool:
        """Append the event; return False if another append to the transaction came first."""
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


def _proves_a_charge(report: StartReport, record: TransactionRecord) -> bool:
    """Return whether the meter value has grown since the last one, or the transaction's end was delivered first and has
    a start or a greater meter value."""
    if record.attempt_id is None and has_grown(record.meter_wh, report.meter_start_wh):
        return True
    return record.ended is not None and (
        record.attempt_id is not None or has_grown(report.meter_start_wh, record.ended.meter_wh)
    )


def _announced(report: StartReport) -> TransactionAnnounced:
    return TransactionAnnounced(
        charger_id=report.charger_id,
        transaction_id=report.transaction_ids[0],
        announced_at=report.started_at,
        connector_id=report.connector_id,
        meter_wh=report.meter_start_wh,
    )
