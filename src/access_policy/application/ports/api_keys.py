"""API keys: credentials for machines that have no OIDC issuer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from access_policy.application.ports.identity import DepotScope, Role
from access_policy.application.ports.pending_events import PendingEvent
from access_policy.domain.ids import ActorId, TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """`expires_at` is exclusive. `last_used_at` may lag by up to two minutes. A revoked key stays on record."""

    key_id: str
    tenant_id: TenantId
    name: str
    role: Role
    depots: DepotScope
    created_at: datetime
    created_by: ActorId
    expires_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: ActorId | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at

    def is_within(self, depots: DepotScope) -> bool:
        """Return whether a caller limited to `depots` may create, see and revoke the key, because it opens no other depot."""
        return depots is None or (self.depots is not None and self.depots <= depots)


class ApiKeys(Protocol):
    """Keys by the SHA-256 of their text; the text is never stored. All methods raise `StoreUnavailable`."""

    async def put(self, key: ApiKey, digest: str, *, event: PendingEvent | None) -> None:
        """Add the key, and its event to the pending ones, in one transaction. A key with the same id is replaced: its
        command runs again because the answer was lost, and its event is already on record (`event` None)."""
        ...

    async def find(self, key_id: str) -> tuple[ApiKey, str] | None:
        """Return the key, as every process sees it now, and its digest."""
        ...

    async def of_tenant(self, tenant_id: TenantId) -> Sequence[ApiKey]:
        """Return the tenant's keys, newest first."""
        ...

    async def revoke(self, key_id: str, *, by: ActorId, at: datetime, event: PendingEvent) -> None:
        """Revoke the key: no process accepts it from now on. The first revocation counts, and only its event becomes
        pending, in the same transaction."""
        ...

    async def used(self, last_uses: Mapping[str, datetime]) -> None:
        """Record the last use of each key, unless a use was recorded within the minute before."""
        ...
