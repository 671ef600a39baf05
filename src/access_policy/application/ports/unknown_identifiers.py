"""Values of unknown identifiers, stored outside the log for a limited time so that they can be enrolled (design 3.4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from access_policy.domain.identifiers import Identifier, IdentifierRef
from access_policy.domain.ids import TenantId


class UnknownIdentifiers(Protocol):
    """Values are encrypted, and deleted after the retention period. This is a cache: the next attempt restores a lost
    value."""

    def remember(self, tenant_id: TenantId, ref: IdentifierRef, value: Identifier, *, at: datetime) -> None:
        """Store the value and return at once. PINs are not stored, because a mistyped PIN is a secret as well."""
        ...

    async def values(
        self, tenant_id: TenantId, pseudonyms: Collection[str], *, now: datetime
    ) -> Mapping[str, Identifier]:
        """Return the stored values by pseudonym; none for a pseudonym of several kinds. Raises `StoreUnavailable`."""
        ...

    async def forget(self, tenant_id: TenantId, pseudonym: str) -> None:
        """Delete the value. Raises `StoreUnavailable`: call again."""
        ...

    async def forget_old(self, *, now: datetime) -> int:
        """Delete values last seen before the retention period and return their number. Raises `StoreUnavailable`."""
        ...
