"""Settling of connections and boots. The mode controller may send a charger commands only afterwards.

A charger that has rebooted does not answer CALLs before its BootNotification is answered.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Awaitable

from access_policy.adapters.ocpp.gateway.connections import Connections
from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.incoming.dependencies import HandlerDependencies
from access_policy.adapters.ocpp.transport.answers import Answer

SETTLE_MIN_S = 0.5  # the answer to the boot is sent before the first command
BOOT_WAIT_S = 2.0  # for a boot after a reconnect


class Settling:
    def __init__(self, connections: Connections, dependencies: HandlerDependencies) -> None:
        self._connections = connections
        self._dependencies = dependencies
        self._epochs = itertools.count(1)

    def opened(self, charger: ConnectedCharger) -> None:
        loop = asyncio.get_running_loop()
        wait_s = BOOT_WAIT_S if charger.accepted else 0.0
        charger.epoch, charger.settled_at = next(self._epochs), loop.time() + wait_s
        if charger.accepted:
            loop.call_later(wait_s, self._no_boot_came, charger, charger.epoch)
        else:
            self._dependencies.mode_trigger(charger.key, "connected")

    def _no_boot_came(self, charger: ConnectedCharger, epoch: int) -> None:
        """Trigger the mode controller. After a reconnect without a reboot, commands may be sent now; after a boot, they wait
        until it has settled.
        """
        if self._connections.is_current(charger) and charger.epoch == epoch and charger.settled_at < math.inf:
            self._dependencies.mode_trigger(charger.key, "connected")

    async def boot(self, charger: ConnectedCharger, handling: Answer | Awaitable[Answer]) -> Answer:
        """Return the answer of `handling`. A new epoch begins, and no command is sent in the meantime.

        A Pending charger boots repeatedly while it is configured. Its epoch does not change, even when it is accepted, because
        its mode has been verified by then.
        """
        if charger.pending_since is not None:
            return handling if isinstance(handling, dict) else await handling
        loop = asyncio.get_running_loop()
        was_current = self._connections.is_current(charger)
        if was_current:
            charger.settled_at = math.inf
            charger.connection.abandon_calls()
        try:
            answer = handling if isinstance(handling, dict) else await handling
        finally:
            if charger.settled_at == math.inf:
                charger.settled_at = loop.time()
        if self._connections.is_current(charger):
            profile = self._dependencies.profile(charger.key)
            settle_s = max(SETTLE_MIN_S, profile.settle_s if profile is not None else 0.0)
            charger.epoch, charger.settled_at = next(self._epochs), loop.time() + settle_s
            loop.call_later(settle_s, self._dependencies.mode_trigger, charger.key, "boot")
        return answer
