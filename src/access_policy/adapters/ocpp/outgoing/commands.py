"""The commands to a connected charger, in the version that its connection speaks."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from access_policy.adapters.ocpp.driver_texts.catalogue import DriverTexts
from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.outgoing.base import ProfileOf
from access_policy.adapters.ocpp.outgoing.v16.commands import Ocpp16Commands
from access_policy.adapters.ocpp.outgoing.v21 import Ocpp21Commands
from access_policy.adapters.ocpp.outgoing.v201.commands import Ocpp201Commands
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from access_policy.application.ports.charger_gateway import (
    ModeCommands,
    PasswordCommands,
    SessionCommands,
    StartCommands,
)
from access_policy.application.ports.charger_inspection import InspectionCommands
from access_policy.application.ports.charger_reservations import ReservationCommands
from access_policy.application.ports.driver_displays import DisplayCommands
from access_policy.application.ports.local_lists import LocalListCommands


class ChargerCommands(
    ModeCommands,
    SessionCommands,
    StartCommands,
    PasswordCommands,
    InspectionCommands,
    DisplayCommands,
    LocalListCommands,
    ReservationCommands,
    Protocol,
):
    """Every operation that the application can perform on a connected charger."""

    async def trigger_boot(self) -> None:
        """Ask the charger to send its BootNotification. Raises `SwitchRefused` or `ChargerDidNotAnswer`."""
        ...


@dataclass(frozen=True, slots=True)
class CommandsOfVersions:
    texts: DriverTexts
    start_ids: itertools.count[int]

    @classmethod
    def from_now(cls, now: datetime) -> CommandsOfVersions:
        """Ids of remote starts begin at `now`, so that an id is not reused soon after a restart."""
        return cls(DriverTexts.packaged(), itertools.count(int(now.timestamp()) % 2**30))

    def of(self, connection: ChargerConnection, profile: ProfileOf) -> ChargerCommands:
        match connection.version:
            case OcppVersion.V16:
                return Ocpp16Commands(connection, profile)
            case OcppVersion.V201:
                return Ocpp201Commands(connection, profile, self.texts, self.start_ids)
            case OcppVersion.V21:
                return Ocpp21Commands(connection, profile, self.texts, self.start_ids)
