"""The erasure of a tenant: begun before anything is removed, and recorded with a signature once nothing is left.

Both events belong to the installation. They name the tenant by its id and hold nothing else of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from access_policy.domain.ids import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantErasureBegun:
    """From here on the tenant has nothing: its events are being removed from the log. `claims` are the positions of its
    events in the installation's streams of charge point ids, which are removed too."""

    TYPE: ClassVar = "tenant_erasure.begun.v1"
    tenant_id: TenantId
    erasure_id: str
    claims: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedFrom:
    """`place` is a table or a file; `rows` of it were the tenant's."""

    place: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantErased:
    """`statement` says the same as a signed JWT (RFC 7519)."""

    TYPE: ClassVar = "tenant_erasure.completed.v1"
    tenant_id: TenantId
    erasure_id: str
    removed: tuple[RemovedFrom, ...]
    statement: str


ErasureEvent = TenantErasureBegun | TenantErased


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasures:
    """All erasures of one tenant. `open_id` is the one that has begun and not ended."""

    version: int = 0
    open_id: str | None = None

    def begin(self, tenant_id: TenantId, erasure_id: str, claims: tuple[int, ...]) -> tuple[ErasureEvent, ...]:
        """Nothing if one is open: it is continued."""
        if self.open_id is not None:
            return ()
        return (TenantErasureBegun(tenant_id=tenant_id, erasure_id=erasure_id, claims=claims),)


def fold(events: Iterable[ErasureEvent]) -> Erasures:
    version, open_id = 0, None
    for event in events:
        version += 1
        open_id = event.erasure_id if isinstance(event, TenantErasureBegun) else None
    return Erasures(version=version, open_id=open_id)
