"""The level-triggered loop: one queue of chargers to look at, each in the queue or in work once, never twice in work.

Hints put a charger into the queue: a change of its policy, a transition of its timeline, a connection, a boot, a sign of
drift. A slow resync looks at every charger, so that losing every hint costs time and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from aiolimiter import AsyncLimiter

from access_policy.application.backoff import Backoff
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.mode_application.alarms import Alarms
from access_policy.application.mode_application.reconcile import Outcome, Reconciler
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable, VersionConflict
from access_policy.application.turns import in_turns
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)

STARTED_AT_A_TIME = 10  # chargers, in one turn of the event loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`resync_s` is varied by a fifth either way; `deadline_s` bounds one look at one charger."""

    tick_s: float = 0.5
    resync_s: float = 300.0
    depot_per_s: float = 20.0  # chargers of a depot that are looked at a second,
    depot_burst: int = 100  # after this many at once: its network is bounded
    per_s: float = 500.0  # of all depots, so that decisions have their turn
    burst: int = 50
    deadline_s: float = 120.0
    waiting_s: float = 15.0
    backoff_first_s: float = 1.0
    backoff_longest_s: float = 300.0
    clock_jump_s: float = 2.0


@dataclass(slots=True)
class _Work:
    """Why a charger is to be looked at, and whether to read it even if nothing speaks for a difference."""

    trigger: str
    read_back: bool


