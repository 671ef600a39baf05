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
    """`version` is the charger's; 0 means that it has no list yet. The list holds `capacity` entries, and a message
    `per_message`. `form` names the form in which identifiers are sent; the same list in another form counts as another
    list."""

    version: int
    capacity: int
    per_message: int
    form: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """The sent identifiers that are on the charger's list now, and the version that the charger reads back. `left_out`
    counts identifiers that the protocol cannot express in a list, regardless of the charger's capacity."""

    version: int
    taken: list[Identifier]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ListSent:
    """A list that a charger stored in full: its version, and a digest of its entries and their form."""

    version: int
    digest: str


class ListsSent(Protocol):
    """The last list sent to each charger, stored across restarts. It contains no identifiers. If it is lost, the list
    is sent once more."""

    async def latest(self, key: ChargerKey) -> ListSent | None:
        """Return the last list sent. Raises `StoreUnavailable`."""
        ...

    def remember(self, key: ChargerKey, sent: ListSent) -> None:
        """Return at once and write soon. A list that could not be written is sent again after a restart."""
        ...

    async def close(self) -> None: ...


class ListNotKept(Exception):
    """The charger has no local list, or refused the one sent; the message says which."""


class LocalListCommands(Protocol):
    async def list_state(self) -> ListState:
        """Return the charger's list version and limits. Raises `ListNotKept` or `ChargerDidNotAnswer`."""
        ...

    async def list_version(self) -> int:
        """Return the version that the charger has now. Raises what `list_state` raises."""
        ...

    async def send_list(
        self, state: ListState, version: int, identifiers: Sequence[Identifier], ends: Mapping[Identifier, datetime]
    ) -> Sent:
        """Replace the charger's list by `identifiers`, in as many messages as needed, the first with `version`. An
        entry in `ends` is not valid from that instant on. A charger without room for all stores the first ones. Raises
        `ListNotKept` or `ChargerDidNotAnswer`."""
        ...

    async def remove_from_list(self, state: ListState, version: int, identifiers: Sequence[Identifier]) -> int:
        """Like `send_list`, but remove `identifiers` from the list; return the version that is read back."""
        ...


class LocalLists(ConnectedChargers[LocalListCommands], Protocol):
    """The connected chargers, for the keeper of their local lists."""

    def connected_chargers(self) -> list[ChargerKey]: ...
