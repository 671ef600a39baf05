"""One-time links that open a session of the console if the embedded key signs tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from access_policy.application.ports.identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginLink:
    """`expires_at` is exclusive."""

    identity: Identity
    expires_at: datetime


class LoginLinks(Protocol):
    """Links by the SHA-256 of their code; the code is never stored. All methods raise `StoreUnavailable`."""

    async def put(self, digest: str, link: LoginLink, *, now: datetime) -> None:
        """Add the link, and delete the expired ones."""
        ...

    async def take(self, digest: str) -> LoginLink | None:
        """Delete the link and return it. If several callers, in any process, do so at once, only one receives it."""
        ...
