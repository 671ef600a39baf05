"""Energy gates, joined to the plans of chargers in memory as narrowed windows (ADR 0055)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from access_policy.application.decision_view.charger_view import AHEAD, LOOK_NOW
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.ids import ChargerId, ChargerKey, TenantId
from access_policy.domain.mode_schedule.timeline import NarrowedWindow
from access_policy.domain.site_energy.gate import Gate

HOUR: Final = timedelta(hours=1)
CHECK_INTERVAL_S: Final = 10.0
NARROWED_AT_A_TIME: Final = 5  # chargers, in one iteration of the event loop


class Gates(Protocol):
    def gate(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> Gate | None:
        """Return the gate at `at`; None if the depot has no energy policy."""
        ...

    def narrowings(
        self, tenant_id: TenantId, charger_id: ChargerId, start: datetime, end: datetime
    ) -> tuple[NarrowedWindow, ...]:
        """Return the windows in `[start, end)`, active and planned, in order. The active window begins when its level
        began."""
        ...

    def on_gate_change(self, listener: Callable[[ChargerKey], None]) -> None:
        """Call `listener` after an event that may change the gate of a charger or its windows."""
        ...


class NoGates:
    """The gates of an installation in which no depot has an energy policy."""

    def gate(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> Gate | None:
        return None

    def narrowings(
        self, tenant_id: TenantId, charger_id: ChargerId, start: datetime, end: datetime
    ) -> tuple[NarrowedWindow, ...]:
        return ()

    def on_gate_change(self, listener: Callable[[ChargerKey], None]) -> None:
        """Do nothing: the gates never change."""


NO_GATES: Final = NoGates()


@dataclass(slots=True)
class Narrowing:
    """Keeps the narrowed windows of each charger's plan in step with its gate: they are due after an event of the gate,
    and at known instants. The mode controller, `run` and readers that show a plan recompute windows that are due."""

    view: DecisionView
    gates: Gates
    clock: Clock
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.view.narrow_by(self.narrow)
        self.gates.on_gate_change(self.gate_changed)

    async def run(self) -> None:
        """Recompute the windows of chargers that are due, until cancelled."""
        while True:
            now = self.clock.now()
            due = [
                each for each in self.view.chargers() if each.narrowed_until is not None and each.narrowed_until <= now
            ]
            async for charger in cooperatively(due, at_a_time=NARROWED_AT_A_TIME):
                narrowed_before = charger.policy.narrowed
                charger.narrow_if_due(now)
                if charger.policy.narrowed != narrowed_before:
                    self.view.plan_changed((charger.tenant_id, charger.policy.charger_id))
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_INTERVAL_S):
                    await self._woken.wait()
            self._woken.clear()

    def freshen(self, key: ChargerKey) -> None:
        """Recompute the windows of one charger if they are due, before its plan is shown. Do nothing if the view does
        not know the charger yet."""
        with suppress(ChargerUnknown):
            self.view.charger(*key).narrow_if_due(self.clock.now())

    def gate_changed(self, key: ChargerKey) -> None:
        """Mark the charger's narrowed windows as due, and notify the listeners of its policy."""
        try:
            self.view.charger(*key).narrowed_until = LOOK_NOW
        except ChargerUnknown:
            return
        self._woken.set()
        self.view.plan_changed(key)

    def narrow(self, key: ChargerKey, now: datetime) -> None:
        """Recompute the charger's narrowed windows. Raises `ChargerUnknown`."""
        charger = self.view.charger(*key)
        gate = self.gates.gate(*key, now)
        if gate is None:
            charger.narrow((), now)
            return
        hour_ends = now.replace(minute=0, second=0, microsecond=0) + HOUR
        windows = () if gate.is_advisory else self.gates.narrowings(*key, now, hour_ends + AHEAD)
        again_at = hour_ends if gate.changes_at is None or gate.changes_at <= now else min(gate.changes_at, hour_ends)
        charger.narrow(windows, now, again_at=again_at)
