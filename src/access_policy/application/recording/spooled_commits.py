"""Records charger events even while the event store is down (design.md 3.7, `on_store_outage`).

Normally they go to the store. When it fails they go to the spool, a journal on the local disk, and the charger is
answered from memory; once the store is back the spool is drained in order, and a stream with spooled events receives
its next ones through the spool until those are stored. A charger whose policy is `refuse` gets an error instead,
which is not a denial. An append in progress when the store failed may be stored: its events keep their ids, by which
the store recognises them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from access_policy.application.background_tasks import BackgroundTasks
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import (
    Append,
    AppendTooLarge,
    EventStore,
    NewEvent,
    Recorded,
    StoreUnavailable,
    StreamId,
    VersionConflict,
)
from access_policy.application.ports.spool import Spool, Spooled
from access_policy.application.recording.group_commit import GroupCommit, Settled
from access_policy.application.streams import tenant_of
from access_policy.domain.access_mode import OnStoreOutage
from access_policy.domain.ids import ChargerId

log = logging.getLogger(__name__)

DRAINED_AT_ONCE: Final = 4  # entries of the spool, each of up to a group of appends
PROBE_EVERY_S: Final = 1.0
REBASE_TRIES: Final = 5


@dataclass(slots=True)
class _Stream:
    """The spooled events of a stream whose events up to version `base` are, or should be, in the store."""

    base: int
    events: list[NewEvent] = field(default_factory=list)
    pending: int = 0  # appends that are not in the store yet

    @property
    def head(self) -> int:
        return self.base + len(self.events)


class SpooledCommits:
    """Appends and loads like a store, for the decision path only."""

    def __init__(
        self,
        store: EventStore,
        commits: GroupCommit,
        spool: Spool,
        view: DecisionView,
        *,
        committed: Callable[[Sequence[Append]], None] = lambda appends: None,
    ) -> None:
        """`committed` is called with the appends of each commit to the spool, as `GroupCommit` does for the store."""
        self._store = store
        self._commits = commits
        self._spool = spool
        self._to_spool = GroupCommit(spool, committed=committed)
        self._view = view
        self._is_up = True
        self._streams: dict[StreamId, _Stream] = {}
        self._woken = asyncio.Event()
        self._tasks = BackgroundTasks()  # that put appends into the spool

    @property
    def is_up(self) -> bool:
        """True if the store accepted the last append."""
        return self._is_up

    @property
    def backlog(self) -> int:
        """Appends of this process that are in the spool and not in the store yet."""
        return sum(stream.pending for stream in self._streams.values())

    async def append(self, *appends: Append) -> int:
        """Durable when it returns: the log position, or 0 for a spooled append. Raises `VersionConflict` (nothing was
        written) or `StoreUnavailable` (outcome unknown; the caller must not answer with a decision).
        """
        if self._is_up and not (self._streams and any(append.stream in self._streams for append in appends)):
            try:
                return await self._commits.append(*appends)
            except StoreUnavailable as outage:
                self._went_down(outage)
                return await self._spooled(appends, outage)
        return await self._spooled(
            appends, StoreUnavailable("the event store is down, and the charger's policy is `refuse`")
        )

    def append_soon(self, append: Append, settled: Settled) -> None:
        """Like `append`. A task is needed for the spool only."""
        if self._is_up and append.stream not in self._streams:
            self._commits.append_soon(append, partial(self._answered, append, settled))
        else:
            self._begin(self._settle(settled, self.append(append)))

    def _answered(self, append: Append, settled: Settled, outcome: int | Exception) -> None:
        if isinstance(outcome, StoreUnavailable):
            self._went_down(outcome)
            self._begin(self._settle(settled, self._spooled((append,), outcome)))
        else:
            settled(outcome)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        self._tasks.begin(work, "append to the spool")

    @staticmethod
    async def _settle(settled: Settled, position: Awaitable[int]) -> None:
        try:
            outcome: int | Exception = await position
        except Exception as failure:  # noqa: BLE001  the caller's, which `settled` tells
            outcome = failure
        settled(outcome)

    async def _spooled(self, appends: Sequence[Append], refusal: StoreUnavailable) -> int:
        """Put the appends into the spool. Raises `refusal` where a charger's policy forbids it."""
        if not self._may_spool(appends):
            raise refusal
        await self._put(appends)
        return 0

    async def load(self, stream: StreamId, *, after_version: int = 0) -> list[Recorded]:
        """The stream in the store, followed by its events in the spool. Raises `StoreUnavailable`."""
        spooled = self._streams.get(stream)
        if spooled is None:
            return await self._store.load(stream, after_version=after_version)
        stored = await self._store.load(stream, after_version=after_version) if spooled.base > after_version else []
        return [each for each in stored if each.version <= spooled.base] + [
            Recorded(stream, version, 0, new.event, new.envelope)
            for version, new in enumerate(spooled.events, spooled.base + 1)
            if version > after_version
        ]

    # --- into the spool ----------------------------------------------------------------------------------------------

    async def _put(self, appends: Sequence[Append]) -> None:
        for append in appends:
            known = self._streams.get(append.stream)
            if known is not None and append.expected_version != known.head:
                raise VersionConflict(f"{append.stream} has {known.head} events, {append.expected_version} expected")
        for append in appends:
            stream = self._streams.setdefault(append.stream, _Stream(append.expected_version))
            stream.events += append.events
            stream.pending += 1
        try:
            await self._to_spool.append(*appends)
        except BaseException:
            self._take_back(appends)
            raise
        self._woken.set()

    def _take_back(self, appends: Sequence[Append]) -> None:
        """Drop appends that could not be spooled; later ones of the stream that were spooled meanwhile follow a gap
        and are rebased.
        """
        for append in appends:
            stream = self._streams.get(append.stream)
            if stream is not None:
                stream.events = [new for new in stream.events if new not in append.events]
                self._settled(append.stream)

    def _settled(self, stream_id: StreamId) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.pending -= 1
            if stream.pending == 0:
                del self._streams[stream_id]

    def _may_spool(self, appends: Sequence[Append]) -> bool:
        return all(
            self._view.charger(tenant_of(append.stream), _charger_of(new)).policy.settings.on_store_outage
            is OnStoreOutage.SPOOL
            for append in appends
            for new in append.events
        )

    def _went_down(self, outage: StoreUnavailable) -> None:
        if self._is_up:
            log.error("the event store is down, charger events go to the spool: %s", outage)
        self._is_up = False
        self._woken.set()

    # --- out of it ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled: probe the store while it is down, and drain the spool once it is back."""
        while True:
            try:
                await self.drain()
            except StoreUnavailable as outage:
                self._went_down(outage)
            except Exception:  # the edge of the loop: entries that cannot be drained stay in the spool
                log.exception("draining the spool failed")
            await self._rest()

    async def drain(self) -> None:
        """Append everything spooled to the store, in order, including what an earlier process left. Raises
        `StoreUnavailable`.
        """
        if not self._is_up:
            await self._store.last_position()
        drained = 0
        while entries := await self._spool.oldest(DRAINED_AT_ONCE):
            await self._append_all(_appends_of(entries))
            await self._spool.forget(entries[-1].number)
            for append in _appends_of(entries):
                self._settled(append.stream)
                drained += 1
            self._is_up = True
        if drained:
            log.warning("the event store is back: %d appends came from the spool", drained)
        self._is_up = True

    async def _append_all(self, appends: Sequence[Append]) -> None:
        """Append in as few transactions as the store accepts. A repetition appends only events that are not stored
        yet, so that a crash between two parts neither loses nor duplicates any.
        """
        try:
            await self._store.append(appends)
        except AppendTooLarge as refusal:
            await self._append_halves(appends, refusal)
        except VersionConflict:  # some events are stored already, or another append came first
            for append in appends:
                await self._append_missing(append)

    async def _append_halves(self, appends: Sequence[Append], refusal: AppendTooLarge) -> None:
        halves = _halves_of(appends)
        if not halves:
            log.error("%s: an event is too large for the event store and is set aside: %s", appends[0].stream, refusal)
            await self._spool.set_aside(appends[0], str(refusal))
        for half in halves:
            await self._append_all(half)

    async def _append_missing(self, append: Append) -> None:
        """Append the events that are not in the stream yet after those that are. Raises `VersionConflict` where others
        keep writing to the stream."""
        for _ in range(REBASE_TRIES):
            history = await self._store.load(append.stream)
            stored = {recorded.envelope.event_id for recorded in history}
            missing = tuple(new for new in append.events if new.envelope.event_id not in stored)
            if not missing:
                return
            if append.expected_version != len(history):
                log.warning(
                    "%s received events while some were in the spool; those follow",
                    append.stream,
                )
            rest = Append(append.stream, len(history), missing)
            try:
                await self._store.append([rest])
            except AppendTooLarge as refusal:
                await self._append_halves([rest], refusal)
            except VersionConflict:
                continue
            return
        raise VersionConflict(f"{append.stream} was changed repeatedly by another process")

    async def _rest(self) -> None:
        """Sleep until an append is spooled while the spool is empty; otherwise briefly."""
        if self._is_up and not self._streams:
            await self._woken.wait()
        self._woken.clear()
        await asyncio.sleep(PROBE_EVERY_S)


