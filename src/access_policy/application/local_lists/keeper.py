"""Keeps chargers' local lists up to date: level-triggered, by the list version that the charger reports.

After each change of the registry or of reservations it checks all connected chargers, `BATCH` of them every `TICK_S`,
so that decisions can run in between; an unresponsive charger does not delay the others. It checks each charger at each
connection, at the instants of its reservations, and every `LOOK_AGAIN_S`, so that it notices a lost list.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from access_policy.application.backoff import Backoff
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.local_lists.updates import LocalListUpdates, NotReadableYet
from access_policy.application.local_lists.wanted_lists import WantedLists
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.local_lists import ListNotKept, LocalLists
from access_policy.domain.ids import ChargerKey
from access_policy.domain.site_energy.gate import GateLevel

log = logging.getLogger(__name__)

_Moment = tuple[int, int, int, int, GateLevel, float]
"""The connection, the versions of the policy, the registry and the depot's reservations, the level to which energy
narrows the charger, and a monotonic instant."""

TICK_S = 0.05
BATCH = 25  # 500 chargers a second
SCAN_S = 0.5  # between two scans
SCANNED_AT_A_TIME = 500  # in one iteration of the event loop
TRY_AGAIN_S = 2.0  # doubled for each further failure, up to
LOOK_AGAIN_S = 300.0  # validity and hours change over time


@dataclass(slots=True)
class LocalListKeeper:
    view: DecisionView
    lists: LocalLists
    wanted: WantedLists
    updates: LocalListUpdates
    _due: deque[ChargerKey] = field(default_factory=deque)
    _seen: dict[ChargerKey, _Moment] = field(default_factory=dict)
    # the next instants at which reservations change the lists
    _changes: dict[ChargerKey, datetime] = field(default_factory=dict)
    _in_work: dict[ChargerKey, asyncio.Task[None]] = field(default_factory=dict)
    _later: dict[ChargerKey, tuple[float, Backoff]] = field(default_factory=dict)

    async def run(self) -> None:
        """Run until cancelled; the tasks in progress are then cancelled and awaited."""
        try:
            while True:
                if not self._due:
                    await self._scan()
                self._begin_batch()
                await asyncio.sleep(TICK_S if self._due else SCAN_S)
        finally:
            tasks = list(self._in_work.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _scan(self) -> None:
        """Find the chargers whose list may have changed, and discard the shared results computed before."""
        self.wanted.forget()
        async for key in cooperatively(list(self.lists.connected_chargers()), at_a_time=SCANNED_AT_A_TIME):
            if key not in self._in_work and not self._is_seen(key):
                self._due.append(key)

    def _begin_batch(self) -> None:
        for _ in range(min(BATCH, len(self._due))):
            key = self._due.popleft()
            task = asyncio.create_task(self._look_at(key), name=f"local list {key[1]}")
            self._in_work[key] = task
            task.add_done_callback(partial(self._done, key))

    def _is_seen(self, key: ChargerKey) -> bool:
        """True if nothing relevant to the list has changed since the last check, and the charger is not due again."""
        later = self._later.get(key)
        if later is not None and later[0] > time.monotonic():
            return True
        epoch = self.lists.serving_epoch(key)
        if epoch is None or self.view.known_policy(*key) is None:
            return True
        seen = self._seen.get(key)
        now = self._moment(key, epoch)
        if (changes_at := self._changes.get(key)) is not None and changes_at <= self.updates.clock.now():
            return False
        return seen is not None and seen[:-1] == now[:-1] and now[-1] - seen[-1] < LOOK_AGAIN_S

    def _moment(self, key: ChargerKey, epoch: int) -> _Moment:
        charger = self.view.charger(*key)
        policy = charger.policy
        level = charger.level_at(self.updates.clock.now())
        book = self.view.book(key[0], policy.settings.depot_id)
        return epoch, policy.changed_at, self.view.registry(key[0]).version, book.version, level, time.monotonic()

    def _note_changes(self, key: ChargerKey) -> None:
        if (changes_at := self.wanted.changes_at(key)) is None:
            self._changes.pop(key, None)
        else:
            self._changes[key] = changes_at

    async def _look_at(self, key: ChargerKey) -> None:
        epoch = self.lists.serving_epoch(key)
        if epoch is None:
            return
        moment = self._moment(key, epoch)
        self._note_changes(key)
        try:
            await self.updates.update(key)
        except ListNotKept as reason:
            log.info("charger %s stores no local list: %s", key[1], reason)
            self.updates.leave_alone(key, epoch)
        except NotReadableYet as trouble:
            self._try_later(key, trouble)
            return
        except (ChargerDidNotAnswer, StoreUnavailable) as trouble:
            self._try_later(key, trouble)
            self.updates.forget(key)
            return
        except Exception:  # the edge of the loop: one charger's failure must not end it
            log.exception("the local list of charger %s failed", key[1])
        self._later.pop(key, None)
        self._seen[key] = moment

    def _try_later(self, key: ChargerKey, trouble: Exception) -> None:
        log.info("the local list of %s will be retried: %s", key[1], trouble)
        _, backoff = self._later.get(key, (0.0, Backoff(TRY_AGAIN_S, LOOK_AGAIN_S, shortest_s=0.05)))
        self._later[key] = (time.monotonic() + backoff.next_s(), backoff)
        self._seen.pop(key, None)

    def _done(self, key: ChargerKey, _: asyncio.Task[None]) -> None:
        self._in_work.pop(key, None)
