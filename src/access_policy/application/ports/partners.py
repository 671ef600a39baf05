"""Partners as records: other servers, found by their id or by the hash of a token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from access_policy.application.ports.pending_events import PendingEvent
from access_policy.domain.ids import TenantId

PartnerKey = tuple[TenantId, str]  # tenant and id

Of = TypeVar("Of")


class Partners(Protocol[Of]):
    """The partners; settings and tokens are encrypted. All methods are atomic and durable, and raise `StoreUnavailable`."""

    async def all(self) -> list[Of]:
        """Return the partners of all tenants."""
        ...

    async def of_tenant(self, tenant_id: TenantId) -> list[Of]:
        """Return the tenant's partners, by id."""
        ...

    async def find(self, key: PartnerKey) -> Of | None: ...

    async def with_token(self, digests: Sequence[str]) -> Of | None:
        """Return the partner that holds a token with one of these hashes."""
        ...

    async def put(self, partner: Of, *, expected: int, event: PendingEvent | None) -> bool:
        """Store the partner with its tokens, replacing version `expected` (0: there is none), and its event among the
        pending ones, in one transaction. Return False without a change if another version is stored."""
        ...

    async def remove(self, key: PartnerKey, *, event: PendingEvent) -> None:
        """Delete the partner with its tokens and all records that belong to it, and store the event among the pending
        ones, in one transaction. Without such a partner nothing changes."""
        ...
