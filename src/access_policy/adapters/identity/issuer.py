"""An OIDC issuer over HTTP: its discovery document (OpenID Connect Discovery 1.0, 4) and its signing keys (RFC 7517)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt import PyJWK, PyJWTError

from access_policy.adapters.outgoing.handshakes import closing_cut_off_handshakes
from access_policy.adapters.outgoing.trust import CaUnusable, Trust

DISCOVERY: Final = "/.well-known/openid-configuration"
TIMEOUT_S: Final = 5.0
DOCUMENT_MAX: Final = 256 * 1024  # bytes
KEYS_MAX: Final = 100
RSA_BITS_MIN: Final = 2048  # RFC 7518, 3.3
RSA_ALGORITHMS: Final = frozenset({"RS256", "PS256"})
EC_ALGORITHMS: Final = frozenset({"ES256"})


class IssuerUnreachable(Exception):
    """The issuer does not answer, or answers that it cannot at present; retrying may help."""


class IssuerUnusable(Exception):
    """The issuer's answer does not fit the settings; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key. `algorithms` are the ones that its signatures may use."""

    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    algorithms: frozenset[str]


SigningKeys = Mapping[str, SigningKey]  # by `kid`


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The URLs at which people sign in and out (OpenID Connect Discovery 1.0, 3; RP-Initiated Logout 1.0, 2.1). `end_session`
    is empty if the issuer does not offer it. `names_itself` tells whether the issuer adds `iss` to its answers (RFC 9207).
    """

    authorization: str
    token: str
    end_session: str
    names_itself: bool
    takes_basic: bool


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer. `url` is exactly as its tokens name it."""

    url: str
    trust: Trust = field(default_factory=Trust)

    async def signing_keys(self) -> SigningKeys:
        """Return at least one key. Raises `IssuerUnreachable` or `IssuerUnusable`."""
        async with await self._client() as client:
            keys_at = self._named("jwks_uri", await self._discovered(client))
            key_set = await _json(client, keys_at)
        keys = await asyncio.to_thread(usable_keys, key_set)
        if not keys:
            raise IssuerUnusable(f"{keys_at} has no key with a kid for RS256, PS256 or ES256; add one at the issuer.")
        return keys

    async def endpoints(self) -> Endpoints:
        """Discover the endpoints. Raises `IssuerUnreachable` or `IssuerUnusable`."""
        async with await self._client() as client:
            document = await self._discovered(client)
        methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Endpoints(
            authorization=self._named("authorization_endpoint", document),
            token=self._named("token_endpoint", document),
            end_session=self._named("end_session_endpoint", document) if "end_session_endpoint" in document else "",
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
            takes_basic="client_secret_basic" in methods,
        )

    async def _client(self) -> httpx.AsyncClient:
        try:
            client = httpx.AsyncClient(verify=await self.trust.context(), timeout=TIMEOUT_S)
        except CaUnusable as unusable:
            raise IssuerUnusable(str(unusable)) from unusable
        return closing_cut_off_handshakes(client)

    async def _discovered(self, client: httpx.AsyncClient) -> dict[str, Any]:
        document = await _json(client, self._discovery)
        if document.get("issuer") != self.url:
            raise IssuerUnusable(
                f"{self._discovery} names the issuer {str(document.get('issuer'))[:200]!r} and not {self.url!r}; set "
                "ACCESS_POLICY_OIDC_ISSUER to the issuer exactly as it names itself."
            )
        return document

    def _named(self, name: str, document: Mapping[str, Any]) -> str:
        address = document.get(name)
        if not isinstance(address, str) or not _same_or_safer(address, self.url):
            raise IssuerUnusable(f"{self._discovery} names no usable {name}; is {self.url} an OpenID Connect issuer?")
        return address

    @property
    def _discovery(self) -> str:
        return self.url.rstrip("/") + DISCOVERY


def usable_keys(key_set: Mapping[str, Any]) -> SigningKeys:
    """Return the public signing keys of the set (RFC 7517, 5) that have a unique `kid`; all other keys are ignored."""
    found: dict[str, SigningKey] = {}
    listed = key_set.get("keys")
    for each in listed[:KEYS_MAX] if isinstance(listed, list) else []:
        if not isinstance(each, dict) or each.get("use", "sig") != "sig" or "d" in each:
            continue
        kid, key = each.get("kid"), _signing_key(each)
        if isinstance(kid, str) and kid and key is not None:
            found.setdefault(kid, key)
    return found


def _signing_key(described: dict[str, Any]) -> SigningKey | None:
    stated = described.get("alg")
    if described.get("kty") not in ("RSA", "EC") or stated not in (None, *RSA_ALGORITHMS, *EC_ALGORITHMS):
        return None
    try:
        key = PyJWK(described).key
    except (PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS_MIN:
        possible = RSA_ALGORITHMS
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        possible = EC_ALGORITHMS
    else:
        return None
    algorithms = possible if stated is None else possible & {stated}
    return SigningKey(key, algorithms) if algorithms else None


async def _json(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    try:
        async with client.stream("GET", address, headers={"Accept": "application/json"}) as answer:
            body = await _body(answer)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise IssuerUnusable(f"{address} is not a URL that can be fetched: {error}.") from error
    except (httpx.HTTPError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise IssuerUnreachable(f"The issuer does not answer at {address}: {reason}.") from error
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.status_code >= 500:
        raise IssuerUnreachable(f"The issuer answers {answer.status_code} at {address}.")
    if answer.status_code != httpx.codes.OK:
        raise IssuerUnusable(f"{address} answers {answer.status_code}; correct ACCESS_POLICY_OIDC_ISSUER.")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise IssuerUnusable(f"{address} does not answer with JSON; correct ACCESS_POLICY_OIDC_ISSUER.") from error
    if not isinstance(document, dict):
        raise IssuerUnusable(f"{address} does not answer with a JSON object; correct ACCESS_POLICY_OIDC_ISSUER.")
    return document


async def _body(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for part in answer.aiter_bytes():
        body += part
        if len(body) > DOCUMENT_MAX:
            raise IssuerUnusable(
                f"{answer.url} answers with more than {DOCUMENT_MAX} bytes; check that it is an issuer."
            )
    return bytes(body)


def _same_or_safer(address: str, issuer: str) -> bool:
    """Tell whether the address is as safe as the issuer's: keys and codes must not cross a network in clear text if the issuer
    uses TLS.
    """
    return address.startswith("https://") or (issuer.startswith("http://") and address.startswith("http://"))
