"""Freevend for chargers without a switch, by starting them from here when a vehicle is plugged in (design 3.5, `remote_start`).

The vehicle's own identification goes first: it is waited for a moment, so that a known vehicle's charge is known as its own.
Level-triggered: a look every second at the vehicles that are plugged in and have no charge; so a vehicle that came in the
managed window is started when freevend begins. One plug-in is started once, and tried a few times. Each charger has a task of
its own, so that one that does not answer delays no other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from access_policy.application.charger_tasks import ChargerTasks
from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, ConnectedChargers, StartCommands
from access_policy.application.ports.clock import Clock
from access_policy.domain.access.events import SessionDecision
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import ControlWithoutSwitch
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)

PATIENCE_S = 4.0  # for the vehicle's own identification
AGAIN_AFTER_S = 20.0  # an accepted start that brings no charge, or a refused one, is tried again
TRIES = 3
TICK_S = 1.0

_Spot = tuple[ChargerKey, int]


@dataclass(slots=True)
class _PluggedIn:
    """`due` is a monotonic instant; `served`: it has had its charge, and ends with the plug."""

    due: float
    tries: int = 0
    served: bool = False


@dataclass(slots=True)
class _ToAsk:
    """A charger to be asked who is plugged in. `due` is a monotonic instant."""

    due: float = 0.0
    tries: int = 0


@dataclass(slots=True)
class RemoteStarts:
    view: DecisionView
    live: RecentActivity
    profiles: CapabilityProfiles
    gateway: ConnectedChargers[StartCommands]
    clock: Clock
    monotonic: Callable[[], float] = time.monotonic
    _plugged: dict[_Spot, _PluggedIn] = field(default_factory=dict)
    _to_ask: dict[ChargerKey, _ToAsk] = field(default_factory=dict)  # that may have come back with vehicles at them
    _tasks: ChargerTasks = field(default_factory=lambda: ChargerTasks("starting from afar"))

    async def run(self) -> None:
        """Run until cancelled; the tasks under way are then cancelled and awaited."""
        try:
            while True:
                try:
                    self.look()
                except Exception:  # the edge of the loop: one charger's trouble must not end it
                    log.exception("starting from afar failed and goes on")
                await asyncio.sleep(TICK_S)
        finally:
            await self._tasks.cancel()

    def connected(self, key: ChargerKey) -> None:
        """The charger has connected or booted: it says by itself only what has changed since it was away."""
        if self._starts_from_afar(key):
            self._to_ask[key] = _ToAsk()

    def plug_seen(self, key: ChargerKey, connector_id: int, plugged_in: bool) -> None:
        """A connector says that a vehicle waits at it, or that none is there any more."""
        if not self._starts_from_afar(key):
            return
        if plugged_in:
            self._plugged.setdefault((key, connector_id), _PluggedIn(due=self.monotonic() + PATIENCE_S))
        else:
            self._plugged.pop((key, connector_id), None)

    def look(self) -> None:
        """Begin to ask chargers that are back who is plugged in, and to start vehicles whose time has come. Returns at once."""
        due: defaultdict[ChargerKey, list[tuple[int, _PluggedIn]]] = defaultdict(list)
        for spot, waiting in self._plugged.items():
            if self._is_to_start(spot, waiting):
                due[spot[0]].append((spot[1], waiting))
        for key in {*due, *(key for key, asking in self._to_ask.items() if self._is_to_ask(key, asking))}:
            self._tasks.begin(key, partial(self._serve, due[key]))

    async def finish(self) -> None:
        """Wait for the chargers that are being asked."""
        await self._tasks.finish()

    async def _serve(self, due: Sequence[tuple[int, _PluggedIn]], key: ChargerKey) -> None:
        asking = self._to_ask.get(key)
        if asking is not None and self._is_to_ask(key, asking):
            await self._ask(key, asking)
        for connector_id, waiting in due:
            spot = (key, connector_id)
            if self._plugged.get(spot) is waiting and self._is_to_start(spot, waiting):
                await self._start(spot, waiting)

    def _is_to_ask(self, key: ChargerKey, asking: _ToAsk) -> bool:
        return asking.due <= self.monotonic() and self.gateway.serving_epoch(key) is not None

    def _is_to_start(self, spot: _Spot, waiting: _PluggedIn) -> bool:
        key, connector_id = spot
        session = self.live.session_of(key, None, connector_id)
        if session is not None and session.decision is not SessionDecision.DENIED:
            waiting.served = True
        if waiting.served or waiting.tries >= TRIES or waiting.due > self.monotonic():
            return False
        charger = self.view.charger(*key)
        if charger.policy.retired_at is not None or self.gateway.serving_epoch(key) is None:
            return False
        return charger.expected(self.clock.now()).mode is AccessMode.FREEVEND

    async def _start(self, spot: _Spot, waiting: _PluggedIn) -> None:
        key, connector_id = spot
        waiting.tries += 1
        waiting.due = self.monotonic() + AGAIN_AFTER_S
        try:
            answer = await self.gateway.commands(key).start_freely(connector_id)
        except ChargerDidNotAnswer as silence:
            answer = str(silence)
        log.info("charger %s was asked to start at connector %d: %s", key[1], connector_id, answer)

    async def _ask(self, key: ChargerKey, asking: _ToAsk) -> None:
        """Until it answers, and a few times."""
        asking.tries += 1
        asking.due = self.monotonic() + AGAIN_AFTER_S
        try:
            await self.gateway.commands(key).trigger_statuses()
        except ChargerDidNotAnswer as silence:
            log.info("charger %s does not say who is plugged in: %s", key[1], silence)
            if asking.tries < TRIES:
                return
        if self._to_ask.get(key) is asking:
            del self._to_ask[key]

    def _starts_from_afar(self, key: ChargerKey) -> bool:
        profile = self.profiles.get(key[0], self.view.charger(*key).policy.settings.profile)
        return profile is not None and profile.mode_control is ControlWithoutSwitch.REMOTE_START
