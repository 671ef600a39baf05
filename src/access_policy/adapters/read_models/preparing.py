"""Prepare the batches of a rebuild: read and decode events, fold them, and turn the changes into rows for the driver.

A separate process can do this while the caller's process writes the previous batch, so that a rebuild uses two processors. It
only prepares batches without faults. If an event cannot be decoded or folded, or rows cannot be stored, the caller continues
alone, and parks events as a follower does (ADR 0019).
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

import msgspec

from access_policy.adapters.read_models.collecting import few_collections
from access_policy.adapters.read_models.grouping import Shape
from access_policy.adapters.read_models.table_sets import NEXT
from access_policy.adapters.read_models.writing import RowGroup, dialect_named, row_groups
from access_policy.application.ports.event_store import EventStore, Recorded, StoreUnavailable, Unreadable, name_of
from access_policy.application.projections.changes import Projection, RowChange

log = logging.getLogger(__name__)

OpenStore = Callable[[], EventStore]  # a function that another process can import
LEAVE_S: Final = 5.0
PACK: Final = msgspec.msgpack.Encoder()
UNPACK: Final = msgspec.msgpack.Decoder(list[tuple[Any, ...]])


class Prepared(NamedTuple):
    """The rows of `events` events up to the position `reached`. `groups` is None if an event of the batch failed."""

    events: int
    reached: int
    groups: list[RowGroup] | None


class _Packed(NamedTuple):
    """A `Prepared` in transit. For many rows MessagePack takes a third of the time of `marshal`, and `pickle` seven times the
    time of `marshal`.
    """

    events: int
    reached: int
    groups: list[tuple[Shape, bytes]] | None

    def unpacked(self) -> Prepared:
        if self.groups is None:
            return Prepared(self.events, self.reached, None)
        groups = [RowGroup(shape, UNPACK.decode(rows)) for shape, rows in self.groups]
        return Prepared(self.events, self.reached, groups)


class PreparerLost(Exception):
    """The process that prepares batches has ended."""


class Preparer:
    """The process that prepares batches. Call `end` when done; it also ends if its caller is killed."""

    def __init__(self, open_store: OpenStore, projections: Sequence[Projection], dialect: str, batch: int) -> None:
        processes = multiprocessing.get_context("spawn")  # a fork would share the threads' locks and connections
        self._requests, theirs = processes.Pipe()
        arguments = (theirs, open_store, tuple(projections), dialect, batch)
        self._process = processes.Process(target=_serve, args=arguments, name="rebuild-preparer", daemon=True)
        self._process.start()
        theirs.close()
        self._turn = threading.Lock()  # a cancelled call still has to receive its answer
        self._started = False

    def has_started(self, wait_s: float = 0.0) -> bool:
        """Tell whether the process can prepare batches; its start takes about as long as folding thousands of events. Raises
        `PreparerLost`.
        """
        try:
            if not self._started and self._requests.poll(wait_s):
                self._started = bool(self._requests.recv())
        except (EOFError, OSError) as error:
            raise self._lost() from error
        return self._started

    async def prepare(self, after: int, last: int) -> Prepared:
        """Return the next batch of events with positions in `(after, last]`. Raises `StoreUnavailable` or `PreparerLost`."""
        return await asyncio.to_thread(self._prepare, after, last)

    def _prepare(self, after: int, last: int) -> Prepared:
        try:
            with self._turn:
                self._requests.send((after, last))
                answer: _Packed | StoreUnavailable = self._requests.recv()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        if isinstance(answer, StoreUnavailable):
            raise answer
        return answer.unpacked()

    def _lost(self) -> PreparerLost:
        return PreparerLost(f"exit code {self._process.exitcode}")

    async def end(self) -> None:
        self._process.kill()  # it only reads
        await asyncio.to_thread(self._process.join, LEAVE_S)
        self._requests.close()


def _serve(
    requests: Connection, open_store: OpenStore, projections: Sequence[Projection], dialect: str, batch: int
) -> None:
    """Report that the process has started, then answer requests until the caller closes its end of the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C also reaches the caller, which ends this process
    with few_collections(), asyncio.Runner() as runner:
        store = open_store()
        folding = Folding(projections, dialect)
        requests.send(True)  # it has started
        while True:
            try:
                after, last = requests.recv()
            except EOFError:
                return
            try:
                events = runner.run(
                    store.read_log(after=after, limit=batch, types=folding.types, up_to=last, with_unreadable=True)
                )
            except StoreUnavailable as trouble:
                requests.send(StoreUnavailable(str(trouble)))
            else:
                reached = events[-1].position if events else after
                requests.send(_Packed(len(events), reached, folding.packed(events)))


class Folding:
    """Folds whole batches into rows for a database of the dialect."""

    def __init__(self, projections: Sequence[Projection], dialect: str) -> None:
        self.types = frozenset(name for projection in projections for name in projection.types)
        self._dialect = dialect_named(dialect)
        self._folds = {
            name: [projection.fold for projection in projections if name in projection.types] for name in self.types
        }

    def packed(self, events: Sequence[Recorded]) -> list[tuple[Shape, bytes]] | None:
        """Return the packed rows; None if an event cannot be decoded or folded, or its rows cannot be built."""
        try:
            groups = row_groups(self._changes(events), NEXT, self._dialect)
            return [(group.shape, PACK.encode(group.rows)) for group in groups]
        except Exception as error:  # noqa: BLE001  the caller finds out which event failed, and parks it
            log.warning("a batch is left to the caller: %r", error)
            return None

    def _changes(self, events: Sequence[Recorded]) -> list[RowChange]:
        changes: list[RowChange] = []
        for recorded in events:
            if isinstance(recorded.event, Unreadable):
                raise ValueError(recorded.event.reason)
            for fold in self._folds[name_of(recorded)]:
                changes += fold(recorded)
        return changes
