"""Keeps the reservations on connected chargers up to date: a level-triggered loop, like mode application.

Triggers queue a charger: a change of its policy or its reservations, a connection, a boot, a connector that became
free, a report of the charger, and the instants at which a window begins, is lost or ends. A slow resync inspects every
connected charger. Each charger has at most one task, its own, so that an unresponsive charger does not delay the
others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from access_policy.application.charger_reservations.reconcile import ReservationReconciler
from access_policy.application.charger_tasks import ChargerTasks
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.mode_application.alarms import Alarms
from access_policy.application.ports.charger_reservations import ReservableChargers
from access_policy.application.ports.clock import Clock
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)

TICK_S = 0.5
RESYNC_S = 300.0
AT_A_TIME = 200  # chargers, in one iteration of the event loop
AFTER_A_FAILURE = timedelta(seconds=30)


@dataclass(slots=True)
class ReservationKeeper:
    view: DecisionView
    chargers: ReservableChargers
    reconciler: ReservationReconciler
    clock: Clock
    _dirty: set[ChargerKey] = field(default_factory=set)
    _alarms: Alarms[ChargerKey, datetime] = field(default_factory=Alarms)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: ChargerTasks = field(init=False)

    def __post_init__(self) -> None:
        self._tasks = ChargerTasks("reservations", self._woken.set)
        self.view.on_policy_change(self.trigger)

    async def run(self) -> None:
        """Run until cancelled; running tasks are then cancelled and awaited."""
        resync_at = 0.0
        try:
            while True:
                if time.monotonic() >= resync_at:
                    resync_at = time.monotonic() + RESYNC_S
                    async for key in cooperatively(self.chargers.connected_chargers(), at_a_time=AT_A_TIME):
                        self.trigger(key)
                self.check()
                await self._rest()
        finally:
            await self._tasks.cancel()

    def trigger(self, key: ChargerKey) -> None:
        """Reconcile the charger soon. Safe from any callback on the event loop."""
        if self.reconciler.concerns(key):
            self._dirty.add(key)
            self._woken.set()

    def plug_seen(self, key: ChargerKey, connector_id: int, plugged_in: bool) -> None:
        """Handle a connector that became free, which can be reserved."""
        if not plugged_in:
            self.reconciler.freed(key, connector_id)
            self.trigger(key)

    def ended(self, key: ChargerKey, number: int, status: str) -> None:
        """Handle the charger's report that it no longer has the reservation."""
        self.reconciler.ended(key, number, status)
        self.trigger(key)

    def check(self) -> None:
        """Start to reconcile the chargers that are due. Returns at once."""
        self._dirty.update(self._alarms.ring(self.clock.now()))
        for key in list(self._dirty):
            if self._tasks.begin(key, self._reconcile):
                self._dirty.discard(key)

    async def finish(self) -> None:
        """Wait for the running tasks."""
        await self._tasks.finish()

    async def _reconcile(self, key: ChargerKey) -> None:
        self._alarms.set(key, self.clock.now() + AFTER_A_FAILURE)
        again_at = await self.reconciler.reconcile(key)
        if again_at is None:
            self._alarms.drop(key)
        else:
            self._alarms.set(key, again_at)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(TICK_S):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()
