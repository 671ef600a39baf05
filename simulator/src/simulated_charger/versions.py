"""The protocol versions of a simulated charger. To add one, add its dialect, its commands and an entry here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from simulated_charger.calls import Response
from simulated_charger.dialect import Dialect
from simulated_charger.spec import OCPP16, OCPP21, OCPP201, Payload
from simulated_charger.state import ChargerState
from simulated_charger.v16 import DialectV16
from simulated_charger.v16_commands import CommandsV16
from simulated_charger.v201 import DialectV201
from simulated_charger.v201_commands import CommandsV201

if TYPE_CHECKING:
    from simulated_charger.charger import SimulatedCharger


class Commands(Protocol):
    def handle(self, action: str, payload: Payload) -> Response: ...

    async def notify_changes(self, before: dict[str, str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Version:
    dialect: Callable[[ChargerState], Dialect]
    commands: Callable[[SimulatedCharger], Commands]


VERSIONS = {
    OCPP16: Version(DialectV16, CommandsV16),
    OCPP201: Version(DialectV201, CommandsV201),
    OCPP21: Version(DialectV201, CommandsV201),  # this charger uses only features that both versions share
}


def version(protocol: str) -> Version:
    """Return the version of a subprotocol. Raise ValueError for an unsupported one."""
    if protocol not in VERSIONS:
        raise ValueError(f"simulated chargers speak {', '.join(VERSIONS)}, not {protocol}")
    return VERSIONS[protocol]
