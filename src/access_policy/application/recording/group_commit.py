"""Group commit: appends that arrive during one commit share the next (ADR 0006)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from access_policy.application.ports.event_store import Append, Appends, AppendTooLarge, StoreUnavailable

GROUP_MAX = 512  # appends in one commit
WAITING_MAX = 20_000  # appends that may wait; with more, the store is too slow to promise anything
ANSWER_S = 4.5  # for a caller, from its arrival: the current commit and its own together


log = logging.getLogger(__name__)

Settled = Callable[[int | Exception], None]
"""Called once, on the event loop, with the log position at which an append is durable or the error that ended it."""


class Commits(Protocol):
    async def append(self, *appends: Append) -> int:
        """Append atomically; the append is durable when this returns the log position. Raises `VersionConflict`,
        `AppendTooLarge` or `StoreUnavailable`."""
        ...

    def append_soon(self, append: Append, settled: Settled) -> None:
        """Like `append`, but does not wait: `settled` receives what `append` would return or raise. Attempts come by
        the thousand, and a future and a task for each would cost as much as its decision."""
        ...


@dataclass(slots=True, eq=False)
class _Waiting:
    appends: Sequence[Append]
    settled: Settled | None  # None once it has been called
    until: float  # by the event loop's clock


class GroupCommit:
    """Combines appends of many callers, each atomic by itself, into few transactions, in order of arrival. A caller
    waits for the commit in progress and for its own, but no longer than `answer_s`. If the commit in progress finds the
    store down, all waiting callers fail at once."""

    def __init__(
        self,
        store: Appends,
        *,
        answer_s: float = ANSWER_S,
        committed: Callable[[Sequence[Append]], None] = lambda appends: None,
    ) -> None:
        """`committed` is called with the appends of each commit once they are durable."""
        self._store = store
        self._committed = committed
        self._answer_s = answer_s
        self._waiting: list[_Waiting] = []
        self._under_way: list[_Waiting] = []
        # one timer for all: a timer for each append would cost more than its decision
        self._watch: asyncio.TimerHandle | None = None
        self._committing: asyncio.Task[None] | None = None

    async def append(self, *appends: Append) -> int:
        """Append and return the log position after the commit. Raises `VersionConflict` or `AppendTooLarge` (the call
        wrote nothing), or `StoreUnavailable` (it is unknown whether the call wrote anything)."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._queue(appends, partial(_resolve, done))
        return await done

    def append_soon(self, append: Append, settled: Settled) -> None:
        self._queue((append,), settled)

    def _queue(self, appends: Sequence[Append], settled: Settled) -> None:
        if len(self._waiting) >= WAITING_MAX:
            settled(StoreUnavailable("too many decisions wait for the store"))
            return
        loop = asyncio.get_running_loop()
        waiting = _Waiting(appends, settled, loop.time() + self._answer_s)
        self._waiting.append(waiting)
        if self._watch is None:
            self._watch = loop.call_at(waiting.until, self._give_up)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all(), name="group-commit")

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
                self._under_way = group
                if (outage := await self._commit(group)) is not None:
                    waiting, self._waiting = self._waiting, []
                    _settle_all(waiting, outage)
        finally:
            self._committing = None
            self._under_way = []

    def _give_up(self) -> None:
        """Fail callers that have waited too long; appends queued behind the commit in progress are dropped and never
        written.
        """
        loop = asyncio.get_running_loop()
        now, open_ = loop.time(), [each for each in (*self._under_way, *self._waiting) if each.settled is not None]
        late = [each for each in open_ if each.until <= now]
        self._waiting = [each for each in self._waiting if each.until > now]
        _settle_all(late, StoreUnavailable(f"the event store did not answer within {self._answer_s:g} s"))
        left = open_[len(late) :]  # in the order of their arrival
        self._watch = loop.call_at(left[0].until, self._give_up) if left else None

    async def _commit(self, group: list[_Waiting]) -> StoreUnavailable | None:
        """Commit all appends in one transaction; in two halves if they are too large for one; individually if one of
        them is refused, so that only that one fails. Returns the outage that ended the commit, if any: later appends
        would wait in vain."""
        try:
            appends = [append for waiting in group for append in waiting.appends]
            position = await self._store.append(appends)
        except StoreUnavailable as outage:
            _settle_all(group, outage)
            return outage
        except Exception as refusal:  # noqa: BLE001  the edge between the store and its callers: the append at fault fails alone
            if len(group) > 1:
                size = (len(group) + 1) // 2 if isinstance(refusal, AppendTooLarge) else 1
                return await self._commit_parts([group[at : at + size] for at in range(0, len(group), size)])
            _settle(group[0], refusal)
        else:
            self._committed(appends)
            _settle_all(group, position)
        return None

    async def _commit_parts(self, parts: list[list[_Waiting]]) -> StoreUnavailable | None:
        for number, part in enumerate(parts):
            if (outage := await self._commit(part)) is not None:
                _settle_all([waiting for other in parts[number + 1 :] for waiting in other], outage)
                return outage
        return None


def _settle_all(group: Sequence[_Waiting], outcome: int | Exception) -> None:
    for waiting in group:
        _settle(waiting, outcome)


def _settle(waiting: _Waiting, outcome: int | Exception) -> None:
    settled, waiting.settled = waiting.settled, None
    if settled is None:
        return  # it has waited too long and was already answered
    try:
        settled(outcome)
    except Exception:  # the edge: a bug in one caller must not affect the others
        log.exception("the caller of a commit failed")


def _resolve(done: asyncio.Future[int], outcome: int | Exception) -> None:
    if done.done():
        return  # its caller gave up
    if isinstance(outcome, int):
        done.set_result(outcome)
    else:
        done.set_exception(outcome)
