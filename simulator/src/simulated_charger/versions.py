"""The protocol versions that a simulated charger can speak. A new one is a dialect, its commands and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from simulated_charger.link import Answer
from simulated_charger.spec import OCPP16, OCPP21, OCPP201, Payload
from simulated_charger.station import Dialect, Station
from simulated_charger.v16 import DialectV16
from simulated_charger.v16_commands import CommandsV16
from simulated_charger.v201 import DialectV201
from simulated_charger.v201_commands import CommandsV201

if TYPE_CHECKING:
    from simulated_charger.charger import SimulatedCharger


class Commands(Protocol):
    def handle(self, action: str, payload: Payload) -> Answer: ...

    async def notify_changes(self, before: dict[str, str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Version:
    dialect: Callable[[Station], Dialect]
    commands: Callable[[SimulatedCharger], Commands]


VERSIONS = {
    OCPP16: Version(DialectV16, CommandsV16),
    OCPP201: Version(DialectV201, CommandsV201),
    OCPP21: Version(DialectV201, CommandsV201),  # the same in all that this charger does
}


def version(protocol: str) -> Version:
    """Raises ValueError for a subprotocol that is not modelled."""
    if protocol not in VERSIONS:
        raise ValueError(f"simulated chargers speak {', '.join(VERSIONS)}, not {protocol}")
    return VERSIONS[protocol]
