"""All tenants' records, and their erasures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append, EventStore
from access_policy.application.repositories import Committed
from access_policy.application.streams import erasure_stream, tenant_of, tenant_stream
from access_policy.domain.ids import TenantId
from access_policy.domain.tenants import erasure, tenant
from access_policy.domain.tenants.erasure import Erasures
from access_policy.domain.tenants.tenant import Tenant, TenantEvent

BATCH: Final = 500  # events


@dataclass(frozen=True, slots=True)
class Tenants:
    store: EventStore

    async def find(self, tenant_id: TenantId) -> Tenant | None:
        return tenant.fold(recorded.event for recorded in await self.store.load(tenant_stream(tenant_id)))

    async def erasures(self, tenant_id: TenantId) -> Erasures:
        return erasure.fold(recorded.event for recorded in await self.store.load(erasure_stream(tenant_id)))

    async def has_events(self, tenant_id: TenantId) -> bool:
        """Return whether the log contains any event of the tenant, even if the read models do not show it. Reads the log."""
        after = 0
        while batch := await self.store.read_log(after=after, limit=BATCH, with_unreadable=True):
            if any(tenant_of(recorded.stream) == tenant_id for recorded in batch):
                return True
            after = batch[-1].position
        return False

    async def record(
        self, context: Context, events: tuple[TenantEvent, ...], *, expected_version: int, now: datetime
    ) -> Committed:
        """Append the events to the stream of the context's tenant. Raises `VersionConflict` or `StoreUnavailable`."""
        if not events:
            return Committed(expected_version, 0)
        append = Append(tenant_stream(context.tenant_id), expected_version, enveloped(context, events, now=now))
        return Committed(expected_version + len(events), await self.store.append([append]))
