"""Reserve connectors over OCPP: ReserveNow and CancelReservation (1.6, 5.1 and 5.13; 2.x, H01 and H02).

A reservation begins when the charger accepts the message; only its end can be given. A message with the number of a reservation
that the charger already has replaces that reservation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Protocol

from access_policy.adapters.ocpp.outgoing.calling import call, status_of
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import StillWanted, SwitchRefused
from access_policy.application.ports.charger_reservations import Reserved, ReserveStatus
from access_policy.domain.identifiers import Identifier

STATUS_MAX: Final = 200  # characters kept of the charger's answer


class ReservationMessages(Protocol):
    """The messages of one protocol version. `connector_id` 0 reserves the charger as a whole."""

    def token(self, identifier: Identifier) -> Any:
        """Return the token; None for an identifier that the protocol cannot carry."""
        ...

    def reserve(self, number: int, connector_id: int, token: Any, until: datetime) -> object: ...

    def cancel(self, number: int) -> object: ...


async def reserve(connection: ChargerConnection, message: object, wanted: StillWanted) -> Reserved:
    """Send ReserveNow. An error as the answer counts as a refusal. Raises `ChargerDidNotAnswer` or `NoLongerWanted`."""
    try:
        answered = str((await call(connection, message, wanted=wanted)).get("status", "no status"))
    except SwitchRefused as refusal:
        return Reserved(ReserveStatus.REFUSED, refusal.detail[:STATUS_MAX])
    return Reserved(_STATUSES.get(answered, ReserveStatus.REFUSED), answered[:STATUS_MAX])


async def cancel(connection: ChargerConnection, message: object) -> str:
    """Send CancelReservation and return the status. Raises `ChargerDidNotAnswer`."""
    return (await status_of(connection, message))[:STATUS_MAX]


_STATUSES: Final = {
    "Accepted": ReserveStatus.ACCEPTED,
    "Occupied": ReserveStatus.OCCUPIED,
    "Faulted": ReserveStatus.OUT_OF_SERVICE,
    "Unavailable": ReserveStatus.OUT_OF_SERVICE,
    "Rejected": ReserveStatus.REFUSED,
}
