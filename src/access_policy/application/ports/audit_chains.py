"""The audit chain: each tenant has a chain of links, each of which covers some stored events, and a head (ADR 0029)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from access_policy.domain.ids import TenantId


class Chained(NamedTuple):
    """An event that a link covers: its position in the log, and the digest of its stored bytes."""

    position: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`number` counts from 1 in the tenant's chain; `entries` ascend; `total` counts the events that the chain covers
    up to this link. `hash` seals the link and the hash of the link before it."""

    tenant_id: TenantId
    number: int
    entries: tuple[Chained, ...]
    total: int
    chained_at: datetime
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """The last link of a chain. `position` is the position of the last event it covers."""

    tenant_id: TenantId
    number: int
    total: int
    position: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHead:
    """`seal` shows that this installation stored the head."""

    head: ChainHead
    seal: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainState:
    """A consistent state: every event up to the position `reached` is chained."""

    reached: int
    heads: Mapping[TenantId, StoredHead]


class AuditChains(Protocol):
    """All methods are atomic and raise `StoreUnavailable`."""

    async def state(self) -> ChainState: ...

    async def tenants(self) -> frozenset[TenantId]:
        """Return the tenants with links, including those without a head. Reads all links."""
        ...

    async def extend(self, links: Sequence[Link], heads: Sequence[StoredHead], *, after: int, reached: int) -> bool:
        """Append the links, store the heads, and set the position reached from `after` to `reached`. Returns False
        without a change if another process has moved the position: read the state again."""
        ...

    async def links(self, tenant_id: TenantId, *, after: int, limit: int) -> list[Link]:
        """Return at most `limit` links with a number greater than `after`, ascending."""
        ...

    async def erase(self, tenant_id: TenantId) -> None:
        """Delete the tenant's chain, whose events are deleted with it. A repeated call has no effect."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedHeads:
    """The heads of all chains at `exported_at`, when every event up to `reached` was chained."""

    exported_at: datetime
    reached: int
    heads: Mapping[TenantId, ChainHead]


class HeadsRefused(Exception):
    """The string is not a head that this installation signed. The message says what is wrong."""


class AuditSeals(Protocol):
    """Seals made with keys of the installation, which are not stored in any database."""

    def link_hash(self, before: bytes, link: bytes) -> bytes:
        """Return the hash of a link: keyed, over the previous link's hash and this link's content."""
        ...

    def head_seal(self, head: bytes) -> bytes: ...

    def sign(self, heads: ExportedHeads) -> str:
        """Return the heads as a signed string of one line."""
        ...

    def read(self, signed: str) -> ExportedHeads:
        """Return the heads in the signed string. Raises `HeadsRefused`."""
        ...
