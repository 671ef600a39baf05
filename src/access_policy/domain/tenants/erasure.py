"""The erasure of a tenant. Its beginning is recorded before any data is removed, and its end, with a signature, once all data
is removed.

Both events belong to the installation. Of the tenant they contain only its id.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from access_policy.domain.ids import TenantId


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantErasureBegun:
    """The erasure began: the tenant's events are being removed from the log. `claims` are the positions of its events in
    the installation's streams of charge point ids, which are removed too.
    """

    TYPE: ClassVar = "tenant_erasure.begun.v1"
    tenant_id: TenantId
    erasure_id: str
    claims: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedFrom:
    """The number of removed rows: `place` is a table or a file, of which `rows` belonged to the tenant."""

    place: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantErased:
    """The erasure is complete. `statement` is a signed JWT with the same content (RFC 7519)."""

    TYPE: ClassVar = "tenant_erasure.completed.v1"
    tenant_id: TenantId
    erasure_id: str
    removed: tuple[RemovedFrom, ...]
    statement: str


ErasureEvent = TenantErasureBegun | TenantErased


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasures:
    """All erasures of one tenant. `open_id` is the erasure that has begun but not ended."""

    version: int = 0
    open_id: str | None = None

    def begin(self, tenant_id: TenantId, erasure_id: str, claims: tuple[int, ...]) -> tuple[ErasureEvent, ...]:
        """Begin an erasure. Produces no event if one is open, because that one is continued."""
        if self.open_id is not None:
            return ()
        return (TenantErasureBegun(tenant_id=tenant_id, erasure_id=erasure_id, claims=claims),)


def fold(events: Iterable[ErasureEvent]) -> Erasures:
    version, open_id = 0, None
    for event in events:
        version += 1
        open_id = event.erasure_id if isinstance(event, TenantErasureBegun) else None
    return Erasures(version=version, open_id=open_id)
