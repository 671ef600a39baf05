"""The event bus to which published events go. Entries, results and limits are those of Amazon EventBridge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

ENTRIES_MAX: Final = 10  # per call
# Per entry and per call. EventBridge accepts 1 MiB today; its targets and older regions accept this much.
BYTES_MAX: Final = 256 * 1024
TIME_BYTES: Final = 14  # EventBridge's size of an entry's time


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to publish: `detail` is a JSON object as a string, `time` is in UTC. `event_id` is also in the detail,
    so that consumers recognise a repetition."""

    event_id: str
    source: str
    detail_type: str
    time: datetime
    detail: str
    resources: tuple[str, ...] = ()
    traceparent: str | None = None  # of the span that recorded the event (W3C Trace Context)

    @property
    def size(self) -> int:
        """The size in bytes, as EventBridge counts it (user guide, "Calculating PutEvents event entry size")."""
        texts = (self.source, self.detail_type, self.detail, *self.resources)
        return TIME_BYTES + sum(len(text.encode()) for text in texts)


class PublishStatus(StrEnum):
    ACCEPTED = "accepted"
    NOT_NOW = "not_now"  # publish the same entry again later
    REFUSED = "refused"  # the bus will never accept this entry


@dataclass(frozen=True, slots=True)
class PublishResult:
    status: PublishStatus
    reason: str = ""


ACCEPTED: Final = PublishResult(PublishStatus.ACCEPTED)


class BusUnavailable(Exception):
    """The bus did not answer or does not accept entries now (unreachable, throttling, no permission). It may have
    accepted some of the entries: publish all of them again later."""


class EventBus(Protocol):
    async def publish(self, entries: Sequence[Entry]) -> list[PublishResult]:
        """Publish at most `ENTRIES_MAX` entries of less than `BYTES_MAX` in all; returns one result per entry, in order.

        Each entry succeeds or fails by itself, so entries whose order matters must not share a call. Raises
        `BusUnavailable`, or `ValueError` for too many entries or bytes.
        """
        ...

    async def close(self) -> None: ...


class Rules(Protocol):
    """The rules of a bus in this process, each with its target."""

    def put_rule(
        self,
        name: str,
        pattern: str,
        target: Callable[[Mapping[str, Any]], Awaitable[None]],
        *,
        since: int | None = None,
    ) -> None:
        """Deliver matching events to `target`; the rule replaces one with the same name. `since` is the log position
        after which events are delivered, including events from while this process was down; None: from now on. An event
        for which the target raises is delivered again later. Raises `ValueError` for a pattern that EventBridge
        refuses."""
        ...

    def remove_rule(self, name: str) -> None: ...


class Subscribers(Protocol):
    """The subscribers of a bus in this process."""

    @property
    def since(self) -> int | None:
        """The log position after which the earliest subscriber receives events; None if each begins now."""
        ...

    @property
    def present(self) -> bool:
        """True if there is a subscriber. Publishing to a bus without subscribers is wasted work."""
        ...

    async def until_present(self) -> None: ...


def check_size(entries: Sequence[Entry]) -> None:
    """Check the number and the size of the entries. Raises `ValueError`."""
    if not 1 <= len(entries) <= ENTRIES_MAX:
        raise ValueError(f"{len(entries)} entries in one call; 1 to {ENTRIES_MAX} fit")
    if (size := sum(entry.size for entry in entries)) >= BYTES_MAX:
        raise ValueError(f"{size} bytes in one call; less than {BYTES_MAX} fit")
