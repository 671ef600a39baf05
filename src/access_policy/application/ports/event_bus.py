"""The event bus: where published events leave, in EventBridge's terms, for it is what the contract was made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

ENTRIES_MAX: Final = 10  # of one call
# Of one entry, and of all entries of one call. EventBridge takes 1 MiB by now; targets and older regions take this.
BYTES_MAX: Final = 256 * 1024
TIME_BYTES: Final = 14  # what EventBridge counts for an entry's time


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to publish: `detail` is JSON text of an object, `time` UTC. `event_id` is the one in the detail, by which
    consumers tell a repetition."""

    event_id: str
    source: str
    detail_type: str
    time: datetime
    detail: str
    resources: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """In bytes, as EventBridge counts them (user guide, "Calculating PutEvents event entry size")."""
        texts = (self.source, self.detail_type, self.detail, *self.resources)
        return TIME_BYTES + sum(len(text.encode()) for text in texts)


class Fate(StrEnum):
    TAKEN = "taken"  # the bus has it
    NOT_NOW = "not_now"  # publish this very entry again later
    REFUSED = "refused"  # the bus will never take this entry as it is


@dataclass(frozen=True, slots=True)
class Outcome:
    fate: Fate
    reason: str = ""


TAKEN: Final = Outcome(Fate.TAKEN)


class BusUnavailable(Exception):
    """The bus did not answer, or takes nothing now (away, throttling, no permission). Which entries it has is not known:
    publish all of them again, later."""


class EventBus(Protocol):
    async def publish(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Hand over at most `ENTRIES_MAX` entries of together less than `BYTES_MAX`; one outcome for each, in their order.

        Entries succeed and fail singly, so that those whose order matters do not go in one call. Raises `BusUnavailable`,
        and `ValueError` for more than fits into a call.
        """
        ...

    async def close(self) -> None: ...


class Subscribers(Protocol):
    """The subscribers of a bus in this process. They receive events from their subscription on, and no history."""

    @property
    def present(self) -> bool:
        """Whether there is one. A bus without any takes nothing, so publishing to it is wasted work."""
        ...

    async def until_present(self) -> None: ...


def check_size(entries: Sequence[Entry]) -> None:
    """Raises `ValueError`."""
    if not 1 <= len(entries) <= ENTRIES_MAX:
        raise ValueError(f"{len(entries)} entries in one call; 1 to {ENTRIES_MAX} fit")
    if (size := sum(entry.size for entry in entries)) >= BYTES_MAX:
        raise ValueError(f"{size} bytes in one call; less than {BYTES_MAX} fit")
