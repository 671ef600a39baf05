"""The level-triggered loop of mode application: a queue of chargers, each queued or in work at most once.

Triggers queue a charger: a change of its policy, a transition of its timeline, a connection, a boot, evidence of
drift. A slow resync reconciles every charger, so that a lost trigger costs only time.
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
from itertools import islice

from aiolimiter import AsyncLimiter

from access_policy.application.backoff import Backoff
from access_policy.application.decision_view.charger_view import ChargerView
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.mode_application.alarms import Alarms
from access_policy.application.mode_application.reconcile import Reconciler, ReconcileResult
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable, VersionConflict
from access_policy.domain.ids import ChargerKey
from access_policy.domain.mode_schedule.timeline import NarrowedWindow, ReservedWindow

log = logging.getLogger(__name__)

Plan = tuple[int, tuple[ReservedWindow, ...], tuple[NarrowedWindow, ...]]
"""The version of the policy's plan, and the reserved and the narrowed windows that are joined to it."""

STARTED_AT_A_TIME = 10  # chargers, in one iteration of the event loop
NARROWED_AT_A_TIME = 5  # each takes up to a millisecond


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerTimings:
    """`resync_s` is varied by a fifth either way; `deadline_s` bounds one reconciliation of one charger."""

    tick_s: float = 0.5
    resync_s: float = 300.0
    depot_per_s: float = 20.0  # chargers of one depot that are reconciled per second,
    depot_burst: int = 100  # after this many at once: the depot's network is limited
    per_s: float = 500.0  # chargers of all depots per second, so that decisions can run in between
    burst: int = 50
    deadline_s: float = 120.0
    waiting_s: float = 15.0
    backoff_first_s: float = 1.0
    backoff_longest_s: float = 300.0
    clock_jump_s: float = 2.0


@dataclass(slots=True)
class _Work:
    """Why a charger is reconciled, and whether it is read even if nothing indicates a difference."""

    trigger: str
    read_back: bool


