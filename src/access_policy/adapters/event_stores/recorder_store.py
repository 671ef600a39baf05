"""The event store over any pyeventsourcing recorder. Recorders are synchronous, so one thread writes, a few threads read, and
the event loop never waits for a disk. Recorders have no deadlines, so each call here has one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from eventsourcing.persistence import (
    ApplicationRecorder,
    ConnectionPoolClosedError,
    IntegrityError,
    PersistenceError,
    StoredEvent,
)

from access_policy.adapters.event_stores.log_rows import LogRow, log_rows, raw_rows, rows_as_stored
from access_policy.adapters.event_stores.serde import DOMAIN_SERDE, EventSerde, UnreadableEvent
from access_policy.application.ports.event_store import (
    Append,
    Envelope,
    Recorded,
    StoreUnavailable,
    StreamId,
    Unreadable,
    VersionConflict,
)
from access_policy.application.ports.raw_log import StoredBytes
from access_policy.application.streams import tenant_of
from access_policy.domain.ids import ActorId

TIMEOUT_S: Final = 5.0
READERS: Final = 2  # threads
DAMAGED_AT_ONCE: Final = 500  # events
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

RECORDER_ERRORS: Final[tuple[type[Exception], ...]] = (
    PersistenceError,
    ConnectionPoolClosedError,
    TimeoutError,
    OSError,
)
_Answer = TypeVar("_Answer")


class RecorderEventStore:
    """Implements `EventStore`. `timeout_s` bounds every call. An append that had not started by then never starts; one in
    progress may still be written. Its caller looks it up, or appends the same events again, which is safe: events whose ids are
    already stored at their versions count as stored, and the returned position is then the end of the log, at or after theirs.

    `driver_errors` are the database driver's errors that the recorder lets through; `close_recorder` closes its connections. If
    the recorder `refuses_gaps` in streams, the store does not check each stream before the write.
    """

    def __init__(
        self,
        recorder: ApplicationRecorder,
        *,
        timeout_s: float = TIMEOUT_S,
        serde: EventSerde = DOMAIN_SERDE,
        driver_errors: tuple[type[Exception], ...] = (),
        close_recorder: Callable[[], None] = lambda: None,
        refuses_gaps: bool = False,
    ) -> None:
        self._recorder = recorder
        self._timeout_s = timeout_s
        self._serde = serde
        self._unavailable = RECORDER_ERRORS + driver_errors
        self._close_recorder = close_recorder
        self._recorder_refuses_gaps = refuses_gaps
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="event-store-writer")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="event-store-reader")
        self._listeners: list[Callable[[frozenset[str]], None]] = []
        self._closed = False

    async def append(self, appends: Sequence[Append]) -> int:
        stored = [event for append in appends for event in self._stored_events(append)]
        if not stored:
            return await self.last_position()
        position = await self._run(self._writer, lambda: self._write(appends, stored))
        names = frozenset(event.topic for event in stored)
        for listener in self._listeners:
            listener(names)
        return position

    async def load(self, stream: StreamId, *, after_version: int = 0, limit: int | None = None) -> list[Recorded]:
        return await self._run(
            self._readers,
            lambda: [
                self._recorded(0, str(event.originator_id), event.originator_version, event.topic, bytes(event.state))
                for event in self._recorder.select_events(stream, gt=after_version, limit=limit)
            ],
        )

    async def read_log(
        self,
        *,
        after: int,
        limit: int,
        types: Collection[str] = (),
        up_to: int | None = None,
        with_unreadable: bool = False,
    ) -> list[Recorded]:
        """Raises `UnreadableEvent` for an event that this program cannot decode. With `types`, events that only a newer program
        knows are not selected.
        """
        names = self._serde.stored_names(types) if types else ()
        if limit <= 0:
            return []
        recorded = self._recorded_or_unreadable if with_unreadable else self._recorded
        return await self._run(
            self._readers, lambda: [recorded(*row) for row in log_rows(self._recorder, after, limit, up_to, names)]
        )

    async def read_raw(self, *, after: int, limit: int, up_to: int | None = None) -> list[StoredBytes]:
        """Like `RawLog.read_raw`, including events that this program cannot decode."""
        return await self._run(
            self._readers, lambda: [_stored_bytes(row) for row in raw_rows(self._recorder, after, limit, up_to)]
        )

    async def read_damaged(self, *, after: int, limit: int, up_to: int) -> list[StoredBytes]:
        return await self._run(
            self._readers, lambda: [_stored_bytes(row) for row in rows_as_stored(self._recorder, after, limit, up_to)]
        )

    async def read_damaged_of(self, types: Collection[str]) -> list[Recorded]:
        names = frozenset(self._serde.stored_names(types))
        found: list[Recorded] = []
        after, last = 0, await self.last_position()
        while batch := await self.read_damaged(after=after, limit=DAMAGED_AT_ONCE, up_to=last):
            found += [self._recorded_or_unreadable(*each) for each in batch if each.name in names]
            after = batch[-1].position
        return found

    async def last_position(self) -> int:
        return await self._run(self._readers, self._last_position)

    def on_appended(self, listener: Callable[[frozenset[str]], None]) -> None:
        self._listeners.append(listener)

    async def close(self) -> None:
        """End the threads after the queued work, and close the connections. Later calls raise `StoreUnavailable`, and so does
        this call if a thread does not end in time.
        """
        if self._closed:
            return
        self._closed = True
        for executor in (self._writer, self._readers):
            await self._in_time(asyncio.to_thread(executor.shutdown))
        self._close_recorder()

    # --- on the threads -------------------------------------------------------------------------------------------

    def _write(self, appends: Sequence[Append], stored: list[StoredEvent]) -> int:
        if not self._recorder_refuses_gaps:
            self._refuse_gaps(appends)
        try:
            positions = self._recorder.insert_events(stored)
        except IntegrityError as error:
            if self._are_stored(stored):
                return self._last_position()
            raise VersionConflict(f"another event was appended first to one of {_named(appends)}") from error
        return positions[-1] if positions else self._last_position()

    def _refuse_gaps(self, appends: Sequence[Append]) -> None:
        """Refuse a version beyond the next; the primary key refuses a version that exists. Checking before the write is enough,
        because streams never shrink.
        """
        heads: dict[StreamId, int] = {}
        for append in appends:
            if append.expected_version > heads.get(append.stream, 0):
                head = heads[append.stream] = self._version_of(append.stream)
                if append.expected_version > head:
                    raise VersionConflict(
                        f"{append.stream} has {head} events, but {append.expected_version} were expected"
                    )
            heads[append.stream] = append.expected_version + len(append.events)

    def _version_of(self, stream: StreamId) -> int:
        latest = self._recorder.select_events(stream, desc=True, limit=1)
        return latest[0].originator_version if latest else 0

    def _are_stored(self, stored: list[StoredEvent]) -> bool:
        """Tell whether exactly these events are stored, as after a commit whose answer was lost."""
        for event in stored:
            version = event.originator_version
            found = self._recorder.select_events(event.originator_id, gt=version - 1, lte=version)
            if not found or found[0].topic != event.topic or self._event_id(found[0]) != self._event_id(event):
                return False
        return True

    def _event_id(self, stored: StoredEvent) -> str:
        _, envelope = self._serde.decode(stored.topic, stored.state)
        return envelope.event_id

    def _last_position(self) -> int:
        return self._recorder.max_notification_id() or 0

    # --- translation ----------------------------------------------------------------------------------------------

    def _stored_events(self, append: Append) -> list[StoredEvent]:
        if append.expected_version < 0:
            raise ValueError(f"expected_version of {append.stream} is {append.expected_version}; it counts from 0")
        events = []
        for version, new in enumerate(append.events, append.expected_version + 1):
            name, state = self._serde.encode(new.event, new.envelope)
            events.append(StoredEvent(append.stream, version, name, state))
        return events

    def _recorded(self, position: int, stream: str, version: int, name: str, state: bytes) -> Recorded:
        try:
            event, envelope = self._serde.decode(name, state)
        except UnreadableEvent as error:
            error.add_note(f"stream {stream}, version {version}, position {position}")
            raise
        return Recorded(StreamId(stream), version, position, event, envelope)

    def _recorded_or_unreadable(self, position: int, stream: str, version: int, name: str, state: bytes) -> Recorded:
        try:
            return self._recorded(position, stream, version, name, state)
        except UnreadableEvent as error:
            envelope = self._serde.envelope_of(state) or _unknown_envelope(StreamId(stream))
            unreadable = Unreadable(self._serde.current_name(name), str(error))
            return Recorded(StreamId(stream), version, position, unreadable, envelope)

    async def _run(self, executor: Executor, call: Callable[[], _Answer]) -> _Answer:
        if self._closed:
            raise StoreUnavailable("the event store is closed")
        return await self._in_time(asyncio.get_running_loop().run_in_executor(executor, self._translated, call))

    async def _in_time(self, answer: Awaitable[_Answer]) -> _Answer:
        try:
            async with asyncio.timeout(self._timeout_s):  # not wait_for, because Python 3.11's can lose a cancellation
                return await answer
        except TimeoutError as late:
            raise StoreUnavailable(f"the event store did not answer within {self._timeout_s:g} s") from late

    def _translated(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except self._unavailable as error:
            raise StoreUnavailable(f"the event store failed: {error}") from error


def _stored_bytes(row: LogRow) -> StoredBytes:
    position, stream, version, name, state = row
    return StoredBytes(position, StreamId(stream), version, name, bytes(state))


def _unknown_envelope(stream: StreamId) -> Envelope:
    return Envelope(
        event_id="",
        tenant_id=tenant_of(stream),
        occurred_at=EPOCH,
        recorded_at=EPOCH,
        actor=ActorId("unknown"),
        correlation_id="",
    )


def _named(appends: Sequence[Append]) -> str:
    streams = sorted({append.stream for append in appends})
    return ", ".join(streams[:3]) + (f" and {len(streams) - 3} more" if len(streams) > 3 else "")
