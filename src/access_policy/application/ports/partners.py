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
        """The partners of all tenants."""
        ...

    async def of_tenant(self, tenant_id: TenantId) -> list[Of]:
        """In the order of their ids."""
        ...

    async def find(self, key: PartnerKey) -> Of | None: ...

    async def with_token(self, digests: Sequence[str]) -> Of | None:
        """The partner that holds a token with one of these hashes."""
        ...

    async def put(self, partner: Of, *, expected: int, event: PendingEvent | None) -> bool:
        """Store the partner in place of its version `expected` (0: there is none), with its tokens, and its event among the
        pending ones, in one transaction. False, and no change, for another version."""
        ...

    async def remove(self, key: PartnerKey, *, event: PendingEvent) -> None:
        """Delete the partner with its tokens and everything that is stored beside it, and store the event among the pending
        ones, in one transaction. Without such a partner nothing changes."""
        ...
