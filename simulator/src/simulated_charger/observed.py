"""What can be seen of a simulated charger from outside: its frames, and what came of a try to charge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket text frame, as it was on the wire."""

    at: datetime
    sent: bool  # by the charger
    raw: bytes

    @property
    def message(self) -> Any:
        """The decoded frame; None when it is no JSON."""
        try:
            return msgspec.json.decode(self.raw)
        except msgspec.DecodeError:
            return None

    @property
    def action(self) -> str | None:
        """The action of a CALL; None for answers and for what cannot be read."""
        match self.message:
            case [2, _, str(action), *_]:
                return action
            case _:
                return None


class DecidedBy(StrEnum):
    CENTRAL = "central"
    CACHE = "cache"
    LOCAL_LIST = "local_list"
    OFFLINE_RULE = "offline_rule"
    FREEVEND = "freevend"
    REMOTE_START = "remote_start"  # taken without asking back
    NOBODY = "nobody"  # no answer came, or nobody asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A status for an identifier in the protocol's word (`Accepted`, `Invalid`, ...; `NoAnswer` is ours), and whose it is."""

    status: str
    decided_by: DecidedBy = DecidedBy.CENTRAL
    expires_at: datetime | None = None
    group: str | None = None
    message: str | None = None

    @property
    def accepted(self) -> bool:
        return self.status == "Accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one try to charge.

    `charged`: energy flows, or flowed until the driver left. `refused_at`: "authorize", "start", "connector" (faulted or
    unavailable, nobody was asked) or None.
    `energy_wh` is the session's until now. `transaction_id` is the central system's in 1.6 (None if it never gave one).
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
