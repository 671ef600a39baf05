"""Statements that an installation was restored, as JSON Web Tokens (RFC 7519) signed with a key of the installation."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from access_policy.adapters.secrets.key_files import derived_key
from access_policy.domain.tenants.restoring import InstallationRestored

ALGORITHM: Final = "EdDSA"  # Ed25519, RFC 8037
ISSUER: Final = "access-policy"
SUBJECT: Final = "restore"


class RestoreStatements:
    """Derives its key from a key of the installation, so a backup needs no other key."""

    def __init__(self, master: bytes) -> None:
        self._signing = Ed25519PrivateKey.from_private_bytes(derived_key(master, "restores"))

    def sign(self, restore_id: str, backed_up_at: datetime, restored_at: datetime, position: int) -> str:
        claims = {"iss": ISSUER, "sub": SUBJECT, "iat": restored_at, **_said(restore_id, backed_up_at, position)}
        return jwt.encode(claims, self._signing, ALGORITHM)

    def is_signed(self, restored: InstallationRestored) -> bool:
        """Tell whether this installation signed the record's statement, with the same content as the record."""
        options: Any = {"require": ["iss", "sub", "iat", "jti"], "verify_iat": False}
        try:
            claims = jwt.decode(
                restored.statement, self._signing.public_key(), [ALGORITHM], issuer=ISSUER, options=options
            )
        except jwt.InvalidTokenError:
            return False
        said = _said(restored.restore_id, restored.backed_up_at, restored.position)
        at = int(restored.restored_at.timestamp())
        return claims == {"iss": ISSUER, "sub": SUBJECT, "iat": at, **said}


def _said(restore_id: str, backed_up_at: datetime, position: int) -> dict[str, Any]:
    return {"jti": restore_id, "backed_up_at": int(backed_up_at.timestamp()), "position": position}
