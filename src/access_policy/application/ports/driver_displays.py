"""Displays of chargers, on which a refused driver reads why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from access_policy.application.ports.charger_gateway import StillWanted
from access_policy.domain.access.denial import Denial
from access_policy.domain.ids import ChargerKey


@dataclass(frozen=True, slots=True)
class Displayed:
    """`status` is the charger's word for it; `Accepted` means that it shows the text."""

    status: str
    text: str
    language: str

    @property
    def is_shown(self) -> bool:
        return self.status == "Accepted"


class DriverDisplays(Protocol):
    def serving_epoch(self, key: ChargerKey) -> int | None:
        """As of `ChargerGateway`."""
        ...

    async def has_display(self, key: ChargerKey) -> bool:
        """The charger takes texts. Raises `ChargerDidNotAnswer`."""
        ...

    async def show_denial(
        self, key: ChargerKey, connector_id: int | None, denial: Denial, until: datetime, wanted: StillWanted
    ) -> Displayed:
        """In place of what was shown for this connector before. Raises `ChargerDidNotAnswer` or `NoLongerWanted`."""
        ...

    async def clear_denial(self, key: ChargerKey, connector_id: int | None) -> str:
        """Returns the charger's status. Raises `ChargerDidNotAnswer`."""
        ...
