"""Records how energy changes access because time passes: narrowed and widened access, feeds that became silent or are
back.

Several processes may run it: the recorded state of the site decides what is due, and of two records one loses the race.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from access_policy.application.context import SYSTEM, Context, new_id
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import StoreUnavailable, VersionConflict
from access_policy.application.repositories.site_energies import SiteEnergies
from access_policy.application.site_energy.gates import DepotKey, EnergyGates
from access_policy.domain.ids import ChargerKey
from access_policy.domain.site_energy.events import SiteEnergyEvent
from access_policy.domain.site_energy.following import Gates, due_events
from access_policy.domain.site_energy.site import SiteEnergy

log = logging.getLogger(__name__)

CHECK_INTERVAL_S: Final = 30.0
REST_S: Final = 0.25  # between two checks


@dataclass(slots=True)
class EnergyKeeper:
    view: DecisionView
    gates: EnergyGates
    sites: SiteEnergies
    clock: Clock
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gates.on_gate_change(self._gate_changed)
        self.view.on_site_change(_nothing, self._site_changed)

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            for depot, site in self.view.sites():
                if self._due(depot, site):
                    await self._record_or_try_again(depot)
            await asyncio.sleep(REST_S)
            await self._wait()

    async def check(self, depot: DepotKey) -> int:
        """Record what is due at the depot; return the number of events. Raises `StoreUnavailable` or `VersionConflict`:
        check again later."""
        context = Context(tenant_id=depot[0], actor=SYSTEM, correlation_id=new_id())
        async with self.sites.locked(*depot) as site:
            events = self._due(depot, site)
            await self.sites.record(context, site, events, now=self.clock.now())
        return len(events)

    def _due(self, depot: DepotKey, site: SiteEnergy) -> tuple[SiteEnergyEvent, ...]:
        return due_events(site, self._gates_of(depot), self.clock.now())

    def _gates_of(self, depot: DepotKey) -> Gates:
        """Return the gates of the chargers whose level differs from the recorded one."""
        found = self.gates.of_depot(*depot)
        if found is None:
            return {}
        recorded = self.view.site_energy(*depot)
        gates = {}
        for charger_id, held in found.levels().items():
            is_recorded = held.level is recorded.recorded_level(charger_id).level
            gate = None if is_recorded and charger_id not in recorded.levels else found.gate(charger_id)
            if gate is not None:
                gates[charger_id] = gate, held
        return gates

    async def _record_or_try_again(self, depot: DepotKey) -> None:
        try:
            await self.check(depot)
        except (StoreUnavailable, VersionConflict) as trouble:
            log.info("the changes of access at depot %s will be recorded later: %r", depot[1], trouble)
        except Exception:  # the edge of the loop: one depot's failure must not end it
            log.exception("checking the energy of depot %s failed", depot[1])

    async def _wait(self) -> None:
        """Wait until a change is notified, or until time alone may change a gate."""
        now, ahead = self.clock.now(), [CHECK_INTERVAL_S]
        for depot, _ in self.view.sites():
            gates = self.gates.of_depot(*depot)
            if gates is not None and gates.next_at is not None:
                ahead.append((gates.next_at - now).total_seconds())
        try:
            async with asyncio.timeout(max(0.0, min(ahead))):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    def _gate_changed(self, key: ChargerKey) -> None:
        self._woken.set()

    def _site_changed(self, depot: DepotKey, event: SiteEnergyEvent, at: datetime) -> None:
        self._woken.set()


def _nothing(depot: DepotKey, event: SiteEnergyEvent, at: datetime) -> None:
    """Do nothing: the keeper checks after the event."""
