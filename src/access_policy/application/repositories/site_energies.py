"""The energy of all depots' sites. A process folds each site once and shares it with the decision view, like the books."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.directories import SitesInMemory
from access_policy.application.ports.event_store import Append, EventStore
from access_policy.application.repositories import Committed
from access_policy.application.streams import site_energy_stream
from access_policy.domain.ids import DepotId, TenantId
from access_policy.domain.site_energy.events import SiteEnergyEvent
from access_policy.domain.site_energy.site import SiteEnergy


class SiteEnergies:
    def __init__(self, store: EventStore, in_memory: SitesInMemory) -> None:
        self._store = store
        self._in_memory = in_memory
        self._locks: defaultdict[tuple[TenantId, DepotId], asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def locked(self, tenant_id: TenantId, depot_id: DepotId) -> AsyncIterator[SiteEnergy]:
        """Yield the site as stored now, for one command of this process at a time. The command must not change it, and
        must decide after its last await: until then the site may advance by other processes' events."""
        async with self._locks[tenant_id, depot_id]:
            yield await self._caught_up(tenant_id, depot_id)

    async def record(
        self, context: Context, site: SiteEnergy, events: tuple[SiteEnergyEvent, ...], *, now: datetime
    ) -> Committed:
        """Append the decision of `site`. Raises `VersionConflict` or `StoreUnavailable`."""
        version = site.version
        if not events:
            return Committed(version, 0)
        stream = site_energy_stream(context.tenant_id, site.depot_id)
        position = await self._store.append([Append(stream, version, enveloped(context, events, now=now))])
        return Committed(version + len(events), position)

    async def _caught_up(self, tenant_id: TenantId, depot_id: DepotId) -> SiteEnergy:
        site = self._in_memory.site_energy(tenant_id, depot_id)
        stream = site_energy_stream(tenant_id, depot_id)
        for recorded in await self._store.load(stream, after_version=site.version):
            self._in_memory.follow_site(tenant_id, recorded.event, recorded.version, recorded.envelope.recorded_at)
        return site
