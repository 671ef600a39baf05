"""Sign in to the console, at the OIDC issuer or by a one-time link, and sign out.

Session ids and states are 256 random bits and link codes 128, so a single SHA-256 is a sufficient hash. The verifier
and the nonce of a sign-in are stored for the ten minutes that it may take.
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
LINK_BYTES: Final = 16  # so that a QR code of the link fits on a terminal
SESSION_PREFIX: Final = "aps_"


def new_secret() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


@dataclass(frozen=True, slots=True)
class SessionOpening:
    """Opens sessions, which last for `lasts` regardless of use."""

    sessions: ConsoleSessions
    clock: Clock
    lasts: timedelta

    async def __call__(self, identity: Identity, id_token: str = "") -> str:
        """Open a session and return its id, which only the browser's cookie keeps. Raises `StoreUnavailable`."""
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
    """Sign in by the authorization code flow. `browser` is the value of the cookie that ties a sign-in to one browser."""

    provider: IdentityProvider
    sign_ins: SignIns
    open_session: SessionOpening
    clock: Clock

    async def begin(self, browser: str, redirect_uri: str) -> str:
        """Return the issuer's URL for the browser. Raises `ProviderUnavailable`, `TooBusy`, `StoreUnavailable`."""
        now, state = self.clock.now(), new_secret()
        sign_in = SignIn(
            browser=digest_of(browser), nonce=new_secret(), verifier=new_secret(), expires_at=now + SIGN_IN_LASTS
        )
        url = await self.provider.authorization_url(sign_in, state=state, redirect_uri=redirect_uri)
        await self.sign_ins.put(digest_of(state), sign_in, now=now)
        return url

    async def finish(self, browser: str, callback: Callback, redirect_uri: str) -> str:
        """Return the id of the new session. A state can be used once, whether or not the sign-in succeeds.

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
    """Sign in by a one-time link."""

    links: LoginLinks
    open_session: SessionOpening
    clock: Clock

    async def __call__(self, code: str) -> str:
        """Return the id of the new session. Raises `SignInRefused`, `StoreUnavailable`."""
        link = await self.links.take(digest_of(code))
        if link is None or link.expires_at <= self.clock.now():
            raise SignInRefused("a link that is unknown, used or expired")
        return await self.open_session(link.identity)


async def new_login_link(links: LoginLinks, identity: Identity, clock: Clock) -> str:
    """Return the code of a link that opens one session within ten minutes; only its hash is stored. Raises
    `StoreUnavailable`."""
    code, now = secrets.token_urlsafe(LINK_BYTES), clock.now()
    await links.put(digest_of(code), LoginLink(identity=identity, expires_at=now + LINK_LASTS), now=now)
    return code


@dataclass(frozen=True, slots=True)
class SignOut:
    """End a session. `provider` is None if the installation has no issuer."""

    sessions: ConsoleSessions
    provider: IdentityProvider | None

    async def __call__(self, session_id: str, return_to: str) -> str | None:
        """End the session and return the URL at which the browser ends the issuer's session too; None if there is none.

        Raises `StoreUnavailable`, or `ProviderUnavailable` after the session here has ended.
        """
        session = await self.sessions.end(digest_of(session_id))
        if session is None or not session.id_token or self.provider is None:
            return None
        return await self.provider.end_session_url(session.id_token, return_to=return_to)
