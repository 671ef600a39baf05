"""Access tokens of an OIDC issuer (RFC 9068), including Amazon Cognito's, which name a client instead of an audience.

PyJWT checks the signature, the issuer and the audience. In addition, this module refuses a token if its JSON is ambiguous (a
duplicate name), if its header asks for other processing (RFC 8725), or if it is an id token.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import jwt
from jwt.utils import base64url_decode

from access_policy.adapters.identity.bearer import is_jwt
from access_policy.adapters.identity.claims import depots_of, names_of
from access_policy.adapters.identity.key_cache import KeyCache, NoKeysYet
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.identity import NO_TENANT, Identity, Role, TokenRefused, VerifierUnavailable
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ActorId, TenantId, checked_id
from access_policy.domain.tenants.tenant import checked_tenant_id

TOKEN_LENGTH_MAX: Final = 16 * 1024
TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
HEADER_NAMES: Final = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})
ID_TOKEN_CLAIMS: Final = frozenset({"at_hash", "c_hash"})  # OpenID Connect Core 1.0, 3.3.2.11
STRONGEST_FIRST: Final = (Role.ADMIN, Role.OPERATOR, Role.SERVICE, Role.AUDITOR, Role.VIEWER, Role.INSTALLATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcRules:
    """The rules for accepting tokens. `audiences` applies to tokens with an audience, `clients` to tokens without one.
    `role_map` gives the role of each value of `roles_claim`; if it is empty, the values are the roles. If `depots_claim` is
    empty, every caller has all depots.
    """

    issuer: str
    audiences: frozenset[str]
    clients: frozenset[str]
    tenant_claim: str
    roles_claim: str
    depots_claim: str
    role_map: Mapping[str, Role]
    clock_skew: timedelta


class OidcTokens:
    def __init__(self, rules: OidcRules, keys: KeyCache, clock: Clock) -> None:
        self._rules = rules
        self._keys = keys
        self._clock = clock

    def recognises(self, token: str) -> bool:
        return is_jwt(token)

    async def verify(self, token: str, *, is_use: bool = True) -> Identity:
        """Verify an access token. Raises `TokenRefused`, or `VerifierUnavailable` if the issuer's keys have not been read since
        the start.
        """
        claims = await self._claims(token)
        self._check_receiver(claims)
        return self._identity(claims)

    async def verify_id_token(self, token: str, *, client: str, nonce: str) -> Identity:
        """Return the person who signed in with `client` (OpenID Connect Core 1.0, 3.1.3.7). Raises like `verify`."""
        claims = await self._claims(token)
        if claims.get("token_use", "id") != "id":
            raise TokenRefused("not an id token")
        if claims.get("aud") not in (client, [client]) or claims.get("azp", client) != client:
            raise TokenRefused("for another client")
        if not secrets.compare_digest(_text(claims.get("nonce")).encode(), nonce.encode()):
            raise TokenRefused("with another nonce")
        return self._identity(claims)

    async def _claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that the issuer signed and that is currently valid. Raises `TokenRefused` or
        `VerifierUnavailable`.
        """
        if len(token) > TOKEN_LENGTH_MAX:
            raise TokenRefused("too long")
        header = _checked_header(_json_part(token, 0))
        try:
            key = await self._keys.key(header["kid"])
        except NoKeysYet as trouble:
            raise VerifierUnavailable(str(trouble)) from trouble
        if key is None:
            raise TokenRefused("signed with a key that the issuer does not have")
        if header["alg"] not in key.algorithms:
            raise TokenRefused("an algorithm that does not fit the key")
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=sorted(key.algorithms),
                issuer=self._rules.issuer,
                options={
                    "require": ["iss", "sub", "exp", "iat"],
                    "verify_aud": False,  # checked below: not every access token has one
                    "verify_exp": False,  # checked below, by the injected clock
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenRefused(repr(error)) from error
        _json_part(token, 1)  # refuses a duplicate claim
        check_times(claims, self._clock, self._rules.clock_skew)
        return claims

    def _check_receiver(self, claims: Mapping[str, Any]) -> None:
        """Check that the token is an access token for this service. Raises `TokenRefused`."""
        if (
            claims.get("token_use", "access") != "access"
            or claims.get("typ") == "ID"
            or ID_TOKEN_CLAIMS & claims.keys()
        ):
            raise TokenRefused("not an access token")
        audience = claims.get("aud")
        if audience is None:
            if claims.get("token_use") != "access" or claims.get("client_id") not in self._rules.clients:
                raise TokenRefused("neither an audience nor an allowed client")
            return
        named = [audience] if isinstance(audience, str) else audience
        if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
            raise TokenRefused("an audience that is neither a string nor a list of strings")
        if self._rules.audiences.isdisjoint(named):
            raise TokenRefused("for another audience")

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        rules = self._rules
        role = self._role(names_of(claims.get(rules.roles_claim, [])))
        client = claims.get("client_id", claims.get("azp", ""))
        try:
            return Identity(
                tenant_id=NO_TENANT if role is Role.INSTALLATION else _tenant(claims.get(rules.tenant_claim)),
                role=role,
                subject=ActorId(checked_id(_text(claims["sub"]), "subject")),
                depots=depots_of(claims.get(rules.depots_claim)) if rules.depots_claim else None,
                credential=_text(client),
            )
        except Refused as refusal:
            raise TokenRefused(refusal.detail) from refusal

    def _role(self, names: list[str]) -> Role:
        """Return the strongest role that the names give. Raises `TokenRefused`."""
        known = self._rules.role_map or {role.value: role for role in Role}
        given = {known[name] for name in names if name in known}
        for role in STRONGEST_FIRST:
            if role in given:
                return role
        raise TokenRefused("no role")


def check_times(claims: Mapping[str, Any], clock: Clock, skew: timedelta) -> None:
    """Check that the token is valid in `[nbf, exp)` and not issued in the future, within a tolerance of `skew`. Raises
    `TokenRefused`.
    """
    now = clock.now().timestamp()
    times = (claims["iat"], claims["exp"], claims.get("nbf", claims["iat"]))
    if any(isinstance(at, bool) or not isinstance(at, int | float) for at in times):
        raise TokenRefused("times that are not numbers")
    issued, expires, not_before = times
    tolerated = skew.total_seconds()
    if not now < expires + tolerated or not now >= max(issued, not_before) - tolerated:
        raise TokenRefused("not valid now")


def _checked_header(header: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check that the header has a `kid`, and only names that do not change how the token is read. Raises `TokenRefused`."""
    if not header.keys() <= HEADER_NAMES:
        raise TokenRefused("a header with names that are not accepted")
    kid, type_ = header.get("kid"), header.get("typ", "JWT")
    if not isinstance(kid, str) or not kid or not isinstance(header.get("alg"), str):
        raise TokenRefused("no kid, or no algorithm")
    if not isinstance(type_, str) or type_.lower() not in TYPES:
        raise TokenRefused("another type of token")
    return header


def _json_part(token: str, index: int) -> dict[str, Any]:
    """Decode one of the token's two JSON objects. Raises `TokenRefused`, including for a duplicate name (RFC 8725, 2.4)."""
    try:
        part = json.loads(base64url_decode(token.split(".")[index]), object_pairs_hook=_names_once)
    except (ValueError, RecursionError) as error:
        raise TokenRefused(repr(error)) from error
    if not isinstance(part, dict):
        raise TokenRefused("a part that is not a JSON object")
    return part


def _names_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise TokenRefused("a duplicate name")
    return names


def _tenant(claim: object) -> TenantId:
    return checked_tenant_id(_text(claim), "tenant")


def _text(claim: object) -> str:
    if not isinstance(claim, str):
        raise TokenRefused("a claim that is not a string")
    return claim
