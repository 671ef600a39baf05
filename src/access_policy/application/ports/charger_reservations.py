"""Reservations on connected chargers, in the application's terms. The gateway that holds a charger's connection implements
them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from access_policy.application.ports.charger_gateway import ConnectedChargers, StillWanted
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ChargerKey


class ReserveStatus(StrEnum):
    """A charger's answer to ReserveNow, classified by what the service can do about it."""

    ACCEPTED = "accepted"
    OCCUPIED = "occupied"  # send it again when the connector is free
    OUT_OF_SERVICE = "out_of_service"  # faulted or unavailable: send it again later
    REFUSED = "refused"  # rejected, not supported, or answered by an error: the same request is unlikely to succeed


@dataclass(frozen=True, slots=True)
class Reserved:
    """`detail` is the charger's answer; it contains no identifier."""

    status: ReserveStatus
    detail: str

    @staticmethod
    def not_carried(protocol: str) -> Reserved:
        return Reserved(ReserveStatus.REFUSED, f"{protocol} cannot carry the holder's identifier")


class ReservationCommands(Protocol):
    async def supports_reservations(self) -> bool:
        """Return whether the charger reports that it supports reservations. Raises `ChargerDidNotAnswer`."""
        ...

    async def reserve(
        self, number: int, connector_id: int, identifier: Identifier, until: datetime, wanted: StillWanted
    ) -> Reserved:
        """Reserve the connector (0: the charger as a whole) for `identifier` from now until `until` (exclusive), if
        that is still `wanted` when the message is sent. A reservation with the same `number`, 1 to 2^31 - 1, is
        replaced. Raises `ChargerDidNotAnswer` or `NoLongerWanted`."""
        ...

    async def cancel_reservation(self, number: int) -> str:
        """Cancel the reservation and return the charger's status; any status but `Accepted` means that the charger has
        no such reservation. Raises `ChargerDidNotAnswer`."""
        ...


class ReservableChargers(ConnectedChargers[ReservationCommands], Protocol):
    """The connected chargers, for the keeper of their reservations."""

    def connected(self, key: ChargerKey) -> bool: ...

    def connected_chargers(self) -> list[ChargerKey]: ...
