"""Freevend for chargers without a switch: the service starts the charge when a vehicle is plugged in (design 3.5).

The vehicle's own identification comes first: the service waits a moment for it, so that a known vehicle's charge is
recorded as its own. Level-triggered: every second the service checks the vehicles that are plugged in without a charge,
so a vehicle that was plugged in during a managed window is started when freevend begins. Each plug-in is started once,
in a few tries. Each charger has its own task, so that an unresponsive charger does not delay the others.
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
AGAIN_AFTER_S = 20.0  # after an accepted start without a charge, or a refused start
TRIES = 3
TICK_S = 1.0

_Spot = tuple[ChargerKey, int]


@dataclass(slots=True)
class _PluggedIn:
    """`due` is a monotonic instant. `served`: the vehicle has had its charge; nothing more happens until it is unplugged."""

    due: float
    tries: int = 0
    served: bool = False


@dataclass(slots=True)
class _StatusRequest:
    """A charger that should report the status of its connectors. `due` is a monotonic instant."""

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
    _status_requests: dict[ChargerKey, _StatusRequest] = field(
        default_factory=dict
    )  # of chargers that may have reconnected with vehicles plugged in
    _tasks: ChargerTasks = field(default_factory=lambda: ChargerTasks("remote starts"))

    async def run(self) -> None:
        """Run until cancelled; running tasks are then cancelled and awaited."""
        try:
            while True:
                try:
                    self.check()
                except Exception:  # the edge of the loop: one charger's failure must not end it
                    log.exception("remote starts failed and continue")
                await asyncio.sleep(TICK_S)
        finally:
            await self._tasks.cancel()

    def connected(self, key: ChargerKey) -> None:
        """Request the statuses of a charger that connected or booted: by itself it reports only changes since it
        disconnected."""
        if self._is_remotely_started(key):
            self._status_requests[key] = _StatusRequest()

    def plug_seen(self, key: ChargerKey, connector_id: int, plugged_in: bool) -> None:
        """Handle a connector's report that a vehicle waits at it, or that no vehicle is plugged in any more."""
        if not self._is_remotely_started(key):
            return
        if plugged_in:
            self._plugged.setdefault((key, connector_id), _PluggedIn(due=self.monotonic() + PATIENCE_S))
        else:
            self._plugged.pop((key, connector_id), None)

    def check(self) -> None:
        """Start to request the statuses of chargers that reconnected, and to start vehicles that are due. Returns at once."""
        due: defaultdict[ChargerKey, list[tuple[int, _PluggedIn]]] = defaultdict(list)
        for spot, waiting in self._plugged.items():
            if self._is_start_due(spot, waiting):
                due[spot[0]].append((spot[1], waiting))
        for key in {
            *due,
            *(key for key, request in self._status_requests.items() if self._is_request_due(key, request)),
        }:
            self._tasks.begin(key, partial(self._serve, due[key]))

    async def finish(self) -> None:
        """Wait for the running requests."""
        await self._tasks.finish()

    async def _serve(self, due: Sequence[tuple[int, _PluggedIn]], key: ChargerKey) -> None:
        request = self._status_requests.get(key)
        if request is not None and self._is_request_due(key, request):
            await self._trigger_statuses(key, request)
        for connector_id, waiting in due:
            spot = (key, connector_id)
            if self._plugged.get(spot) is waiting and self._is_start_due(spot, waiting):
                await self._start(spot, waiting)

    def _is_request_due(self, key: ChargerKey, request: _StatusRequest) -> bool:
        return request.due <= self.monotonic() and self.gateway.serving_epoch(key) is not None

    def _is_start_due(self, spot: _Spot, waiting: _PluggedIn) -> bool:
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

    async def _trigger_statuses(self, key: ChargerKey, request: _StatusRequest) -> None:
        """Request the statuses, in a few tries, until the charger answers."""
        request.tries += 1
        request.due = self.monotonic() + AGAIN_AFTER_S
        try:
            await self.gateway.commands(key).trigger_statuses()
        except ChargerDidNotAnswer as silence:
            log.info("charger %s does not report its statuses: %s", key[1], silence)
            if request.tries < TRIES:
                return
        if self._status_requests.get(key) is request:
            del self._status_requests[key]

    def _is_remotely_started(self, key: ChargerKey) -> bool:
        profile = self.profiles.get(key[0], self.view.charger(*key).policy.settings.profile)
        return profile is not None and profile.mode_control is ControlWithoutSwitch.REMOTE_START
