"""Statements that a tenant was erased, as JSON Web Tokens (RFC 7519) signed with a key of the installation."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from access_policy.adapters.secrets.key_files import derived_key
from access_policy.domain.ids import TenantId
from access_policy.domain.tenants.erasure import RemovedFrom, TenantErased

ALGORITHM: Final = "EdDSA"  # Ed25519, RFC 8037
ISSUER: Final = "access-policy"
SUBJECT: Final = "tenant-erasure"


class StatementRefused(Exception):
    """The text is not a statement signed by this installation."""


class ErasureStatements:
    """Derives its key from a key of the installation, so a backup needs no other key."""

    def __init__(self, master: bytes) -> None:
        self._signing = Ed25519PrivateKey.from_private_bytes(derived_key(master, "tenant erasures"))

    def sign(self, tenant_id: TenantId, erasure_id: str, removed: tuple[RemovedFrom, ...], at: datetime) -> str:
        claims = {
            "iss": ISSUER,
            "sub": SUBJECT,
            "iat": at,
            "jti": erasure_id,
            "tenant_id": tenant_id,
            "removed": [{"place": each.place, "rows": each.rows} for each in removed],
        }
        return jwt.encode(claims, self._signing, ALGORITHM)

    def is_signed(self, erased: TenantErased) -> bool:
        """Tell whether this installation signed the record's statement, about this erasure."""
        try:
            claims = self.read(erased.statement)
        except StatementRefused:
            return False
        return (claims.get("tenant_id"), claims["jti"]) == (erased.tenant_id, erased.erasure_id)

    def read(self, statement: str) -> dict[str, Any]:
        """Return the statement's claims. Raises `StatementRefused`."""
        options: Any = {"require": ["iss", "sub", "iat", "jti"], "verify_iat": False}
        try:
            claims = jwt.decode(statement, self._signing.public_key(), [ALGORITHM], issuer=ISSUER, options=options)
        except jwt.InvalidTokenError as error:
            raise StatementRefused("This installation has not signed this statement.") from error
        if claims["sub"] != SUBJECT:
            raise StatementRefused("This is not a statement about the erasure of a tenant.")
        return claims
