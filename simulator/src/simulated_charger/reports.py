"""Reports about a connector: its status for the central system, and the result of an attempt for the caller."""

from __future__ import annotations

from simulated_charger.connector import Connector
from simulated_charger.dialect import Dialect
from simulated_charger.observed import AttemptResult, AuthorisationResult
from simulated_charger.outbox import Message
from simulated_charger.state import ChargerState


class Reports:
    __slots__ = ("_dialect", "_state")

    def __init__(self, state: ChargerState, dialect: Dialect) -> None:
        self._state = state
        self._dialect = dialect

    def status(self, connector: Connector, *, again: bool = False) -> None:
        """Send the connector's status if it differs from the one sent last, or if `again`."""
        action, payload = self._dialect.connector_status(connector)
        seen = {name: value for name, value in payload.items() if name != "timestamp"}
        if (again or seen != connector.reported) and self._state.operational:
            connector.reported = seen
            self._state.outbox.put(Message(action, lambda: payload, keep=False))
        self._state.changed()

    def result(
        self, connector: Connector, authorisation: AuthorisationResult, refused_at: str | None = None
    ) -> AttemptResult:
        transaction = connector.transaction or connector.last_transaction
        energy_wh = 0.0
        if transaction is not None and refused_at != "authorize":
            running = transaction is connector.transaction
            total = self._state.energy_wh(connector) - transaction.meter_start_wh
            energy_wh = total if running else transaction.energy_wh
        else:
            transaction = None
        stopped = transaction.stopped_because if transaction is not None else None
        return AttemptResult(
            charged=connector.charging,
            status=authorisation.status,
            decided_by=authorisation.decided_by,
            refused_at=refused_at,
            message_to_driver=self._state.message_to_driver,
            transaction_id=self._dialect.transaction_id(transaction) if transaction is not None else None,
            energy_wh=energy_wh,
            stopped_because=stopped.value if stopped is not None else None,
        )