@dataclass(slots=True)
class ModeController:
    view: DecisionView
    reconciler: Reconciler
    clock: Clock
    pace: Pace = field(default_factory=Pace)
    _dirty: dict[ChargerKey, _Work] = field(default_factory=dict)
    _in_work: dict[ChargerKey, asyncio.Task[None]] = field(default_factory=dict)
    _later: Alarms[ChargerKey, float] = field(default_factory=Alarms)  # monotonic instants
    _backoffs: defaultdict[ChargerKey, Backoff] = field(init=False)
    _limits: dict[tuple[str, str], AsyncLimiter] = field(default_factory=dict)
    _limit: AsyncLimiter = field(init=False)
    _boundaries: Alarms[ChargerKey, datetime] = field(default_factory=Alarms)
    _unread: set[ChargerKey] = field(default_factory=set)  # to be read back, which failed: the retry reads as well
    _plans: dict[ChargerKey, int] = field(default_factory=dict)  # the version of the plan at the last look
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._backoffs = defaultdict(
            lambda: Backoff(self.pace.backoff_first_s, self.pace.backoff_longest_s, shortest_s=0.05)
        )
        self._limit = _limiter(self.pace.per_s, self.pace.burst)
        self.view.on_policy_change(self._policy_changed)

    def hint(self, key: ChargerKey, trigger: str, *, read_back: bool = False) -> None:
        """Look at this charger soon. Safe from any callback on the event loop."""
        waiting = self._dirty.get(key)
        self._dirty[key] = _Work(trigger, read_back or (waiting is not None and waiting.read_back))
        self._woken.set()

    async def run(self) -> None:
        """Run until cancelled; what is in work is then cancelled and awaited."""
        resync_at = 0.0
        wall, monotonic = self.clock.now(), time.monotonic()
        try:
            while True:
                now, tick = self.clock.now(), time.monotonic()
                jumped = abs((now - wall).total_seconds() - (tick - monotonic)) > self.pace.clock_jump_s
                wall, monotonic = now, tick
                if jumped:
                    log.warning("the clock jumped; looking at every charger again")
                if jumped or tick >= resync_at:
                    self._resync(everything_read=resync_at > 0)
                    resync_at = tick + self.pace.resync_s * random.uniform(0.8, 1.2)  # noqa: S311  spread, no secret
                self._note_boundaries(now)
                self._note_retries(tick)
                await self._start_work()
                await self._wait(now)
        finally:
            await self._stop()

    # --- what puts chargers into the queue ---------------------------------------------------------------------------

    def _resync(self, *, everything_read: bool) -> None:
        for charger in list(self.view.chargers()):
            self.hint((charger.tenant_id, charger.policy.charger_id), "resync", read_back=everything_read)

    def _policy_changed(self, key: ChargerKey) -> None:
        """What is recorded of the switching itself is no change of the plan."""
        if self.view.charger(*key).policy.changed_at != self._plans.get(key):
            self.hint(key, "policy changed")

    def _note_boundaries(self, now: datetime) -> None:
        for key in self._boundaries.ring(now):
            self.hint(key, "transition")

    def _note_retries(self, tick: float) -> None:
        for key in self._later.ring(tick):
            self.hint(key, "retry", read_back=key in self._unread)

    # --- work --------------------------------------------------------------------------------------------------------

    async def _start_work(self) -> None:
        """A few chargers in each turn of the loop: a change that concerns all of a depot's makes thousands of them due."""
        async for key in in_turns(list(self._dirty), at_a_time=STARTED_AT_A_TIME):
            if key not in self._in_work and (work := self._dirty.pop(key, None)) is not None:
                task = asyncio.create_task(self._look_at(key, work), name=f"mode-control {key[1]}")
                self._in_work[key] = task
                task.add_done_callback(partial(self._done, key))

    def _done(self, key: ChargerKey, _: asyncio.Task[None]) -> None:
        self._in_work.pop(key, None)
        self._woken.set()

    async def _look_at(self, key: ChargerKey, work: _Work) -> None:
        """In its turn; hints that come while it waits are taken along. A charger that does not answer holds up no other, and
        one that cannot be talked to takes nobody's turn."""
        began = self.clock.now()
        try:
            if self.reconciler.gateway.configurable_epoch(key) is not None:
                await self._limit_of(key).acquire()
                await self._limit.acquire()
            if (meanwhile := self._dirty.pop(key, None)) is not None:
                work = _Work(meanwhile.trigger, work.read_back or meanwhile.read_back)
            self._plans[key] = self.view.charger(*key).policy.changed_at
            began = self.clock.now()
            async with asyncio.timeout(self.pace.deadline_s):
                outcome = await self.reconciler.reconcile(key, work.trigger, read_back=work.read_back)
        except (VersionConflict, StoreUnavailable, TimeoutError) as trouble:
            log.info("charger %s is looked at again: %r", key[1], trouble)
            outcome = Outcome.FAILED
        except Exception:  # the edge of the loop: one charger's trouble must not end it
            log.exception("looking at charger %s failed", key[1])
            outcome = Outcome.FAILED
        if work.read_back and outcome is Outcome.FAILED:
            self._unread.add(key)
        elif outcome is not Outcome.FAILED:
            self._unread.discard(key)
        if outcome is Outcome.FAILED:
            self._later.set(key, time.monotonic() + self._backoffs[key].next_s())
        elif outcome is Outcome.WAITING:
            self._later.set(key, time.monotonic() + self.pace.waiting_s)
        else:
            self._backoffs.pop(key, None)
            self._later.drop(key)
        self._watch_boundary(key, began)

    def _watch_boundary(self, key: ChargerKey, looked_at: datetime) -> None:
        """The next one after the look began: one that came while it was under way has not been seen by it."""
        charger = self.view.charger(*key)
        upcoming = next(charger.timeline_now(looked_at).transitions(looked_at), None)
        if upcoming is None or charger.policy.retired_at is not None:
            self._boundaries.drop(key)
        else:
            self._boundaries.set(key, upcoming.start)

    def _limit_of(self, key: ChargerKey) -> AsyncLimiter:
        depot = (key[0], self.view.charger(*key).policy.settings.depot_id)
        if depot not in self._limits:
            self._limits[depot] = _limiter(self.pace.depot_per_s, self.pace.depot_burst)
        return self._limits[depot]

    async def _wait(self, now: datetime) -> None:
        """Until the next hint, boundary or tick, whichever comes first."""
        span = timedelta(seconds=self.pace.tick_s)
        nearest = self._boundaries.next() or now + span
        timeout_s = max(0.0, min(span, nearest - now).total_seconds())
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _stop(self) -> None:
        tasks = list(self._in_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _limiter(per_s: float, burst: int) -> AsyncLimiter:
    """At most `burst` acquisitions at once, and `per_s` a second in the long run."""
    return AsyncLimiter(burst, burst / per_s)
