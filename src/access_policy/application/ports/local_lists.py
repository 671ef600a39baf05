"""A charger's local list, in our words. The gateway that holds the charger's connection implements it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from access_policy.domain.identifiers import Identifier
from access_policy.domain.ids import ChargerKey


@dataclass(frozen=True, slots=True)
class ListState:
    """`version` is the charger's; 0: it has none yet. `capacity` entries fit in all, `per_message` in one message. `form`
    names the form in which identifiers are sent: a list that was sent in another form is another list."""

    version: int
    capacity: int
    per_message: int
    form: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """What is on the charger's list now of what was sent, and the version that the charger reads back. `left_out`: how many
    the protocol cannot carry in a list; they say nothing about the charger's room."""

    version: int
    taken: list[Identifier]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ListSent:
    """A list that a charger took in whole: its version, and a digest of what is on it and in which form."""

    version: int
    digest: str


class ListsSent(Protocol):
    """What each charger's list was when it was sent last, across restarts. It holds no identifiers. Losing it costs one
    more sending."""

    async def recall(self, key: ChargerKey) -> ListSent | None:
        """Raises `StoreUnavailable`."""
        ...

    def remember(self, key: ChargerKey, sent: ListSent) -> None:
        """Returns at once, and is written soon. A list that could not be written is sent again after a restart."""
        ...

    async def close(self) -> None: ...


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
