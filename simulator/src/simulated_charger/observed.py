"""Observations of a simulated charger: its frames, and the results of attempts to charge."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket text frame, as sent or received."""

    at: datetime
    sent: bool  # by the charger
    raw: bytes

    @property
    def message(self) -> Any:
        """The decoded frame; None if it is not JSON."""
        try:
            return msgspec.json.decode(self.raw)
        except msgspec.DecodeError:
            return None

    @property
    def action(self) -> str | None:
        """The action of a CALL; None for any other frame."""
        match self.message:
            case [2, _, str(action), *_]:
                return action
            case _:
                return None


@dataclass(slots=True)
class FrameLog:
    """The latest `keep` frames of a charger. `listener` is called with every frame."""

    keep: int
    listener: Callable[[Frame], None] | None = None
    frames: deque[Frame] | tuple[()] = field(init=False)

    def __post_init__(self) -> None:
        self.frames = deque(maxlen=self.keep) if self.keep else ()

    @property
    def is_off(self) -> bool:
        """True if frames are neither kept nor passed on."""
        return not self.keep and self.listener is None

    def add(self, frame: Frame) -> None:
        if isinstance(self.frames, deque):
            self.frames.append(frame)
        if self.listener is not None:
            self.listener(frame)

    def sent(self, action: str) -> Iterable[Any]:
        """Return the payloads of the kept CALLs with this action that the charger sent, oldest first."""
        return [frame.message[3] for frame in self.frames if frame.sent and frame.action == action]


class DecidedBy(StrEnum):
    CENTRAL = "central"
    CACHE = "cache"
    LOCAL_LIST = "local_list"
    OFFLINE_RULE = "offline_rule"
    FREEVEND = "freevend"
    RESERVATION = "reservation"  # the connector is kept for another identifier
    REMOTE_START = "remote_start"  # accepted without an Authorize
    UNDECIDED = "undecided"  # the charger sent no request, or received no answer


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationResult:
    """The status of an identifier, in the protocol's spelling (`Accepted`, `Invalid`, ...), and the source of the decision.

    `NoAnswer`, `NoPower` and `NotStarted` are specific to the simulator.
    """

    status: str
    decided_by: DecidedBy = DecidedBy.CENTRAL
    expires_at: datetime | None = None
    group: str | None = None
    message: str | None = None

    @property
    def accepted(self) -> bool:
        return self.status == "Accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """The result of one attempt to charge.

    `charged`: energy flows, or flowed until the driver left. `refused_at`: "authorize", "start", "connector" (faulted or
    unavailable; the charger sent no request) or None. `energy_wh` is the session's energy so far. In OCPP 1.6, `transaction_id`
    comes from the central system (None if it never assigned one).
    """

    charged: bool
    status: str
    decided_by: DecidedBy
    refused_at: str | None = None
    message_to_driver: str | None = None
    transaction_id: str | None = None
    energy_wh: float = 0.0
    stopped_because: str | None = None

    @property
    def refused(self) -> bool:
        return self.refused_at is not None
