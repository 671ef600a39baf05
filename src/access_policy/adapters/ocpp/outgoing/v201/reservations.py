"""Messages about reservations in OCPP 2.x (H01, H02), and whether the charger supports them (ReservationCtrlr)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ocpp.v201.call import CancelReservation, ReserveNow

from access_policy.adapters.ocpp.outgoing.v201.local_list import token_of
from access_policy.adapters.ocpp.outgoing.v201.variables import value_of
from access_policy.adapters.ocpp.timestamps import rfc3339
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.domain.capability_profiles.charger_values import truth
from access_policy.domain.identifiers import Identifier


class ReservationMessages201:
    def token(self, identifier: Identifier) -> Any:
        return token_of(identifier)

    def reserve(self, number: int, connector_id: int, token: Any, until: datetime) -> object:
        """Build ReserveNow without `groupIdToken`: the service does not assign identifiers to groups, so that only this
        identifier may use the reservation.
        """
        return ReserveNow(
            id=number, expiry_date_time=rfc3339(until), id_token=token, evse_id=connector_id if connector_id else None
        )

    def cancel(self, number: int) -> object:
        return CancelReservation(reservation_id=number)


async def are_supported(connection: ChargerConnection) -> bool:
    """Tell whether the charger has a ReservationCtrlr that is not switched off. Raises `ChargerDidNotAnswer`."""
    values = [await value_of(connection, f"ReservationCtrlr.{name}") for name in ("Available", "Enabled")]
    known = [value for value in values if value is not None]
    return bool(known) and all(truth(value) is True for value in known)
