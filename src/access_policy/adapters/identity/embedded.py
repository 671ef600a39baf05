"""Tokens for one machine, signed by ES256 (RFC 7518, 3.4) with a key in the data directory.

Only this algorithm and this key are accepted: key references in the header (`jwk`, `jku`, `x5u`, `kid`) are ignored, and a
header with critical extensions is refused.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from access_policy.adapters.identity.claims import depots_of
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.identity import NO_TENANT, Identity, Role, TokenRefused
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ActorId, TenantId, checked_id
from access_policy.domain.tenants.tenant import checked_tenant_id

ALGORITHM = "ES256"
ISSUER = "urn:access-policy:embedded"
AUDIENCE = "access-policy"
LEEWAY = timedelta(seconds=10)
TOKEN_LENGTH_MAX = 4096
KEY_FILE = "token-signing.pem"
TTL_MAX = timedelta(days=366)


class KeyFileUnsafe(Exception):
    """The signing key is readable by others or is not a key; the message says what to do."""


class EmbeddedTokens:
    def __init__(self, key: ec.EllipticCurvePrivateKey, clock: Clock) -> None:
        self._key = key
        self._public = key.public_key()
        self._clock = clock

    def issue(
        self, tenant_id: str, role: Role, *, subject: str, ttl: timedelta, depots: Iterable[str] | None = None
    ) -> str:
        """Sign a token. `tenant_id` is `NO_TENANT` for the role `installation` only. Without `depots`, it is for all depots.

        Raises `InvalidId` for an invalid tenant, subject or depot, and `ValueError` if `ttl` is out of range.
        """
        if role is Role.INSTALLATION and tenant_id != NO_TENANT:
            raise ValueError("a token with the role installation belongs to no tenant; leave the tenant out")
        if not timedelta(0) < ttl <= TTL_MAX:
            raise ValueError(f"a token's validity must be positive and at most {TTL_MAX.days} days")
        now = self._clock.now()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": checked_id(subject, "subject"),
            **({} if role is Role.INSTALLATION else {"tenant": checked_tenant_id(tenant_id, "tenant")}),
            "role": role.value,
            **({} if depots is None else {"depots": [checked_id(each, "depot") for each in depots]}),
            "iat": now,
            "exp": now + ttl,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def verify(self, token: str) -> Identity:
        if len(token) > TOKEN_LENGTH_MAX:
            raise TokenRefused("too long")
        try:
            if "crit" in jwt.get_unverified_header(token):
                raise TokenRefused("critical header")
            claims = jwt.decode(
                token,
                self._public,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={
                    "require": ["iss", "aud", "sub", "role", "iat", "exp"],
                    "verify_exp": False,  # checked below, by the injected clock
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise TokenRefused(repr(error)) from error
        self._check_times(claims)
        return _identity(claims)

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._clock.now().timestamp()
        times = (claims["iat"], claims["exp"], claims.get("nbf", claims["iat"]))
        if any(isinstance(at, bool) or not isinstance(at, int | float) for at in times):
            raise TokenRefused("times that are not numbers")
        issued, expires, not_before = times
        leeway = LEEWAY.total_seconds()
        if now >= expires + leeway or now < max(issued, not_before) - leeway:
            raise TokenRefused("not valid now")


def open_embedded_tokens(directory: Path, clock: Clock) -> EmbeddedTokens:
    """Read the key in `directory`, or create it. Raises `KeyFileUnsafe`."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / KEY_FILE
    if not path.exists():
        _write_key(path)
    if path.stat().st_mode & 0o077:
        raise KeyFileUnsafe(f"{path} can be read by others; run chmod 600 on it.")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileUnsafe(
            f"{path} does not contain a readable key. Move it away, and a new one is created."
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyFileUnsafe(f"{path} does not contain a P-256 key. Move it away, and a new one is created.")
    return EmbeddedTokens(key, clock)


def _write_key(path: Path) -> None:
    """Create the key file atomically: if two processes start at once, the first link wins and both read the same file."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # readable by its owner only
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)
        except FileExistsError:
            return
    finally:
        fresh.unlink()


def _identity(claims: dict[str, Any]) -> Identity:
    tenant, subject, role = claims.get("tenant"), claims["sub"], claims["role"]
    if not isinstance(subject, str) or not isinstance(role, str) or role not in set(Role):
        raise TokenRefused("claims of the wrong type, or an unknown role")
    try:
        return Identity(
            tenant_id=_tenant(tenant, Role(role)),
            role=Role(role),
            subject=ActorId(checked_id(subject, "subject")),
            depots=depots_of(claims.get("depots")),
        )
    except Refused as refusal:
        raise TokenRefused(refusal.detail) from refusal


def _tenant(claim: object, role: Role) -> TenantId:
    """Return the tenant that the claim names. Raises `TokenRefused`, or `InvalidId` for a string that cannot be a tenant's
    id.
    """
    if role is Role.INSTALLATION:
        if claim is not None:
            raise TokenRefused("a token of the installation that names a tenant")
        return NO_TENANT
    if not isinstance(claim, str):
        raise TokenRefused("no tenant")
    return checked_tenant_id(claim, "tenant")
