"""Messages of the live stream in their wire format (server-sent events, HTML Standard 9.2), and who may read which."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from access_policy.application.live.subjects import Kind, Subject
from access_policy.application.ports.identity import DepotScope
from access_policy.domain.ids import TenantId

RETRY_MS: Final = 2_000  # how long a client waits before it reconnects


class EndReason(StrEnum):
    """Why the service ends a stream. After any reason but `signed-out` the client may reconnect at once, from its last id."""

    SLOW_READER = "slow-reader"
    SHUTTING_DOWN = "shutting-down"
    SIGNED_OUT = "signed-out"
    PERMISSIONS_CHANGED = "permissions-changed"
    UNAVAILABLE = "unavailable"


class ResetReason(StrEnum):
    """Why the stream cannot continue from a client's last id: the client must read everything again."""

    TOO_OLD = "too-old"
    UNKNOWN_POSITION = "unknown-position"


@dataclass(frozen=True, slots=True)
class Rendered:
    """The current state of a subject as JSON, rendered once for all clients of its tenant."""

    data: bytes
    depot_id: str | None = None
    charger_id: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """`position` is that of the latest event that changed the subject."""

    position: int
    subject: Subject
    rendered: Rendered


class Rendering(Protocol):
    async def render(self, tenant_id: TenantId, subjects: Sequence[Subject]) -> Mapping[Subject, Rendered]:
        """Return the current state of each subject, omitting those that do not exist (any more). Raises
        `StoreUnavailable`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """The messages that a client may read and has selected: those of its tenant and depots, of `kinds`, and of the
    depot and the charger if given. Import progress belongs to no depot; `sees_imports` is for callers who may import."""

    tenant_id: TenantId
    depots: DepotScope
    sees_imports: bool
    kinds: frozenset[Kind]
    depot_id: str | None = None
    charger_id: str | None = None

    def admits(self, message: Message) -> bool:
        kind, rendered = message.subject.kind, message.rendered
        if kind not in self.kinds:
            return False
        if kind is Kind.IMPORT:
            return self.sees_imports and self.depots is None and self.depot_id is None and self.charger_id is None
        if self.depots is not None and rendered.depot_id not in self.depots:
            return False
        return self.depot_id in (None, rendered.depot_id) and self.charger_id in (None, rendered.charger_id)


def on_the_wire(messages: Sequence[Message]) -> bytes:
    """Encode `messages`, which ascend by position. Of messages with the same position only the last has the id, so that
    a client that received only some of them resumes before all of them."""
    parts = []
    for number, message in enumerate(messages, 1):
        is_last = number == len(messages) or messages[number].position != message.position
        identified = b"id: %d\n" % message.position if is_last else b""
        parts.append(b"%sevent: %s\ndata: %s\n\n" % (identified, message.subject.kind.encode(), message.rendered.data))
    return b"".join(parts)


def beginning() -> bytes:
    return b"retry: %d\n\n" % RETRY_MS


def ready(position: int) -> bytes:
    """Tell the client that everything up to the position has been sent, and that all later messages are live."""
    return _control("ready", {"position": position}, position)


def reset(position: int, reason: ResetReason) -> bytes:
    """Tell the client to read everything again, as it is at this position or later."""
    return _control("reset", {"reason": reason, "position": position}, position)


def end(reason: EndReason) -> bytes:
    return _control("end", {"reason": reason}, None)


def heartbeat(position: int) -> bytes:
    """Return a comment, and an id without data, which clients store without dispatching an event (HTML Standard 9.2.6)."""
    return b": heartbeat\nid: %d\n\n" % position


def _control(name: str, data: Mapping[str, Any], position: int | None) -> bytes:
    identified = "" if position is None else f"id: {position}\n"
    return f"{identified}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
