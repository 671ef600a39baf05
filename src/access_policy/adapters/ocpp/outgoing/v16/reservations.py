"""Messages about reservations in OCPP 1.6 (5.1, 5.13), and whether the charger supports them (3.5.2)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ocpp.v16.call import CancelReservation, ReserveNow

from access_policy.adapters.ocpp.outgoing.v16.configuration_keys import read_keys
from access_policy.adapters.ocpp.outgoing.v16.local_list import tag_of
from access_policy.adapters.ocpp.timestamps import rfc3339
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import SwitchRefused
from access_policy.domain.capability_profiles.charger_values import value_text
from access_policy.domain.identifiers import Identifier

PROFILES_KEY: Final = "SupportedFeatureProfiles"
RESERVATION: Final = "reservation"


class ReservationMessages16:
    def token(self, identifier: Identifier) -> Any:
        return tag_of(identifier)

    def reserve(self, number: int, connector_id: int, token: Any, until: datetime) -> object:
        """Build ReserveNow without `parentIdTag`: the service does not assign identifiers to groups, so that only this
        identifier may use the reservation.
        """
        return ReserveNow(connector_id=connector_id, expiry_date=rfc3339(until), id_tag=token, reservation_id=number)

    def cancel(self, number: int) -> object:
        return CancelReservation(reservation_id=number)


async def are_supported(connection: ChargerConnection) -> bool:
    """Tell whether the feature profiles contain Reservation. Raises `ChargerDidNotAnswer`."""
    try:
        entries = await read_keys(connection, [PROFILES_KEY])
    except SwitchRefused:
        return False
    stated = value_text(entries.get(PROFILES_KEY.lower(), {}).get("value")) or ""
    return RESERVATION in {profile.strip().lower() for profile in stated.split(",")}
