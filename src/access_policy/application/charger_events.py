"""Dispatches chargers' reports, and decisions about them, to the parts of the gateway that act on them.

The gateway and the decider publish; the mode controller, the follow-up, remote starts and the displays subscribe. They
act through the gateway, so neither side can be passed to the other's constructor.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from access_policy.application.charging_sessions.reports import EnergyReport
from access_policy.domain.access.events import AccessAllowed, AccessDenied
from access_policy.domain.ids import ChargerKey

TriggerListener = Callable[[ChargerKey, str], None]
EnergyListener = Callable[[EnergyReport], Awaitable[None]]
PlugListener = Callable[[ChargerKey, int, bool], None]
ReservationListener = Callable[[ChargerKey, int, str], None]
DecisionListener = Callable[[ChargerKey, AccessAllowed | AccessDenied], None]


class ChargerEventDispatcher:
    """Calls listeners in the order of their subscription.

    Connections, boots and drift reports from before the first subscription are delivered to each listener when it
    subscribes (the latest per charger), because the mode of such a charger must be compared again. Other reports are
    not kept: chargers repeat meter values and statuses, and a decision from before the displays subscribed is out of
    date.
    """

    def __init__(self) -> None:
        self._connected: list[TriggerListener] = []
        self._drift: list[TriggerListener] = []
        self._energy: list[EnergyListener] = []
        self._plug: list[PlugListener] = []
        self._decision: list[DecisionListener] = []
        self._reservation: list[ReservationListener] = []
        self._early_connected: dict[ChargerKey, str] = {}
        self._early_drift: dict[ChargerKey, str] = {}

    # --- subscribing -------------------------------------------------------------------------------------------------

    def on_connected(self, listener: TriggerListener) -> None:
        """Call `listener` with each charger whose mode must be compared now, and the reason: it connected or booted."""
        self._connected.append(listener)
        for key, trigger in self._early_connected.items():
            listener(key, trigger)

    def on_drift(self, listener: TriggerListener) -> None:
        """Call `listener` with each charger whose mode may differ from the applied one, and the evidence."""
        self._drift.append(listener)
        for key, evidence in self._early_drift.items():
            listener(key, evidence)

    def on_energy(self, listener: EnergyListener) -> None:
        """Call `listener` with meter values that show that energy flows in a session."""
        self._energy.append(listener)

    def on_plug(self, listener: PlugListener) -> None:
        """Call `listener` with the charger, the connector, and whether a vehicle is plugged in."""
        self._plug.append(listener)

    def on_decision(self, listener: DecisionListener) -> None:
        """Call `listener` with each decision on an attempt at a charger, once it is recorded."""
        self._decision.append(listener)

    def on_reservation_ended(self, listener: ReservationListener) -> None:
        """Call `listener` with the charger, the number of a reservation that it no longer has, and the reason that it
        reports."""
        self._reservation.append(listener)

    # --- publishing --------------------------------------------------------------------------------------------------

    def connected(self, key: ChargerKey, trigger: str) -> None:
        if not self._connected:
            self._early_connected[key] = trigger
        for listener in self._connected:
            listener(key, trigger)

    def drift_reported(self, key: ChargerKey, evidence: str) -> None:
        if not self._drift:
            self._early_drift[key] = evidence
        for listener in self._drift:
            listener(key, evidence)

    async def energy_reported(self, report: EnergyReport) -> None:
        for listener in self._energy:
            await listener(report)

    def plug_changed(self, key: ChargerKey, connector_id: int, plugged_in: bool) -> None:
        for listener in self._plug:
            listener(key, connector_id, plugged_in)

    def reservation_ended(self, key: ChargerKey, number: int, status: str) -> None:
        for listener in self._reservation:
            listener(key, number, status)

    def decided(self, key: ChargerKey, event: AccessAllowed | AccessDenied) -> None:
        for listener in self._decision:
            listener(key, event)
