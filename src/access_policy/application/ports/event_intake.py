"""Events in: what an intake (HTTP, a queue) hands over and is told, and the memory that makes repetitions harmless."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from access_policy.application.ports.incoming_events import IncomingEvent


class Fate(StrEnum):
    APPLIED = "applied"
    DUPLICATE = "duplicate"  # taken in before
    OUTDATED = "outdated"  # a newer one of its subject came first: recorded, without effect
    REFUSED = "refused"  # it will never fit as it is
    NOT_YET = "not_yet"  # it contradicts what is recorded now; another event may come that makes it fit


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` of a refusal is for people, `pointer` the RFC 6901 pointer into the event's data, where one part is wrong, and
    `code` is stable."""

    fate: Fate
    reason: str = ""
    code: str = ""
    pointer: str | None = None


class EventIntake(Protocol):
    async def take(self, event: IncomingEvent) -> Verdict:
        """Durable when it returns. Raises `StoreUnavailable` or `TooBusy`: have the event delivered again, later."""
        ...


class Standing(StrEnum):
    """How an event stands to those that came before it."""

    NEW = "new"
    DUPLICATE = "duplicate"
    OUTDATED = "outdated"


class IntakeRecords(Protocol):
    """All methods are atomic and durable, and raise `StoreUnavailable`."""

    async def begin(self, event: IncomingEvent, *, now: datetime) -> Standing:
        """Note the event as begun, so that an older one of its subject is outdated from now on, or as outdated itself. An
        event that was begun and not ended, or refused, is new again."""
        ...

    async def end(self, event: IncomingEvent, verdict: Verdict) -> None:
        """What became of a begun event; one that was not applied makes no other outdated."""
        ...

    async def close(self) -> None: ...
