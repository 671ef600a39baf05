"""Sign in at the OIDC issuer: authorization code (RFC 6749, 4.1) with PKCE (RFC 7636), and logout."""

from __future__ import annotations

import asyncio
import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx

from access_policy.adapters.identity.issuer import TIMEOUT_S, Endpoints, IssuerUnreachable, IssuerUnusable
from access_policy.adapters.identity.oidc import OidcTokens
from access_policy.adapters.outgoing.handshakes import closing_cut_off_handshakes
from access_policy.adapters.outgoing.trust import CaUnusable, Trust
from access_policy.application.ports.console_sessions import SignIn
from access_policy.application.ports.identity import Identity, TokenRefused, VerifierUnavailable
from access_policy.application.ports.identity_provider import Callback, ProviderUnavailable, SignInRefused

ENDPOINTS_S: Final = 300.0  # how long discovered endpoints are used
ANSWER_MAX: Final = 256 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class OidcClient:
    """This service as a client of the issuer. If `secret` is empty, it is a public client, which only PKCE protects."""

    client_id: str
    secret: str
    scopes: str


class KnownEndpoints:
    """Caches the issuer's endpoints for `ENDPOINTS_S`, because anyone can begin a sign-in. `monotonic` returns seconds."""

    def __init__(self, discover: Callable[[], Awaitable[Endpoints]], monotonic: Callable[[], float]) -> None:
        self._discover = discover
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._known: tuple[float, Endpoints] | None = None

    async def __call__(self) -> Endpoints:
        """Return the endpoints, discovered again if they are old. Raises `ProviderUnavailable`."""
        async with self._lock:
            if self._known is not None and self._monotonic() < self._known[0] + ENDPOINTS_S:
                return self._known[1]
            try:
                found = await self._discover()
            except (IssuerUnreachable, IssuerUnusable) as trouble:
                raise ProviderUnavailable(str(trouble)) from trouble
            self._known = (self._monotonic(), found)
            return found


class OidcSignIn:
    """Implements `IdentityProvider`."""

    def __init__(
        self, issuer: str, client: OidcClient, endpoints: KnownEndpoints, tokens: OidcTokens, trust: Trust
    ) -> None:
        self._issuer = issuer
        self._client = client
        self._endpoints = endpoints
        self._tokens = tokens
        self._trust = trust

    async def authorization_url(self, sign_in: SignIn, *, state: str, redirect_uri: str) -> str:
        challenge = urlsafe_b64encode(hashlib.sha256(sign_in.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client.client_id,
            "redirect_uri": redirect_uri,
            "scope": self._client.scopes,
            "state": state,
            "nonce": sign_in.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return _with_query((await self._endpoints()).authorization, asked)

    async def redeem(self, callback: Callback, sign_in: SignIn, *, redirect_uri: str) -> tuple[Identity, str]:
        endpoints = await self._endpoints()
        if callback.issuer != self._issuer and (callback.issuer or endpoints.names_itself):
            raise SignInRefused("an answer of another issuer")
        form = {
            "grant_type": "authorization_code",
            "code": callback.code,
            "redirect_uri": redirect_uri,
            "client_id": self._client.client_id,
            "code_verifier": sign_in.verifier,
        }
        id_token = (await self._answer(endpoints, form)).get("id_token")
        if not isinstance(id_token, str):
            raise SignInRefused("the issuer answers without an id token; is openid among the scopes?")
        try:
            return await self._verified(id_token, sign_in), id_token
        except TokenRefused as refused:
            raise SignInRefused(f"the id token is refused: {refused}") from refused
        except VerifierUnavailable as trouble:
            raise ProviderUnavailable(str(trouble)) from trouble

    async def end_session_url(self, id_token: str, *, return_to: str) -> str | None:
        address = (await self._endpoints()).end_session
        if not address:
            return None
        asked = {
            "id_token_hint": id_token,
            "client_id": self._client.client_id,
            "post_logout_redirect_uri": return_to,
        }
        return _with_query(address, asked)

    async def _verified(self, id_token: str, sign_in: SignIn) -> Identity:
        return await self._tokens.verify_id_token(id_token, client=self._client.client_id, nonce=sign_in.nonce)

    async def _answer(self, endpoints: Endpoints, form: Mapping[str, str]) -> dict[str, Any]:
        """Return the token endpoint's answer (RFC 6749, 5)."""
        client, headers = self._client, {"Accept": "application/json"}
        auth: httpx.Auth | None = None
        if client.secret and endpoints.takes_basic:  # RFC 6749, 2.3.1: both are form-encoded first
            auth = httpx.BasicAuth(quote_plus(client.client_id), quote_plus(client.secret))
        elif client.secret:
            form = {**form, "client_secret": client.secret}
        body = bytearray()
        try:
            opened = httpx.AsyncClient(verify=await self._trust.context(), timeout=TIMEOUT_S)
            async with (
                closing_cut_off_handshakes(opened) as connection,
                connection.stream("POST", endpoints.token, data=dict(form), headers=headers, auth=auth) as answer,
            ):
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > ANSWER_MAX:
                        raise ProviderUnavailable(f"{endpoints.token} answers with more than {ANSWER_MAX} bytes.")
        except (httpx.HTTPError, OSError, CaUnusable) as error:
            raise ProviderUnavailable(f"The issuer does not answer at {endpoints.token}: {error!r}.") from error
        return _checked(endpoints.token, answer.status_code, bytes(body))


def _checked(address: str, status: int, body: bytes) -> dict[str, Any]:
    if status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS:
        raise ProviderUnavailable(f"The issuer answers {status} at {address}.")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if status != httpx.codes.OK or not isinstance(answer, dict):
        reason = answer.get("error") if isinstance(answer, dict) else None
        raise SignInRefused(f"the issuer does not exchange the code: {status} {str(reason)[:100]!r}")
    return answer


def _with_query(address: str, asked: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(asked)}"
