"""Group commit: everything that arrives while one commit is under way shares the next (ADR 0006)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from access_policy.application.ports.event_store import Append, EventStore, StoreUnavailable

GROUP_MAX = 512  # appends in one commit
WAITING_MAX = 20_000  # appends that may wait; beyond, the store is too slow to promise anything
DEADLINE_S = 5.0  # a caller waits no longer than this for its commit


@dataclass(slots=True)
class _Waiting:
    appends: Sequence[Append]
    done: asyncio.Future[int]


class GroupCommit:
    """Appends of many callers, each all-or-nothing for itself, in few transactions. Order of arrival is kept."""

    def __init__(self, store: EventStore, *, deadline_s: float = DEADLINE_S) -> None:
        self._store = store
        self._deadline_s = deadline_s
        self._waiting: list[_Waiting] = []
        self._committing: asyncio.Task[None] | None = None

    async def append(self, *appends: Append) -> int:
        """Returns the log position after the commit. Raises `VersionConflict` (nothing of this call was written) or
        `StoreUnavailable` (unknown whether it was)."""
        if len(self._waiting) >= WAITING_MAX:
            raise StoreUnavailable("too many decisions wait for the store")
        waiting = _Waiting(appends, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all(), name="group-commit")
        try:
            return await asyncio.wait_for(waiting.done, self._deadline_s)
        except TimeoutError as late:
            raise StoreUnavailable(f"no commit within {self._deadline_s:g} s") from late

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
                await self._commit(group)
        finally:
            self._committing = None

    async def _commit(self, group: list[_Waiting]) -> None:
        """One transaction for all; where one of them is refused, each on its own, so that it fails alone."""
        try:
            position = await self._store.append([append for waiting in group for append in waiting.appends])
        except StoreUnavailable as outage:
            for waiting in group:
                _settle(waiting, outage)
        except Exception as refusal:  # noqa: BLE001  the edge between the store and its callers: the one at fault hears of it
            if len(group) == 1:
                _settle(group[0], refusal)
            else:
                for waiting in group:
                    await self._commit([waiting])
        else:
            for waiting in group:
                _settle(waiting, position)


def _settle(waiting: _Waiting, outcome: int | Exception) -> None:
    if waiting.done.done():
        return  # its caller gave up
    if isinstance(outcome, int):
        waiting.done.set_result(outcome)
    else:
        waiting.done.set_exception(outcome)
