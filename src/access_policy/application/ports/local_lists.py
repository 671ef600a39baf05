"""Chargers' local lists, in the application's terms. The gateway that holds a charger's connection implements them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from access_policy.application.ports.charger_gateway import ConnectedChargers
from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ChargerKey


@dataclass(frozen=True, slots=True)
class ListState:
    """`version` is the charger's; 0 means that it has no list yet. `capacity` entries fit in the list, `per_message` in one
    message. `form` names the form in which identifiers are sent: a list that was sent in another form is another list."""

    version: int
    capacity: int
    per_message: int
    form: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """The sent identifiers that are on the charger's list now, and the version that the charger reads back. `left_out` counts
    identifiers that the protocol cannot carry in a list; they do not depend on the charger's room."""

    version: int
    taken: list[Identifier]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ListSent:
    """A list that a charger stored in full: its version, and a digest of its entries and their form."""

    version: int
    digest: str


class ListsSent(Protocol):
    """The list that each charger was sent last, kept across restarts. It has no identifiers. Losing it means that the list
    is sent once more."""

    async def latest(self, key: ChargerKey) -> ListSent | None:
        """Raises `StoreUnavailable`."""
        ...

    def remember(self, key: ChargerKey, sent: ListSent) -> None:
        """Returns at once, and is written soon. A list that could not be written is sent again after a restart."""
        ...

    async def close(self) -> None: ...


class ListNotKept(Exception):
    """The charger has no local list, or refused what was sent; the message says which."""


class LocalListCommands(Protocol):
    async def list_state(self) -> ListState:
        """Raises `ListNotKept` or `ChargerDidNotAnswer`."""
        ...

    async def list_version(self) -> int:
        """The version that the charger has now. Raises as `list_state`."""
        ...

    async def send_list(
        self, state: ListState, version: int, identifiers: Sequence[Identifier], ends: Mapping[Identifier, datetime]
    ) -> Sent:
        """Replace the charger's list by `identifiers`, in as many messages as needed, the first as `version`. An entry with one
        of `ends` is not valid from that instant on. A charger that has no room for all stores the first ones. Raises
        `ListNotKept` or `ChargerDidNotAnswer`."""
        ...

    async def remove_from_list(self, state: ListState, version: int, identifiers: Sequence[Identifier]) -> int:
        """As `send_list`, for identifiers that must leave the list; returns the version that is read back."""
        ...


class LocalLists(ConnectedChargers[LocalListCommands], Protocol):
    """The connected chargers, for the keeper of their local lists."""

    def connected_chargers(self) -> list[ChargerKey]: ...
