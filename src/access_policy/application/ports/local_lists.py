"""A charger's local list, in our words. The gateway that holds the charger's connection implements it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from access_policy.application.ports.charger_gateway import ChargerKey
from access_policy.domain.identifiers import Identifier


@dataclass(frozen=True, slots=True)
class ListState:
    """`version` is the charger's; 0: it has none yet. `capacity` entries fit in all, `per_message` in one message."""

    version: int
    capacity: int
    per_message: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What is on the charger's list now of what was sent, and the version that the charger reads back. `left_out`: how many
    the protocol cannot carry in a list; they say nothing about the charger's room."""

    version: int
    taken: list[Identifier]
    left_out: int = 0


class ListNotKept(Exception):
    """The charger has no local list, or did not take what was sent; the message says which."""


class LocalLists(Protocol):
    def serving_epoch(self, key: ChargerKey) -> int | None:
        """As of `ChargerGateway`."""
        ...

    def connected_chargers(self) -> list[ChargerKey]: ...

    async def list_state(self, key: ChargerKey) -> ListState:
        """Raises `ListNotKept` or `ChargerDidNotAnswer`."""
        ...

    async def list_version(self, key: ChargerKey) -> int:
        """The version that the charger has now. Raises as `list_state`."""
        ...

    async def send_list(
        self, key: ChargerKey, state: ListState, version: int, identifiers: Sequence[Identifier]
    ) -> Sent:
        """Replace the charger's list by `identifiers`, in as many messages as it takes, the first as `version`. The
        first of them are taken where the charger has no room for all. Raises `ListNotKept` or `ChargerDidNotAnswer`."""
        ...

    async def remove_from_list(
        self, key: ChargerKey, state: ListState, version: int, identifiers: Sequence[Identifier]
    ) -> int:
        """As `send_list`, for identifiers that are to leave the list; returns the version that is read back."""
        ...
