"""What a charger tells of a connector: its status to the central system, and what came of a try to charge."""

from __future__ import annotations

from simulated_charger.connector import Connector
from simulated_charger.observed import Outcome, Verdict
from simulated_charger.outbox import Message
from simulated_charger.station import Dialect, Station


class Reports:
    __slots__ = ("_dialect", "_station")

    def __init__(self, station: Station, dialect: Dialect) -> None:
        self._station = station
        self._dialect = dialect

    def status(self, connector: Connector, *, again: bool = False) -> None:
        """Send the connector's status if it differs from the one last sent."""
        action, payload = self._dialect.connector_status(connector)
        seen = {name: value for name, value in payload.items() if name != "timestamp"}
        if (again or seen != connector.reported) and self._station.operational:
            connector.reported = seen
            self._station.outbox.put(Message(action, lambda: payload, keep=False))
        self._station.changed()

    def outcome(self, connector: Connector, verdict: Verdict, refused_at: str | None = None) -> Outcome:
        transaction = connector.transaction or connector.last_transaction
        energy_wh = 0.0
        if transaction is not None and refused_at != "authorize":
            running = transaction is connector.transaction
            total = self._station.energy_wh(connector) - transaction.meter_start_wh
            energy_wh = total if running else transaction.energy_wh
        else:
            transaction = None
        stopped = transaction.stopped_because if transaction is not None else None
        return Outcome(
            charged=connector.charging,
            status=verdict.status,
            decided_by=verdict.decided_by,
            refused_at=refused_at,
            message_to_driver=self._station.message_to_driver,
            transaction_id=self._dialect.transaction_id(transaction) if transaction is not None else None,
            energy_wh=energy_wh,
            stopped_because=stopped.value if stopped is not None else None,
        )
