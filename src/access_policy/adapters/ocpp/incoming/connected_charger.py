"""One charger while it is connected to this process: its connection, its commands and its reports."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from access_policy.adapters.ocpp.incoming.component_states import ComponentStates
from access_policy.adapters.ocpp.outgoing.commands import ChargerCommands
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.context import new_id
from access_policy.domain.ids import ChargerKey


@dataclass(frozen=True, slots=True)
class AdmittedCharger:
    """A charger whose handshake was admitted. `has_booted`: one of its earlier BootNotifications was accepted, possibly on
    another connection (OCPP-J accepts the identity, so a reconnect without a reboot sends no new one).
    """

    key: ChargerKey
    admitted_at: datetime
    has_booted: bool


@dataclass(slots=True, eq=False)
class ConnectedCharger:
    """The state of one connection of a charger.

    Attributes:
        accepted: a BootNotification was accepted, on this connection or an earlier one.
        connected_at: when the handshake was admitted.
        epoch: rises with each connection and each accepted boot.
        settled_at: loop time from which the mode controller may send the charger commands.
        owner_version: the version under which the charger's record has the connection; 0 means not yet.
        given_up_version: the version under which another process has recorded that the connection ended.
        pending_since: loop time at which its boot was answered Pending.
        is_safe: its mode is in force, so its next BootNotification is accepted.
        connection_id: the scope of its message ids.
        occupied: EVSEs and connectors with a vehicle (2.x).
    """

    key: ChargerKey
    protocol: str
    connected_at: datetime
    accepted: bool
    connection: ChargerConnection
    commands: ChargerCommands
    epoch: int = 0
    settled_at: float = 0.0
    owner_version: int = 0
    given_up_version: int = 0
    pending_since: float | None = None
    is_safe: bool = False
    connection_id: str = field(default_factory=new_id)
    occupied: set[tuple[int, int]] = field(default_factory=set)
    components: ComponentStates = field(default_factory=ComponentStates)

    @property
    def has_settled(self) -> bool:
        return asyncio.get_running_loop().time() >= self.settled_at

    def was_away_at(self, at: datetime) -> bool:
        """Tell whether the charger was disconnected then. Its reports from before this connection are judged by their own time,
        because it could not ask.
        """
        return at < self.connected_at

    def frees_evse(self, evse_id: int, connector_id: int, status: str | None) -> bool:
        """Tell whether the connector's status (2.x) means that the vehicle has left the EVSE, which has one cable in use at a
        time.
        """
        connector = (evse_id, connector_id)
        if status != "Available":
            self.occupied.discard(connector)
            if status == "Occupied":
                self.occupied.add(connector)
            return False
        was_occupied = connector in self.occupied
        self.occupied.discard(connector)
        return (was_occupied or connector_id <= 1) and not any(evse == evse_id for evse, _ in self.occupied)
