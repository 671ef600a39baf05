"""The chargers that are connected to this process, and the look-up of their commands."""

from __future__ import annotations

import logging

from access_policy.adapters.ocpp.incoming.connected_charger import ConnectedCharger
from access_policy.adapters.ocpp.outgoing.commands import ChargerCommands
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer, ChargerNotConnected, SwitchRefused
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)


class Connections:
    """Implements the port `ConnectedChargers` for each of its users, and `ModeChargers` and `LocalLists`."""

    def __init__(self) -> None:
        self._chargers: dict[ChargerKey, ConnectedCharger] = {}

    # --- the port --------------------------------------------------------------------------------------------------------

    def connected(self, key: ChargerKey) -> bool:
        return key in self._chargers

    def connected_chargers(self) -> list[ChargerKey]:
        return list(self._chargers)

    def commands(self, key: ChargerKey) -> ChargerCommands:
        charger = self._chargers.get(key)
        if charger is None:
            raise ChargerNotConnected(f"charger {key[1]} is not connected")
        return charger.commands

    def serving_epoch(self, key: ChargerKey) -> int | None:
        charger = self._chargers.get(key)
        return charger.epoch if charger is not None and charger.accepted and charger.has_settled else None

    def configurable_epoch(self, key: ChargerKey) -> int | None:
        charger = self._chargers.get(key)
        if charger is None or not charger.has_settled:
            return None
        return charger.epoch if charger.accepted or charger.pending_since is not None else None

    async def let_serve(self, key: ChargerKey) -> None:
        """Trigger a boot. A charger that does not support the trigger boots again by itself."""
        charger = self._chargers.get(key)
        if charger is None or charger.pending_since is None or charger.is_safe:
            return
        charger.is_safe = True
        try:
            await charger.commands.trigger_boot()
        except (SwitchRefused, ChargerDidNotAnswer) as refusal:
            log.info("charger %s will boot again by itself: %s", key[1], refusal)

    # --- the gateway -----------------------------------------------------------------------------------------------------

    def get(self, key: ChargerKey) -> ConnectedCharger | None:
        return self._chargers.get(key)

    def add(self, charger: ConnectedCharger) -> None:
        """Register the connection in place of an earlier one of the same charger."""
        self._chargers[charger.key] = charger

    def remove(self, key: ChargerKey, connection: ChargerConnection) -> bool:
        """Remove the connection; False if the charger has a newer one."""
        charger = self._chargers.get(key)
        if charger is None or charger.connection is not connection:
            return False
        del self._chargers[key]
        return True

    def is_current(self, charger: ConnectedCharger) -> bool:
        return self._chargers.get(charger.key) is charger
