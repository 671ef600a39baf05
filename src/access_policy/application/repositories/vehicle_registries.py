"""All tenants' registries, each folded once and kept, since a large one takes long to fold."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append, EventStore, Snapshots
from access_policy.application.repositories import Committed
from access_policy.application.streams import registry_stream
from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.events import RegistryEvent
from access_policy.domain.vehicle_registry.registry import VehicleRegistry

SNAPSHOT_EVERY = 1_000  # events


class VehicleRegistries:
    def __init__(self, store: EventStore, snapshots: Snapshots) -> None:
        self._store = store
        self._snapshots = snapshots
        self._registries: dict[TenantId, VehicleRegistry] = {}
        self._snapshot_versions: defaultdict[TenantId, int] = defaultdict(int)
        self._locks: defaultdict[TenantId, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def locked(self, tenant_id: TenantId) -> AsyncIterator[VehicleRegistry]:
        """The registry as it is stored now, for one command at a time of this process; it must not be changed."""
        async with self._locks[tenant_id]:
            yield await self._caught_up(tenant_id)

    async def record(
        self, context: Context, registry: VehicleRegistry, events: tuple[RegistryEvent, ...], *, now: datetime
    ) -> Committed:
        """Append what `registry` decided. Raises `VersionConflict` or `StoreUnavailable`."""
        if not events:
            return Committed(registry.version, 0)
        stream = registry_stream(context.tenant_id)
        position = await self._store.append([Append(stream, registry.version, enveloped(context, events, now=now))])
        return Committed(registry.version + len(events), position)

    async def _caught_up(self, tenant_id: TenantId) -> VehicleRegistry:
        stream = registry_stream(tenant_id)
        registry = self._registries.get(tenant_id)
        if registry is None:
            snapshot = await self._snapshots.latest(stream)
            registry = snapshot[1] if snapshot is not None else VehicleRegistry()
            self._registries[tenant_id] = registry
            self._snapshot_versions[tenant_id] = registry.version
        for recorded in await self._store.load(stream, after_version=registry.version):
            registry.apply(recorded.event)
        if registry.version - self._snapshot_versions[tenant_id] >= SNAPSHOT_EVERY:
            self._snapshot_versions[tenant_id] = registry.version
            await self._snapshots.save(stream, registry.version, registry)
        return registry
