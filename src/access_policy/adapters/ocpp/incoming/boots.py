"""Boots of charging stations (OCPP 1.6, 4.2; 2.x, B01 to B03): the service records a boot, and accepts it once the charger is
safe.

A charger that forgets its mode at a boot would serve anyone until it is switched again. If its profile allows it, the service
answers a boot in managed access with Pending, the mode controller switches the charger, and only then is the boot accepted. The
wait is bounded, because a charger that cannot be switched must still charge buses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.incoming.dependencies import HEARTBEAT_S, HandlerDependencies
from access_policy.adapters.ocpp.timestamps import rfc3339
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import ControlWithoutSwitch

PENDING_MAX_S: Final = 60.0
PENDING_RETRY_S: Final = 15  # the interval at which a Pending charger sends BootNotification again by itself

# Messages that a Pending charger may send because the service requested them (2.x, B02.FR.02 and B02.FR.09).
REQUESTED_WHILE_PENDING: Final = frozenset({"NotifyReport", "NotifyMonitoringReport"})


class Boots:
    def __init__(self, dependencies: HandlerDependencies, *, loop_time: Callable[[], float] | None = None) -> None:
        self._dependencies = dependencies
        self._loop_time = loop_time or (lambda: asyncio.get_running_loop().time())

    async def answer(
        self, charger: ConnectedCharger, *, vendor: str, model: str, firmware: str | None
    ) -> dict[str, Any]:
        """Return the answer to BootNotification. A Pending charger that sends it again has not booted again."""
        if charger.pending_since is None:
            await self._dependencies.conditions.booted(charger.key, vendor=vendor, model=model, firmware=firmware)
        if self._must_wait(charger):
            charger.accepted = False
            charger.pending_since = charger.pending_since or self._loop_time()
            return self._answer("Pending", PENDING_RETRY_S)
        charger.accepted, charger.pending_since, charger.is_safe = True, None, False
        return self._answer("Accepted", HEARTBEAT_S)

    def _must_wait(self, charger: ConnectedCharger) -> bool:
        if charger.is_safe:
            return False
        if charger.pending_since is not None and self._loop_time() - charger.pending_since >= PENDING_MAX_S:
            return False
        profile = self._dependencies.profile(charger.key)
        if profile is None or not profile.pending_at_boot or isinstance(profile.mode_control, ControlWithoutSwitch):
            return False
        expected = self._dependencies.view.charger(*charger.key).expected(self._dependencies.clock.now())
        return expected.mode is AccessMode.MANAGED

    def _answer(self, status: str, interval_s: int) -> dict[str, Any]:
        return {"currentTime": rfc3339(self._dependencies.clock.now()), "interval": interval_s, "status": status}
