"""All tenants' registries. A process folds each once and shares it with the decision view, because a large registry
takes seconds to fold and a kilobyte per vehicle to store (ADR 0012)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.directories import RegistriesInMemory
from access_policy.application.ports.event_store import Append, EventStore
from access_policy.application.repositories import Committed
from access_policy.application.streams import registry_stream
from access_policy.domain.ids import TenantId
from access_policy.domain.vehicle_registry.events import RegistryEvent
from access_policy.domain.vehicle_registry.registry import VehicleRegistry


class VehicleRegistries:
    def __init__(self, store: EventStore, in_memory: RegistriesInMemory) -> None:
        self._store = store
        self._in_memory = in_memory
        self._locks: defaultdict[TenantId, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def locked(self, tenant_id: TenantId) -> AsyncIterator[VehicleRegistry]:
        """Yield the registry as stored now, for one command of this process at a time. The command must not change it.
        While the command awaits, the registry may advance by other processes' events: decide after the last await
        (`record` takes the version before it awaits anything)."""
        async with self._locks[tenant_id]:
            yield await self._caught_up(tenant_id)

    async def record(
        self, context: Context, registry: VehicleRegistry, events: tuple[RegistryEvent, ...], *, now: datetime
    ) -> Committed:
        """Append the decision of `registry`. Raises `VersionConflict` or `StoreUnavailable`."""
        version = registry.version
        if not events:
            return Committed(version, 0)
        stream = registry_stream(context.tenant_id)
        position = await self._store.append([Append(stream, version, enveloped(context, events, now=now))])
        return Committed(version + len(events), position)

    async def position(self) -> int:
        """Return the log position that contains everything recorded so far. Raises `StoreUnavailable`."""
        return await self._store.last_position()

    async def _caught_up(self, tenant_id: TenantId) -> VehicleRegistry:
        registry = self._in_memory.registry(tenant_id)
        for recorded in await self._store.load(registry_stream(tenant_id), after_version=registry.version):
            registry.follow(recorded.version, recorded.event)
        return registry
