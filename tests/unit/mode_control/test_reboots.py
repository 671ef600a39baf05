"""Reboots that a charger is asked for: again after silence, never more often than the bound."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.mode_application.reboots import REBOOTS_MAX, Reboots
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, SwitchRefused
from access_policy.domain.ids import ChargerKey
from tests.support.depot_in_memory import BAY, NIGHT, TENANT

KEY: ChargerKey = (TENANT, BAY)


@dataclass
class Charger:
    """Its gateway and its condition. `silent`: no answer comes; `boots`: it boots all the same."""

    silent: bool = False
    boots: bool = False
    asked: int = 0
    booted: datetime | None = None
    reboots: Reboots = field(init=False)

    def __post_init__(self) -> None:
        parts: Any = self
        self.reboots = Reboots(parts, parts, RecentActivity())

    def booted_at(self, key: ChargerKey) -> datetime | None:
        return self.booted

    def commands(self, key: ChargerKey) -> Any:
        return self

    async def reboot(self) -> str:
        self.asked += 1
        if self.boots:
            self.booted = NIGHT + timedelta(minutes=self.asked)
        if self.silent:
            raise ChargerDidNotAnswer("nothing came")
        return "Accepted"


async def test_reboot_that_was_not_answered_is_asked_for_again_at_the_next_look() -> None:
    charger = Charger(silent=True)
    for _ in range(REBOOTS_MAX + 1):
        with pytest.raises(ChargerDidNotAnswer):
            await charger.reboots.request(KEY, 1)
    charger.silent = False

    await charger.reboots.request(KEY, 1)
    await charger.reboots.request(KEY, 1)  # it answered, and has time left to boot

    assert charger.asked == REBOOTS_MAX + 2


async def test_reboots_that_come_without_an_answer_are_bounded_all_the_same() -> None:
    charger = Charger(silent=True, boots=True)
    for _ in range(REBOOTS_MAX):
        with pytest.raises(ChargerDidNotAnswer):
            await charger.reboots.request(KEY, 1)

    with pytest.raises(SwitchRefused, match="did not bring"):
        await charger.reboots.request(KEY, 1)
    assert charger.asked == REBOOTS_MAX
