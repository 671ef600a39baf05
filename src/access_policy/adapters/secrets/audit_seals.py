"""Seals of the audit chain (port `AuditSeals`): keyed hashes, and signed heads as JSON Web Tokens (RFC 7519)."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from access_policy.adapters.secrets.key_files import derived_key
from access_policy.application.ports.audit_chains import ChainHead, ExportedHeads, HeadsRefused
from access_policy.domain.ids import TenantId

ALGORITHM: Final = "EdDSA"  # Ed25519, RFC 8037
ISSUER: Final = "access-policy"
SUBJECT: Final = "audit-heads"


class InstallationAuditSeals:
    """Derives its keys from a key of the installation, so a backup needs no other key."""

    def __init__(self, master: bytes) -> None:
        self._links = derived_key(master, "audit links")
        self._heads = derived_key(master, "audit heads")
        self._signing = Ed25519PrivateKey.from_private_bytes(derived_key(master, "audit exported heads"))

    def link_hash(self, before: bytes, link: bytes) -> bytes:
        return hmac.digest(self._links, len(before).to_bytes(1, "big") + before + link, "sha256")

    def head_seal(self, head: bytes) -> bytes:
        return hmac.digest(self._heads, head, "sha256")

    def sign(self, heads: ExportedHeads) -> str:
        claims = {
            "iss": ISSUER,
            "sub": SUBJECT,
            "iat": heads.exported_at,
            "reached": heads.reached,
            "heads": {tenant_id: _written(head) for tenant_id, head in heads.heads.items()},
        }
        return jwt.encode(claims, self._signing, ALGORITHM)

    def read(self, signed: str) -> ExportedHeads:
        required = ["iss", "sub", "iat"]
        try:
            claims = jwt.decode(
                signed.strip(),
                self._signing.public_key(),
                [ALGORITHM],
                issuer=ISSUER,
                options={"require": required, "verify_iat": False},
            )
            if claims["sub"] != SUBJECT:
                raise HeadsRefused("This is not an exported head of the audit; give the output of audit head.")
            return ExportedHeads(
                exported_at=datetime.fromtimestamp(claims["iat"], UTC),
                reached=int(claims["reached"]),
                heads={TenantId(each): _read(TenantId(each), head) for each, head in claims["heads"].items()},
            )
        except jwt.InvalidSignatureError as error:
            raise HeadsRefused(
                "The exported head was changed, or another installation signed it; give one that this installation exported."
            ) from error
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError) as error:
            raise HeadsRefused("This is not an exported head of the audit; give the output of audit head.") from error


def _written(head: ChainHead) -> dict[str, Any]:
    return {"number": head.number, "total": head.total, "position": head.position, "hash": head.hash.hex()}


def _read(tenant_id: TenantId, written: dict[str, Any]) -> ChainHead:
    return ChainHead(
        tenant_id=tenant_id,
        number=int(written["number"]),
        total=int(written["total"]),
        position=int(written["position"]),
        hash=bytes.fromhex(written["hash"]),
    )
