"""Sessions of people in a browser, and sign-ins under way at the OIDC issuer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from access_policy.application.ports.identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSession:
    """`used_at` is up to a minute old; `expires_at` is exclusive, whatever the use. `id_token` is the issuer's, which ends its
    own session on it; empty for a session of a one-time link."""

    identity: Identity
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    id_token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A browser on its way to the issuer and back. `browser` is the digest of the value in its cookie; `verifier` is the
    `code_verifier` of RFC 7636; `expires_at` is exclusive."""

    browser: str
    nonce: str
    verifier: str
    expires_at: datetime


class ConsoleSessions(Protocol):
    """The sessions by the SHA-256 of their id, never the id. All methods raise `StoreUnavailable`."""

    async def put(self, digest: str, session: ConsoleSession) -> None: ...

    async def find(self, digest: str) -> ConsoleSession | None:
        """The session as every process sees it now, expired or not."""
        ...

    async def used(self, digest: str, at: datetime) -> None: ...

    async def end(self, digest: str) -> ConsoleSession | None:
        """Delete the session, and return it; None if there is none."""
        ...

    async def forget_old(self, *, used_before: datetime, now: datetime) -> None:
        """Delete the sessions that were last used before then, or have expired, and the sign-ins that have."""
        ...


class SignIns(Protocol):
    """Sign-ins under way by the SHA-256 of their `state`. All methods raise `StoreUnavailable`."""

    async def put(self, digest: str, sign_in: SignIn, *, now: datetime) -> None:
        """Raises `TooBusy` if too many are under way: anybody can begin one."""
        ...

    async def take(self, digest: str) -> SignIn | None:
        """Delete the sign-in and return it: of two callers in any process only one receives it."""
        ...
