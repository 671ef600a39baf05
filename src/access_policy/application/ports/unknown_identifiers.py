"""The values of identifiers that nobody has: kept apart from the log, for a time, so that they can be enrolled (design 3.4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from access_policy.domain.identifiers import Identifier, IdentifierRef
from access_policy.domain.ids import TenantId


class UnknownIdentifiers(Protocol):
    """Encrypted, deleted after the retention period. A cache: a value that is lost comes back with the next attempt."""

    def remember(self, tenant_id: TenantId, ref: IdentifierRef, value: Identifier, *, at: datetime) -> None:
        """Keep the value from now on; returns at once. PINs are not kept: a wrong one is a secret as well."""
        ...

    async def values(
        self, tenant_id: TenantId, pseudonyms: Collection[str], *, now: datetime
    ) -> Mapping[str, Identifier]:
        """Those that are kept, by pseudonym; of several kinds with one pseudonym there are none. Raises
        `StoreUnavailable`."""
        ...

    async def forget(self, tenant_id: TenantId, pseudonym: str) -> None:
        """Raises `StoreUnavailable`: forget again."""
        ...

    async def forget_old(self, *, now: datetime) -> int:
        """Delete what was last seen longer ago than the retention period; returns how many. Raises `StoreUnavailable`."""
        ...
