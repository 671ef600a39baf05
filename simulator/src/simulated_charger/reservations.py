"""Connectors that the central system has reserved (ReserveNow), until a start by the holder, an end or a cancellation."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from simulated_charger.connector import Connector, ConnectorReservation, Status
from simulated_charger.dialect import Dialect
from simulated_charger.local_authorisation import Key
from simulated_charger.outbox import Message
from simulated_charger.reports import Reports
from simulated_charger.state import ChargerState


@dataclass(frozen=True, slots=True)
class Reservations:
    state: ChargerState
    dialect: Dialect
    reports: Reports

    def reserve(self, number: int, connector_id: int, key: Key, until: datetime) -> str:
        """Make the reservation and return the status of the answer. Connector 0 means any connector, which only a charger with
        one connector supports.
        """
        if connector_id == 0 and len(self.state.connectors) == 1:
            connector_id = 1
        connector = self.state.connectors.get(connector_id)
        if connector is None or until <= self.state.now():
            return "Rejected"
        if connector.status in (Status.FAULTED, Status.UNAVAILABLE):
            return connector.status.value
        held = connector.reservation
        if connector.plugged_in or connector.transaction is not None or (held is not None and held.number != number):
            return "Occupied"
        self.cancel(number)
        connector.reservation = ConnectorReservation(number, key, until)
        self.state.spawn(self._expire(connector, connector.reservation))
        self.reports.status(connector)
        return "Accepted"

    def cancel(self, number: int) -> bool:
        """Cancel the reservation; False if no connector has it."""
        for connector in self.state.connectors.values():
            if connector.reservation is not None and connector.reservation.number == number:
                connector.reservation = None
                self.reports.status(connector)
                return True
        return False

    def drop(self, connector: Connector, reason: str) -> None:
        """End the reservation at the charger itself, and report that if the protocol can."""
        reservation, connector.reservation = connector.reservation, None
        if reservation is None:
            return
        report = self.dialect.reservation_ended(reservation.number, reason)
        if report is not None:
            action, payload = report
            self.state.outbox.put(Message(action, lambda: payload, keep=False))
        self.reports.status(connector)

    async def _expire(self, connector: Connector, reservation: ConnectorReservation) -> None:
        await asyncio.sleep(max(0.0, (reservation.until - self.state.now()).total_seconds()))
        if connector.reservation is reservation:
            self.drop(connector, "Expired")
