"""Sessions of people in a browser, and sign-ins in progress at the OIDC issuer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from access_policy.application.ports.identity import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSession:
    """`used_at` may lag by up to a minute; `expires_at` is exclusive and does not depend on use. `id_token` is the
    issuer's, which needs it to end its own session; empty for a session of a one-time link."""

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
    """Sessions by the SHA-256 of their id; the id is never stored. All methods raise `StoreUnavailable`."""

    async def put(self, digest: str, session: ConsoleSession) -> None: ...

    async def find(self, digest: str) -> ConsoleSession | None:
        """Return the session, expired or not, as every process sees it now."""
        ...

    async def used(self, digest: str, at: datetime) -> None: ...

    async def end(self, digest: str) -> ConsoleSession | None:
        """Delete the session and return it; None if there is none."""
        ...

    async def forget_old(self, *, used_before: datetime, now: datetime) -> None:
        """Delete the sessions that were last used before `used_before` or have expired, and expired sign-ins."""
        ...


class SignIns(Protocol):
    """Sign-ins in progress by the SHA-256 of their `state`. All methods raise `StoreUnavailable`."""

    async def put(self, digest: str, sign_in: SignIn, *, now: datetime) -> None:
        """Store the sign-in. Raises `TooBusy` if too many are in progress, because anyone can begin one."""
        ...

    async def take(self, digest: str) -> SignIn | None:
        """Delete the sign-in and return it. If several callers, in any process, do so at once, only one receives it."""
        ...
