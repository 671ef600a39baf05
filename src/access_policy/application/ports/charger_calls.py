"""Calls that people send to a connected charger, and the frames that it exchanged with this gateway."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from access_policy.domain.capability_profiles.capabilities import Switch
from access_policy.domain.errors import Conflict, Invalid
from access_policy.domain.ids import ChargerKey, ReservationId

Payload = Mapping[str, Any]


class CallInvalid(Invalid):
    """The charger's OCPP version has no such call, or its schema does not allow the payload."""

    code = "call-invalid"


class CallConflicts(Conflict):
    """The call would change something that the service itself sets."""

    code = "call-conflicts"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedCall:
    """`shown` is the payload in the form that may be recorded. `is_harmless`: operators may send the call, not only
    admins. `interrupts`: the call must not be sent while the charger is being switched."""

    action: str
    payload: Payload
    shown: Payload
    is_harmless: bool
    interrupts: bool


@dataclass(frozen=True, slots=True)
class CallRefused:
    """The charger's error, in the words of OCPP."""

    code: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """The settings that the service writes itself, for the check of a call: the switches of all profiles, the tags of
    freevend sessions, whether this charger's switch is watched, and the numbers of reservations at this charger.
    """

    switches: Collection[Switch] = ()
    freevend_tags: Collection[str] = ()
    is_watched: bool = False
    reservation_numbers: Mapping[int, ReservationId] = field(default_factory=dict)


class OperatorCallCommands(Protocol):
    @property
    def protocol(self) -> str: ...

    async def check_call(self, action: str, payload: Payload, reserved: Reserved) -> CheckedCall:
        """Check the call without sending it. Raises `CallInvalid` or `CallConflicts`."""
        ...

    async def send_call(self, checked: CheckedCall) -> Payload | CallRefused:
        """Return the charger's answer in the form that may be shown and recorded. Raises `ChargerDidNotAnswer`."""
        ...


class CalledChargers(Protocol):
    def commands(self, key: ChargerKey) -> OperatorCallCommands:
        """Return the commands over the charger's current connection to this process. Raises `ChargerNotConnected`."""
        ...


class Direction(StrEnum):
    RECEIVED = "received"
    SENT = "sent"


class FrameKind(StrEnum):
    CALL = "call"
    RESULT = "result"
    ERROR = "error"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The `action` of an answer is that of its call, None if the call is no longer stored. `payload` has identifiers
    masked and no secrets; None for a frame that cannot be read or was too long to be stored (`size` bytes)."""

    at: datetime
    direction: Direction
    kind: FrameKind
    size: int
    message_id: str | None = None
    action: str | None = None
    payload: Payload | None = None
    error: CallRefused | None = None


class RecentFrames(Protocol):
    async def of(self, key: ChargerKey) -> Sequence[Frame]:
        """Return the latest frames of the charger on this gateway, newest first; empty if it was never connected here."""
        ...
