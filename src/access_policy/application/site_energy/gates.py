"""The energy gates of all depots in memory: the level of new starts that energy leaves at each charger (ADR 0054)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.site_energy.one_connector import has_one_connector, one_at_a_time
from access_policy.application.site_energy.site_gates import SiteGates
from access_policy.domain.ids import ChargerId, ChargerKey, DepotId, EnergyNodeId, TenantId
from access_policy.domain.mode_schedule.timeline import NarrowedWindow
from access_policy.domain.site_energy.evaluation import ChargerPath
from access_policy.domain.site_energy.events import (
    AccessNarrowed,
    AccessWidened,
    DemandMeasured,
    EnergyControlDegraded,
    EnergyControlRestored,
    EnergySourceHeard,
    EnergySourceWentOffline,
    OperatingEnvelopeIgnored,
    OperatingEnvelopeReceived,
    OperatingEnvelopeWithdrawn,
    SiteEnergyEvent,
)
from access_policy.domain.site_energy.gate import Gate
from access_policy.domain.site_energy.levels import Held

PRESENT: Final = timedelta(seconds=60)  # an attempt up to this old is decided by the current gate
NOTIFIED_AT_ONCE_MAX: Final = 50  # chargers, in one iteration of the event loop
CHECK_INTERVAL_S: Final = 30.0

DepotKey = tuple[TenantId, DepotId]
ChargerListener = Callable[[ChargerKey], None]
_WITHOUT_EFFECT = (
    EnergyControlDegraded,
    EnergyControlRestored,
    OperatingEnvelopeIgnored,
)


class EnergyGates:
    """Follows the decision view and the running charges, on their event loop. A gate is right when it is read, without
    any background task; `run` only notifies listeners of changes that time alone causes."""

    def __init__(self, view: DecisionView, live: RecentActivity, clock: Clock) -> None:
        self._view = view
        self._live = live
        self._clock = clock
        self._sites: dict[DepotKey, SiteGates | None] = {}  # None: the depot has no gates
        self._stale: dict[DepotKey, dict[ChargerId, Held]] = {}  # to be rebuilt, with the levels until now
        self._pending: dict[ChargerKey, None] = {}
        self._on_gate_change: list[ChargerListener] = []
        self._woken = asyncio.Event()
        view.on_site_change(self._before, self._after)
        view.on_policy_change(self._charger_changed)
        live.on_sessions_change(self._sessions_changed)

    # --- queries
    # ---------------------------------------------------------------------------------------------------------

    def gate(self, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> Gate | None:
        """Return the gate at `at`: the current one for the last minute, otherwise computed as if no event came between
        now and then. None if the depot or the charger has no gate."""
        gates = self._of_charger(tenant_id, charger_id)
        if gates is None:
            return None
        now = self._clock.now()
        if gates.now < now:
            self._advance((tenant_id, self._depot_of(tenant_id, charger_id)), gates, now)
        if at <= gates.now and gates.now - at <= PRESENT:
            return gates.gate(charger_id)
        path = self._path(gates, tenant_id, charger_id)
        if path is None:
            return None
        held = path.advanced(gates.held(charger_id), gates.now, at) if at > gates.now else path.stepped(Held(), at)
        return path.gate(held, at)

    def narrowings(
        self, tenant_id: TenantId, charger_id: ChargerId, start: datetime, end: datetime
    ) -> tuple[NarrowedWindow, ...]:
        """Return the windows that overlap `[start, end)`, in order: the active one, which begins when its level began,
        and those planned if measurements and sources continue as they are now."""
        gates = self._of_charger(tenant_id, charger_id)
        if gates is None or not gates.has(charger_id):
            return ()
        self._advance((tenant_id, self._depot_of(tenant_id, charger_id)), gates, self._clock.now())
        found = gates.narrowings(charger_id, end)
        return tuple(
            NarrowedWindow(starts_at=each.starts_at, ends_at=each.ends_at, level=each.level, envelope=each.envelope)
            for each in found
            if each.ends_at > start
        )

    def of_depot(self, tenant_id: TenantId, depot_id: DepotId) -> SiteGates | None:
        """Return all current gates of the depot; None if it has none."""
        gates = self._opened((tenant_id, depot_id))
        if gates is not None:
            self._advance((tenant_id, depot_id), gates, self._clock.now())
        return gates

    def on_gate_change(self, listener: ChargerListener) -> None:
        """Call `listener` when the level of a charger's gate changes, and after an event that may change its windows."""
        self._on_gate_change.append(listener)

    # --- changes by time ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Notify listeners of changes that time causes, until cancelled."""
        while True:
            known = [depot for depot, _ in self._view.sites()]
            for depot in [each for each in self._sites if each not in known]:  # of an erased tenant, or never opted in
                del self._sites[depot]
            for depot in known:
                self.of_depot(*depot)
            pending, self._pending = list(self._pending), {}
            async for key in cooperatively(pending):
                self._notify_one(key)
            await self._wait()

    async def _wait(self) -> None:
        gates = [self._sites.get(depot) for depot, _ in self._view.sites()]
        ahead = [each.next_at for each in gates if each is not None and each.next_at is not None]
        upcoming = (min(ahead) - self._clock.now()).total_seconds() if ahead else CHECK_INTERVAL_S
        try:
            async with asyncio.timeout(max(0.0, min(upcoming, CHECK_INTERVAL_S))):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    # --- following ------------------------------------------------------------------------------------------------

    def _before(self, depot: DepotKey, event: SiteEnergyEvent, at: datetime) -> None:
        """Apply what the time has changed until the event, with the site as it was."""
        gates = self._sites.get(depot)
        if gates is not None:
            self._advance(depot, gates, at)

    def _after(self, depot: DepotKey, event: SiteEnergyEvent, at: datetime) -> None:
        if depot not in self._sites or isinstance(event, _WITHOUT_EFFECT):
            return
        gates, site = self._sites[depot], self._view.site_energy(*depot)
        if gates is None:
            if site.has_gates and not isinstance(event, AccessNarrowed | AccessWidened):
                self._build_anew(depot)
            return
        match event:
            case AccessNarrowed() | AccessWidened():
                gates.adopt(event.charger_ids, event.level)
                self._notify(depot, gates.take_changed())
            case DemandMeasured(items=items):
                for item in items:
                    if item.node_id in site.tree.by_id:
                        gates.reload(item.node_id, with_limits=False)
                self._notify(depot, gates.take_changed())
            case OperatingEnvelopeReceived(envelope=envelope):
                gates.reload_sources()
                self._reload_limits(depot, gates, envelope.node_id)
            case OperatingEnvelopeWithdrawn(envelope_id=envelope_id):
                self._reload_limits(depot, gates, site.envelopes.by_id[envelope_id].envelope.node_id)
            case EnergySourceHeard() | EnergySourceWentOffline():
                gates.reload_sources()
                self._notify(depot, gates.take_changed())
            case _:
                self._build_anew(depot)

    def _reload_limits(self, depot: DepotKey, gates: SiteGates, node_id: EnergyNodeId) -> None:
        gates.reload(node_id, with_limits=True)
        self._notify(depot, {*gates.take_changed(), *gates.chargers_below(node_id)})

    def _build_anew(self, depot: DepotKey) -> None:
        gates = self._sites.pop(depot)
        chargers = set(self._view.site_energy(*depot).tree.by_charger)
        if gates is not None:
            self._stale[depot] = gates.levels()
            chargers |= set(self._stale[depot])
        self._notify(depot, chargers)

    def _charger_changed(self, key: ChargerKey) -> None:
        """Rebuild the gates if the charger's number of connectors changed."""
        policy = self._view.known_policy(*key)
        depot = None if policy is None else (key[0], policy.settings.depot_id)
        gates = None if depot is None else self._sites.get(depot)
        if depot is None or gates is None or not gates.has(key[1]):
            return
        if (key[1] in gates.one_at_a_time) is not has_one_connector(self._view, key):
            self._build_anew(depot)

    def _sessions_changed(self, key: ChargerKey) -> None:
        policy = self._view.known_policy(*key)
        if policy is None:
            return
        depot = (key[0], policy.settings.depot_id)
        gates = self._sites.get(depot)
        if gates is not None:
            self._advance(depot, gates, self._clock.now())
            gates.start(key[1], is_running=bool(self._live.sessions_at(key)))
            self._notify(depot, gates.take_changed())

    def _advance(self, depot: DepotKey, gates: SiteGates, now: datetime) -> None:
        gates.advance(now)
        self._notify(depot, gates.take_changed())

    # --- state
    # -----------------------------------------------------------------------------------------------------------

    def _of_charger(self, tenant_id: TenantId, charger_id: ChargerId) -> SiteGates | None:
        policy = self._view.known_policy(tenant_id, charger_id)
        return None if policy is None else self._opened((tenant_id, policy.settings.depot_id))

    def _depot_of(self, tenant_id: TenantId, charger_id: ChargerId) -> DepotId:
        policy = self._view.known_policy(tenant_id, charger_id)
        assert policy is not None, "a charger with gates is known"
        return policy.settings.depot_id

    def _opened(self, depot: DepotKey) -> SiteGates | None:
        if depot in self._sites:
            return self._sites[depot]
        site = self._view.site_energy(*depot)
        if site.policy is None or not site.has_gates:
            self._stale.pop(depot, None)
            self._sites[depot] = None
            return None
        charging = (key[1] for key in self._live.chargers_with_sessions() if key[0] == depot[0])
        held = self._stale.pop(depot, None)
        alone = one_at_a_time(self._view, depot[0], site)
        gates = self._sites[depot] = SiteGates(site, site.policy, charging, self._clock.now(), held, alone)
        return gates

    def _path(self, gates: SiteGates, tenant_id: TenantId, charger_id: ChargerId) -> ChargerPath | None:
        site = self._view.site_energy(tenant_id, self._depot_of(tenant_id, charger_id))
        node_id = site.tree.by_charger.get(charger_id)
        return None if node_id is None else gates.path(node_id)

    # --- notifying
    # -------------------------------------------------------------------------------------------------------

    def _notify(self, depot: DepotKey, charger_ids: Iterable[ChargerId]) -> None:
        """Notify listeners of a few chargers at once, and leave many to `run`."""
        keys = [(depot[0], each) for each in charger_ids]
        if len(keys) > NOTIFIED_AT_ONCE_MAX:
            self._pending |= dict.fromkeys(keys)
            self._woken.set()
            return
        for key in keys:
            self._notify_one(key)

    def _notify_one(self, key: ChargerKey) -> None:
        for listener in self._on_gate_change:
            listener(key)
