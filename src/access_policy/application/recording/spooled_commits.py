"""Records charger events even while the event store is down (design.md 3.7, `on_store_outage`).

Normally they go to the store. If it fails, they go to the spool, a journal on the local disk, and the charger is
answered from memory. Once the store is back, the spool is drained in order; until its spooled events are stored, a
stream's next events also go through the spool. A charger whose policy is `refuse` gets an error instead, which is not a
denial. An append in progress when the store failed may be stored: its events keep their ids, by which they are
recognised.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Final

from access_policy.application.background_tasks import BackgroundTasks
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import (
    Append,
    EventStore,
    NewEvent,
    Recorded,
    StoreUnavailable,
    StreamId,
)
from access_policy.application.ports.spool import Spool
from access_policy.application.recording.group_commit import GroupCommit, Settled
from access_policy.application.recording.spool_drain import SpoolDrain
from access_policy.application.recording.spooled_streams import SpooledStreams
from access_policy.application.streams import tenant_of
from access_policy.domain.access_mode import OnStoreOutage
from access_policy.domain.ids import ChargerId

log = logging.getLogger(__name__)

PROBE_EVERY_S: Final = 1.0


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
        """`committed` is called with the appends of each commit to the spool, like that of `GroupCommit` for the store."""
        self._store = store
        self._commits = commits
        self._to_spool = GroupCommit(spool, committed=committed)
        self._out_of_spool = SpoolDrain(store, spool)
        self._view = view
        self._is_up = True
        self._streams = SpooledStreams()
        self._woken = asyncio.Event()
        self._tasks = BackgroundTasks()  # append to the spool

    @property
    def is_up(self) -> bool:
        """True if the store accepted the last append."""
        return self._is_up

    @property
    def backlog(self) -> int:
        """The number of appends of this process that are in the spool and not in the store yet."""
        return self._streams.backlog

    async def append(self, *appends: Append) -> int:
        """Append durably; return the log position, or 0 for a spooled append. Raises `VersionConflict` (the call wrote
        nothing) or `StoreUnavailable` (outcome unknown; the caller must not answer with a decision)."""
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
        """Like `append`, but does not wait. Only appends to the spool need a task."""
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
        """Put the appends into the spool. Raises `refusal` if a charger's policy forbids it."""
        if not self._may_spool(appends):
            raise refusal
        self._streams.add(appends)
        try:
            await self._to_spool.append(*appends)
        except BaseException:
            self._streams.take_back(appends)
            raise
        self._woken.set()
        return 0

    def _may_spool(self, appends: Sequence[Append]) -> bool:
        return all(
            self._view.charger(tenant_of(append.stream), charger_id).policy.settings.on_store_outage
            is OnStoreOutage.SPOOL
            for append in appends
            for new in append.events
            if (charger_id := _charger_of(new)) is not None
        )

    def _went_down(self, outage: StoreUnavailable) -> None:
        if self._is_up:
            log.error("the event store is down, charger events go to the spool: %s", outage)
        self._is_up = False
        self._woken.set()

    async def load(self, stream: StreamId, *, after_version: int = 0) -> list[Recorded]:
        """Return the stream in the store, followed by its events in the spool. Raises `StoreUnavailable`."""
        spooled = self._streams.get(stream)
        if spooled is None:
            return await self._store.load(stream, after_version=after_version)
        stored = await self._store.load(stream, after_version=after_version) if spooled.base > after_version else []
        return spooled.after(stored, stream, after_version=after_version)

    async def run(self) -> None:
        """Until cancelled, probe the store while it is down, and drain the spool once it is back."""
        while True:
            try:
                await self.drain()
            except StoreUnavailable as outage:
                self._went_down(outage)
            except Exception:  # the edge of the loop: entries that cannot be drained stay in the spool
                log.exception("draining the spool failed")
            await self._rest()

    async def drain(self) -> None:
        """Append everything in the spool to the store, in order, including what an earlier process left. Raises
        `StoreUnavailable`."""
        if not self._is_up:
            await self._store.last_position()
        if drained := await self._out_of_spool.drain(self._stored):
            log.warning("the event store is back: %d appends came from the spool", drained)
        self._is_up = True

    def _stored(self, append: Append) -> None:
        self._streams.settled(append)
        self._is_up = True

    async def _rest(self) -> None:
        """Wait until an append is spooled if the spool is empty; otherwise sleep briefly."""
        if self._is_up and not self._streams:
            await self._woken.wait()
        self._woken.clear()
        await asyncio.sleep(PROBE_EVERY_S)


def _charger_of(new: NewEvent) -> ChargerId | None:
    """Return the charger of an event: every event of the decision path names it, except for a lock-out at an entrance."""
    charger_id: ChargerId | None = getattr(getattr(new.event, "lineage", new.event), "charger_id", None)
    return charger_id