@dataclass(slots=True)
class ModeController:
    view: DecisionView
    reconciler: Reconciler
    clock: Clock
    timings: ControllerTimings = field(default_factory=ControllerTimings)
    _dirty: dict[ChargerKey, _Work] = field(default_factory=dict)
    _in_work: dict[ChargerKey, asyncio.Task[None]] = field(default_factory=dict)
    _later: Alarms[ChargerKey, float] = field(default_factory=Alarms)  # monotonic instants
    _backoffs: defaultdict[ChargerKey, Backoff] = field(init=False)
    _limits: dict[tuple[str, str], AsyncLimiter] = field(default_factory=dict)
    _limit: AsyncLimiter = field(init=False)
    _boundaries: Alarms[ChargerKey, datetime] = field(default_factory=Alarms)
    _gates: Alarms[ChargerKey, datetime] = field(
        default_factory=Alarms
    )  # at which energy may narrow the plan differently
    _unread: set[ChargerKey] = field(
        default_factory=set
    )  # chargers that could not be read: the retry reads them as well
    _plans: dict[ChargerKey, Plan] = field(default_factory=dict)  # at the last reconciliation
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._backoffs = defaultdict(
            lambda: Backoff(self.timings.backoff_first_s, self.timings.backoff_longest_s, shortest_s=0.05)
        )
        self._limit = _limiter(self.timings.per_s, self.timings.burst)
        self.view.on_policy_change(self._policy_changed)

    def trigger(self, key: ChargerKey, trigger: str, *, read_back: bool = False) -> None:
        """Reconcile this charger soon. Safe from any callback on the event loop."""
        waiting = self._dirty.get(key)
        self._dirty[key] = _Work(trigger, read_back or (waiting is not None and waiting.read_back))
        self._woken.set()

    async def run(self) -> None:
        """Run until cancelled; running work is then cancelled and awaited."""
        resync_at = 0.0
        wall, monotonic = self.clock.now(), time.monotonic()
        try:
            while True:
                now, tick = self.clock.now(), time.monotonic()
                jumped = abs((now - wall).total_seconds() - (tick - monotonic)) > self.timings.clock_jump_s
                wall, monotonic = now, tick
                if jumped:
                    log.warning("the clock jumped; every charger is reconciled again")
                if jumped or tick >= resync_at:
                    self._resync(everything_read=resync_at > 0)
                    resync_at = tick + self.timings.resync_s * random.uniform(0.8, 1.2)  # noqa: S311  spread, no secret
                self._note_boundaries(now)
                await self._note_gates(now)
                self._note_retries(tick)
                await self._start_work()
                await self._wait(now)
        finally:
            await self._stop()

    # --- triggers -----------------------------------------------------------------------------------------------------

    def _resync(self, *, everything_read: bool) -> None:
        for charger in list(self.view.chargers()):
            self.trigger((charger.tenant_id, charger.policy.charger_id), "resync", read_back=everything_read)

    def _policy_changed(self, key: ChargerKey) -> None:
        """Trigger the charger if its plan changed; records of the switching itself do not change the plan."""
        charger = self.view.charger(*key)
        if _plan_of(charger) != self._plans.get(key):
            self.trigger(key, "policy changed")
        self._watch_gate(key, charger)
        if charger.narrowed_until is not None:
            self._woken.set()

    def _note_boundaries(self, now: datetime) -> None:
        for key in self._boundaries.ring(now):
            self.trigger(key, "transition")

    async def _note_gates(self, now: datetime) -> None:
        """Narrow the plans that energy may narrow differently by now: one event of a site makes hundreds of them due."""
        async for key in cooperatively(list(self._gates.ring(now)), at_a_time=NARROWED_AT_A_TIME):
            charger = self.view.charger(*key)
            charger.narrow_if_due(now)
            if key not in self._dirty and _plan_of(charger) != self._plans.get(key):
                self.trigger(key, "energy")
            self._watch_gate(key, charger)

    def _note_retries(self, tick: float) -> None:
        for key in self._later.ring(tick):
            self.trigger(key, "retry", read_back=key in self._unread)

    # --- work --------------------------------------------------------------------------------------------------------

    async def _start_work(self) -> None:
        """Start a few chargers in each iteration of the event loop: a change of a whole depot makes thousands of them due."""
        async for key in cooperatively(list(self._dirty), at_a_time=STARTED_AT_A_TIME):
            if key not in self._in_work and (work := self._dirty.pop(key, None)) is not None:
                task = asyncio.create_task(self._reconcile(key, work), name=f"mode-control {key[1]}")
                self._in_work[key] = task
                task.add_done_callback(partial(self._done, key))

    def _done(self, key: ChargerKey, _: asyncio.Task[None]) -> None:
        self._in_work.pop(key, None)
        self._woken.set()

    async def _reconcile(self, key: ChargerKey, work: _Work) -> None:
        """Reconcile the charger when the rate limits allow it, for all triggers that arrive while it waits. An
        unresponsive charger does not delay the others, and an unreachable one does not count against the rates."""
        began = self.clock.now()
        try:
            if self.reconciler.gateway.configurable_epoch(key) is not None:
                await self._limit_of(key).acquire()
                await self._limit.acquire()
            if (meanwhile := self._dirty.pop(key, None)) is not None:
                work = _Work(meanwhile.trigger, work.read_back or meanwhile.read_back)
            self.view.charger(*key).narrow_if_due(self.clock.now())
            self._plans[key] = _plan_of(self.view.charger(*key))
            began = self.clock.now()
            async with asyncio.timeout(self.timings.deadline_s):
                result = await self.reconciler.reconcile(key, work.trigger, read_back=work.read_back)
        except (VersionConflict, StoreUnavailable, TimeoutError) as trouble:
            log.info("charger %s is reconciled again: %r", key[1], trouble)
            result = ReconcileResult.FAILED
        except Exception:  # the edge of the loop: one charger's failure must not end it
            log.exception("reconciling charger %s failed", key[1])
            result = ReconcileResult.FAILED
        if work.read_back and result is ReconcileResult.FAILED:
            self._unread.add(key)
        elif result is not ReconcileResult.FAILED:
            self._unread.discard(key)
        if result is ReconcileResult.FAILED:
            self._later.set(key, time.monotonic() + self._backoffs[key].next_s())
        elif result is ReconcileResult.WAITING:
            self._later.set(key, time.monotonic() + self.timings.waiting_s)
        else:
            self._backoffs.pop(key, None)
            self._later.drop(key)
        self._watch_boundary(key, began)

    def _watch_boundary(self, key: ChargerKey, began: datetime) -> None:
        """Set an alarm for the next transition, or edge of a reserved or narrowed window, after the start of the
        reconciliation: the reconciliation has not seen one that came while it was running."""
        charger = self.view.charger(*key)
        instants = [each.start for each in islice(charger.timeline_now(began).transitions(began), 1)]
        windows = charger.policy.reserved
        edges: list[datetime | None] = [
            edge for each in windows for edge in (each.starts_at, each.ends_at, each.lost_at)
        ]
        edges += [edge for each in charger.policy.narrowed for edge in (each.starts_at, each.ends_at)]
        instants += [edge for edge in edges if edge is not None and edge > began]
        if not instants or charger.policy.retired_at is not None:
            self._boundaries.drop(key)
        else:
            self._boundaries.set(key, min(instants))
        self._watch_gate(key, charger)

    def _watch_gate(self, key: ChargerKey, charger: ChargerView) -> None:
        if charger.narrowed_until is None or charger.narrower is None or charger.policy.retired_at is not None:
            self._gates.drop(key)
        else:
            self._gates.set(key, charger.narrowed_until)

    def _limit_of(self, key: ChargerKey) -> AsyncLimiter:
        depot = (key[0], self.view.charger(*key).policy.settings.depot_id)
        if depot not in self._limits:
            self._limits[depot] = _limiter(self.timings.depot_per_s, self.timings.depot_burst)
        return self._limits[depot]

    async def _wait(self, now: datetime) -> None:
        """Wait until the next trigger, boundary or tick, whichever comes first."""
        span = timedelta(seconds=self.timings.tick_s)
        nearest = min(
            (due for due in (self._boundaries.next(), self._gates.next()) if due is not None), default=now + span
        )
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


def _plan_of(charger: ChargerView) -> Plan:
    return charger.policy.changed_at, charger.policy.reserved, charger.policy.narrowed


def _limiter(per_s: float, burst: int) -> AsyncLimiter:
    """Allow at most `burst` acquisitions at once, and `per_s` per second in the long run."""
    return AsyncLimiter(burst, burst / per_s)
