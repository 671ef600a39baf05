"""Pseudonyms of identifiers by a keyed hash (ADR 0007)."""

from __future__ import annotations

import hmac
from functools import lru_cache
from typing import Final

from access_policy.domain.identifiers import Identifier, IdentifierRef
from access_policy.domain.ids import TenantId

PSEUDONYM_BYTES: Final = 16
REFS_KEPT: Final = 50_000  # recently used identifiers


class HmacPseudonyms:
    """Implements `Pseudonyms`."""

    def __init__(self, key: bytes, *, refs_kept: int = REFS_KEPT) -> None:
        self._key = key
        self.ref = lru_cache(refs_kept)(self._ref)

    def _ref(self, tenant_id: TenantId, identifier: Identifier) -> IdentifierRef:
        # No part contains a NUL: ids and normal forms have printable characters only.
        message = f"{tenant_id}\0{identifier.kind.value}\0{identifier.value}".encode()
        pseudonym = hmac.digest(self._key, message, "sha256")[:PSEUDONYM_BYTES].hex()
        return IdentifierRef(identifier.kind, pseudonym, identifier.masked)
