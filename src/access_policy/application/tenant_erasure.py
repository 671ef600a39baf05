"""Erase a tenant. The installation records the beginning, and at the end a signed statement that nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from access_policy.application.context import Context, enveloped, new_id
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import Append, EventStore
from access_policy.application.ports.tenant_holdings import TenantHoldings
from access_policy.application.repositories.tenants import Tenants
from access_policy.application.streams import erasure_stream
from access_policy.domain.ids import ActorId, TenantId
from access_policy.domain.tenants.erasure import ErasureEvent, RemovedFrom, TenantErased
from access_policy.domain.tenants.tenant import INSTALLATION

Sign = Callable[[TenantId, str, tuple[RemovedFrom, ...], datetime], str]


@dataclass(frozen=True, slots=True)
class EraseTenant:
    """No process may serve meanwhile, because it would keep the tenant in memory. After an interruption, call it again
    to continue. `sign` signs the statement of an erasure: tenant, erasure, what was removed, when."""

    tenants: Tenants
    store: EventStore
    holdings: TenantHoldings
    sign: Sign
    clock: Clock

    async def __call__(self, tenant_id: TenantId, actor: ActorId) -> TenantErased:
        """Erase the tenant. Raises `StoreUnavailable`, or `VersionConflict` if another erasure of the tenant is running."""
        context = Context(tenant_id=INSTALLATION, actor=actor, correlation_id=new_id())
        erasures, claims = await self.tenants.erasures(tenant_id), await self.holdings.claims(tenant_id)
        begun = erasures.begin(tenant_id, new_id(), claims.positions)
        version = await self._record(context, tenant_id, begun, erasures.version)
        erasure_id = (await self.tenants.erasures(tenant_id)).open_id
        assert erasure_id is not None
        removed = tuple(await self.holdings.erase(tenant_id, claims))
        erased = TenantErased(
            tenant_id=tenant_id,
            erasure_id=erasure_id,
            removed=removed,
            statement=self.sign(tenant_id, erasure_id, removed, self.clock.now()),
        )
        await self._record(context, tenant_id, (erased,), version)
        return erased

    async def _record(
        self, context: Context, tenant_id: TenantId, events: tuple[ErasureEvent, ...], version: int
    ) -> int:
        if events:
            append = Append(erasure_stream(tenant_id), version, enveloped(context, events, now=self.clock.now()))
            await self.store.append([append])
        return version + len(events)
