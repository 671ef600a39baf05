"""The depot in memory behind the real OCPP message handlers: a test says what a charger sends and reads the answer."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.incoming.v16 import Ocpp16
from access_policy.adapters.ocpp.incoming.v21 import Ocpp21
from access_policy.adapters.ocpp.incoming.v201 import Ocpp201
from access_policy.domain.ids import ChargerId, ChargerKey
from tests.support.at_charger import AtCharger
from tests.support.connected import connected_charger
from tests.support.depot_in_memory import BAY, TENANT, DepotInMemory

HANDLERS: dict[OcppVersion, Any] = {OcppVersion.V16: Ocpp16, OcppVersion.V201: Ocpp201, OcppVersion.V21: Ocpp21}


@dataclass
class StopsCharges:
    """Takes every request to stop."""

    asked: list[tuple[ChargerKey, str]] = field(default_factory=list)

    def commands(self, key: ChargerKey) -> Any:
        return AtCharger(self, key)

    def serving_epoch(self, key: ChargerKey) -> int | None:
        return 1

    async def stop_session(self, key: ChargerKey, transaction_id: str) -> str:
        self.asked.append((key, transaction_id))
        return "Accepted"


class HandledDepot:
    """Several chargers of one protocol version; `reconnect` gives a charger a new connection."""

    def __init__(self, depot: DepotInMemory, version: OcppVersion) -> None:
        self.depot = depot
        self.stops = StopsCharges()
        self.plugs: list[tuple[int, bool]] = []  # connector, and whether a vehicle is there
        self.follow_up = depot.follow_up_by(self.stops)
        dependencies = depot.dependencies_of_handlers(
            energy=self.follow_up.energy,
            plug_seen=lambda key, connector_id, plugged_in: self.plugs.append((connector_id, plugged_in)),
        )
        self.version = version
        self._handlers = HANDLERS[version](dependencies).handlers
        self._chargers: dict[ChargerId, ConnectedCharger] = {}
        self._messages = 0

    def reconnect(self, charger: ChargerId = BAY) -> None:
        self._chargers.pop(charger, None)

    async def say(self, action: str, payload: dict[str, Any], charger: ChargerId = BAY) -> dict[str, Any]:
        """Send a message of the charger and return the answer."""
        connected = self._chargers.setdefault(
            charger, connected_charger((TENANT, charger), self.version.subprotocol, self.depot.clock.now())
        )
        self._messages += 1
        answer = self._handlers[action](connected, payload, f"m-{self._messages}")
        return await answer if inspect.isawaitable(answer) else answer
