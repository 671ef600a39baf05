"""Reboots of chargers that apply a switch only after one: only while no charge is running, and never in a loop."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, field
from datetime import datetime

from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, ModeChargers, SwitchRefused
from access_policy.application.presence.charger_conditions import ChargerConditions
from access_policy.domain.charger_access_policy.application import ModeApplication
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)

REBOOTS_MAX = 3  # for one request; some chargers lose the new value with each boot
BOOTS_WITHIN_S = 300.0  # a charger that has not booted by then gets another request


@dataclass(slots=True)
class _Asked:
    generation: int
    times: int = 0
    at: float = 0.0  # monotonic
    boot_before: datetime | None = None
    is_unanswered: bool = False  # a boot that follows counts anyway

    def just_now(self, last_boot: datetime | None) -> bool:
        """Return whether the charger answered, has not booted yet, and still has time for it."""
        return self.times > 0 and last_boot == self.boot_before and time.monotonic() - self.at < BOOTS_WITHIN_S


@dataclass(slots=True)
class Reboots:
    gateway: ModeChargers
    conditions: ChargerConditions
    live: RecentActivity
    _asked: dict[ChargerKey, _Asked] = field(default_factory=dict)

    def awaited(self, key: ChargerKey, application: ModeApplication) -> bool:
        """Return whether a value was written that only a boot applies, and the charger has not booted since."""
        since = application.reboot_awaited_since
        booted = self.conditions.booted_at(key)
        return since is not None and (booted is None or booted <= since)

    async def request(self, key: ChargerKey, generation: int) -> None:
        """Request a boot, unless a charge is running or the charger got a request a moment ago: call again then.

        Raises `SwitchRefused` (`reboot_in_vain` after `REBOOTS_MAX`) or `ChargerDidNotAnswer`.
        """
        asked = self._asked.get(key)
        if asked is None or asked.generation != generation:
            asked = self._asked[key] = _Asked(generation)
        last_boot = self.conditions.booted_at(key)
        if asked.is_unanswered and last_boot != asked.boot_before:
            asked.times += 1
        asked.is_unanswered = False
        if self.live.sessions_at(key) or asked.just_now(last_boot):
            return
        if asked.times >= REBOOTS_MAX:
            raise SwitchRefused("reboot_in_vain", f"{REBOOTS_MAX} reboots did not bring the mode into force")
        asked.boot_before = last_boot
        try:
            answer = await self.gateway.commands(key).reboot()
        except ChargerDidNotAnswer:
            asked.is_unanswered, asked.at = True, -math.inf
            raise
        except SwitchRefused:
            asked.times, asked.at = asked.times + 1, time.monotonic()
            raise
        asked.times, asked.at = asked.times + 1, time.monotonic()
        log.info("charger %s is asked to reboot: %s", key[1], answer)
