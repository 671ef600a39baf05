"""Energy gates, joined to the plans of chargers in memory as narrowed windows (ADR 0055)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from access_policy.application.decision_view.charger_view import AHEAD
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.clock import Clock
from access_policy.application.turns import in_turns
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.ids import ChargerId, ChargerKey, TenantId
from access_policy.domain.mode_schedule.timeline import NarrowedWindow
from access_policy.domain.site_energy.gate import Gate

HOUR: Final = timedelta(hours=1)
LOOK_S: Final = 10.0


class Gates(Protocol):
    def gate(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> Gate | None:
        """The gate at `at`; None where the depot has no energy policy."""
        ...

    def narrowings(
        self, tenant_id: TenantId, charger_id: ChargerId, start: datetime, end: datetime
    ) -> tuple[NarrowedWindow, ...]:
        """The windows in `[start, end)`, active and planned, in order. The active one begins when its level did."""
        ...

    def on_gate_change(self, listener: Callable[[ChargerKey], None]) -> None:
        """Call `listener` after an event that may change the gate of a charger or its windows."""
        ...


class NoGates:
    """No depot has an energy policy."""

    def gate(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> Gate | None:
        return None

    def narrowings(
        self, tenant_id: TenantId, charger_id: ChargerId, start: datetime, end: datetime
    ) -> tuple[NarrowedWindow, ...]:
        return ()

    def on_gate_change(self, listener: Callable[[ChargerKey], None]) -> None:
        """No gate changes."""


NO_GATES: Final = NoGates()


@dataclass(slots=True)
class Narrowing:
    """Keeps the narrowed windows of each charger's plan as its gate has them: after an event of the gate at once, and by the
    time alone when the charger is looked at, which `run` does."""

    view: DecisionView
    gates: Gates
    clock: Clock

    def __post_init__(self) -> None:
        self.view.narrow_by(self.narrow)
        self.gates.on_gate_change(self.gate_changed)

    async def run(self) -> None:
        """Look at each charger whose windows are to be found anew, until cancelled."""
        while True:
            now = self.clock.now()
            due = [
                each for each in self.view.chargers() if each.narrowed_until is not None and each.narrowed_until <= now
            ]
            async for charger in in_turns(due):
                charger.timeline_now(now)
            await asyncio.sleep(LOOK_S)

    def freshen(self, key: ChargerKey) -> None:
        """Find the windows of one charger anew if they are due, before its plan is shown. One that the view does not know yet
        has none."""
        with suppress(ChargerUnknown):
            self.view.charger(*key).timeline_now(self.clock.now())

    def gate_changed(self, key: ChargerKey) -> None:
        """Narrow the charger's plan anew, and tell the listeners of its policy."""
        try:
            self.narrow(key, self.clock.now())
        except ChargerUnknown:
            return
        self.view.plan_changed(key)

    def narrow(self, key: ChargerKey, now: datetime) -> None:
        """Raises `ChargerUnknown`."""
        charger = self.view.charger(*key)
        gate = self.gates.gate(*key, now)
        if gate is None:
            charger.narrow((), now)
            return
        hour_ends = now.replace(minute=0, second=0, microsecond=0) + HOUR
        windows = () if gate.is_advisory else self.gates.narrowings(*key, now, hour_ends + AHEAD)
        again_at = hour_ends if gate.changes_at is None or gate.changes_at <= now else min(gate.changes_at, hour_ends)
        charger.narrow(windows, now, again_at=again_at)
