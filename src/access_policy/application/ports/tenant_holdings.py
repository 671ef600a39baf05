"""The places where the service holds data of tenants, for their erasure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from access_policy.domain.ids import TenantId
from access_policy.domain.tenants.erasure import RemovedFrom


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """A tenant's events in the installation's streams of charge point ids: their positions, and the ids."""

    positions: tuple[int, ...]
    charge_points: frozenset[str]


class TenantHoldings(Protocol):
    """All methods raise `StoreUnavailable`."""

    async def claims(self, tenant_id: TenantId) -> Claims: ...

    async def erase(self, tenant_id: TenantId, claims: Claims) -> Sequence[RemovedFrom]:
        """Remove all data of the tenant: first keys and records, then read models and files, and the events last.
        Afterwards no file holds their bytes. Repeatable after an interruption at any point."""
        ...
