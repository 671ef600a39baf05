"""Sign in to the console, at the OIDC issuer or by a one-time link, and sign out.

Ids, states and codes are 256 random bits, of which one SHA-256 is a sufficient hash. Verifier and nonce of a sign-in stay on
record for the ten minutes that it may take.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from access_policy.application.api_key_secrets import digest_of
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.console_sessions import ConsoleSession, ConsoleSessions, SignIn, SignIns
from access_policy.application.ports.identity import Identity
from access_policy.application.ports.identity_provider import Callback, IdentityProvider, SignInRefused
from access_policy.application.ports.login_links import LoginLink, LoginLinks

log = logging.getLogger(__name__)

SECRET_BYTES: Final = 32
SIGN_IN_LASTS: Final = timedelta(minutes=10)
LINK_LASTS: Final = timedelta(minutes=10)
LINK_BYTES: Final = 16  # so that a QR code of the link fits a terminal
SESSION_PREFIX: Final = "aps_"


def new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


@dataclass(frozen=True, slots=True)
class SessionOpening:
    """Opens sessions, which last for `lasts` however much they are used."""

    sessions: ConsoleSessions
    clock: Clock
    lasts: timedelta

    async def __call__(self, identity: Identity, id_token: str = "") -> str:
        """The id of a new session. It is in the browser's cookie only. Raises `StoreUnavailable`."""
        session_id = SESSION_PREFIX + new_secret()
        now = self.clock.now()
        session = ConsoleSession(
            identity=identity, created_at=now, used_at=now, expires_at=now + self.lasts, id_token=id_token
        )
        await self.sessions.put(digest_of(session_id), session)
        log.info("%s of %s signed in as %s", identity.subject, identity.tenant_id or "no tenant", identity.role)
        return session_id


@dataclass(frozen=True, slots=True)
class ConsoleSignIn:
    """By the authorization code flow. `browser` is the value of the cookie that ties a sign-in to one browser."""

    provider: IdentityProvider
    sign_ins: SignIns
    open_session: SessionOpening
    clock: Clock

    async def begin(self, browser: str, redirect_uri: str) -> str:
        """The issuer's URL for the browser. Raises `ProviderUnavailable`, `TooBusy`, `StoreUnavailable`."""
        now, state = self.clock.now(), new_secret()
        sign_in = SignIn(
            browser=digest_of(browser), nonce=new_secret(), verifier=new_secret(), expires_at=now + SIGN_IN_LASTS
        )
        url = await self.provider.authorization_url(sign_in, state=state, redirect_uri=redirect_uri)
        await self.sign_ins.put(digest_of(state), sign_in, now=now)
        return url

    async def finish(self, browser: str, callback: Callback, redirect_uri: str) -> str:
        """The id of the new session. A state counts once, whether the sign-in succeeds or not.

        Raises `SignInRefused`, `ProviderUnavailable`, `StoreUnavailable`.
        """
        sign_in = await self.sign_ins.take(digest_of(callback.state))
        if sign_in is None:
            raise SignInRefused("an unknown state, or one that was used before")
        if not secrets.compare_digest(sign_in.browser, digest_of(browser)):
            raise SignInRefused("a state of another browser")
        if sign_in.expires_at <= self.clock.now():
            raise SignInRefused("a state that has expired")
        if callback.error or not callback.code:
            raise SignInRefused(f"the issuer answers {callback.error[:200]!r} and no code")
        identity, id_token = await self.provider.redeem(callback, sign_in, redirect_uri=redirect_uri)
        return await self.open_session(identity, id_token)


@dataclass(frozen=True, slots=True)
class LinkSignIn:
    """By a one-time link."""

    links: LoginLinks
    open_session: SessionOpening
    clock: Clock

    async def __call__(self, code: str) -> str:
        """The id of the new session. Raises `SignInRefused`, `StoreUnavailable`."""
        link = await self.links.take(digest_of(code))
        if link is None or link.expires_at <= self.clock.now():
            raise SignInRefused("a link that is unknown, used or expired")
        return await self.open_session(link.identity)


async def new_login_link(links: LoginLinks, identity: Identity, clock: Clock) -> str:
    """The code of a link that opens one session within ten minutes. It exists nowhere else. Raises `StoreUnavailable`."""
    code, now = secrets.token_urlsafe(LINK_BYTES), clock.now()
    await links.put(digest_of(code), LoginLink(identity=identity, expires_at=now + LINK_LASTS), now=now)
    return code


@dataclass(frozen=True, slots=True)
class SignOut:
    """End a session here; `provider` None: there is no other end."""

    sessions: ConsoleSessions
    provider: IdentityProvider | None

    async def __call__(self, session_id: str, return_to: str) -> str | None:
        """Where the browser goes to end the issuer's session too; None if there is nothing to end.

        Raises `StoreUnavailable`; `ProviderUnavailable` when the session here has ended.
        """
        session = await self.sessions.end(digest_of(session_id))
        if session is None or not session.id_token or self.provider is None:
            return None
        return await self.provider.end_session_url(session.id_token, return_to=return_to)