def _appends_of(entries: Sequence[Spooled]) -> list[Append]:
    return [append for entry in entries for append in entry.appends]


def _halves_of(appends: Sequence[Append]) -> list[Sequence[Append]]:
    """Two parts, in order; None for a single event. Appends of one attempt stay in one transaction if they fit."""
    if len(appends) > 1:
        middle = len(appends) // 2
        cuts = sorted(range(1, len(appends)), key=lambda cut: (_cuts_an_attempt(appends, cut), abs(cut - middle)))
        return [appends[: cuts[0]], appends[cuts[0] :]]
    (append,) = appends
    middle = len(append.events) // 2
    if middle == 0:
        return []
    first, second = append.events[:middle], append.events[middle:]
    return [
        [Append(append.stream, append.expected_version, first)],
        [Append(append.stream, append.expected_version + middle, second)],
    ]


def _cuts_an_attempt(appends: Sequence[Append], cut: int) -> bool:
    before, after = appends[cut - 1].events[-1].envelope, appends[cut].events[0].envelope
    return before.correlation_id == after.correlation_id


def _charger_of(new: NewEvent) -> ChargerId:
    """The charger of an event: every event of the decision path names it."""
    charger_id: ChargerId = getattr(new.event, "lineage", new.event).charger_id
    return charger_id
