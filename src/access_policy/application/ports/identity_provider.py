"""The OIDC issuer at which people sign in with a browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from access_policy.application.ports.console_sessions import SignIn
from access_policy.application.ports.identity import Identity


class SignInRefused(Exception):
    """The sign-in failed. The reason is for the log and contains no secret."""


class ProviderUnavailable(Exception):
    """The issuer does not answer, or not as its discovery document says; the message says why. A retry may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """The parameters with which the issuer sends the browser back (RFC 6749, 4.1.2; `issuer`: RFC 9207)."""

    state: str
    code: str
    issuer: str
    error: str


class IdentityProvider(Protocol):
    """All methods raise `ProviderUnavailable`."""

    async def authorization_url(self, sign_in: SignIn, *, state: str, redirect_uri: str) -> str:
        """Return the URL at which the browser signs in (OpenID Connect Core 1.0, 3.1.2.1, with RFC 7636's S256)."""
        ...

    async def redeem(self, callback: Callback, sign_in: SignIn, *, redirect_uri: str) -> tuple[Identity, str]:
        """Exchange the code for the ID token and verify it. Return the identity and the token. Raises `SignInRefused`."""
        ...

    async def end_session_url(self, id_token: str, *, return_to: str) -> str | None:
        """Return the URL at which the browser ends the issuer's own session (OpenID Connect RP-Initiated Logout 1.0,
        2); None if the issuer does not offer that."""
        ...
