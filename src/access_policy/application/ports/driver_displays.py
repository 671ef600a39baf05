"""Displays of chargers, which show a refused driver the reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from access_policy.application.ports.charger_gateway import StillWanted
from access_policy.domain.access.denial import Denial


@dataclass(frozen=True, slots=True)
class Displayed:
    """`status` is the charger's answer; `Accepted` means that it shows the message."""

    status: str
    text: str
    language: str

    @property
    def is_shown(self) -> bool:
        return self.status == "Accepted"


class DisplayCommands(Protocol):
    async def has_display(self) -> bool:
        """Return whether the charger can show messages. Raises `ChargerDidNotAnswer`."""
        ...

    async def show_denial(
        self, connector_id: int | None, denial: Denial, until: datetime, wanted: StillWanted
    ) -> Displayed:
        """Show the denial, replacing an earlier message for this connector. Raises `ChargerDidNotAnswer` or
        `NoLongerWanted`."""
        ...

    async def clear_denial(self, connector_id: int | None) -> str:
        """Remove the message and return the charger's status. Raises `ChargerDidNotAnswer`."""
        ...
