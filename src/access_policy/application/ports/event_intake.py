"""Event intake: how an event received by HTTP or from a queue is processed, and the records that make repetitions
harmless."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from access_policy.application.ports.incoming_events import IncomingEvent


class IntakeStatus(StrEnum):
    APPLIED = "applied"
    DUPLICATE = "duplicate"  # received before
    OUTDATED = "outdated"  # a newer event about its subject arrived first: recorded, without effect
    REFUSED = "refused"  # can never be applied
    NOT_YET = "not_yet"  # contradicts the current state; a later event may make it applicable


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """For a refusal, `reason` is for people, `code` is stable, and `pointer` is the JSON Pointer (RFC 6901) to the
    faulty part of the event's data, if there is one."""

    status: IntakeStatus
    reason: str = ""
    code: str = ""
    pointer: str | None = None


NOTHING_TO_CANCEL: Final = "There is nothing to cancel yet; an older event that arrives later has no effect."


class EventIntake(Protocol):
    async def receive(self, event: IncomingEvent) -> IntakeResult:
        """Apply the event, durably when this returns. Raises `StoreUnavailable` or `TooBusy`: deliver the event again
        later."""
        ...


class Standing(StrEnum):
    """The relation of an event to the events received before it."""

    NEW = "new"
    DUPLICATE = "duplicate"
    OUTDATED = "outdated"


class IntakeRecords(Protocol):
    """All methods are atomic and durable, and raise `StoreUnavailable`."""

    async def begin(self, event: IncomingEvent, *, now: datetime) -> Standing:
        """Record the event as begun, which makes older events about its subject outdated, or as outdated itself. An
        event that was begun and not ended, or was refused, is new again."""
        ...

    async def end(self, event: IncomingEvent, result: IntakeResult) -> None:
        """Record the result of a begun event. An event that was not applied makes no other event outdated."""
        ...

    async def unseen_cancellation(self, event: IncomingEvent) -> int | None:
        """Return the version of a newer event about the same subject that found nothing to cancel (`NOTHING_TO_CANCEL`)."""
        ...

    async def close(self) -> None: ...
