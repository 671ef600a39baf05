"""All depots."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from access_policy.application.context import Context, enveloped
from access_policy.application.ports.event_store import Append, EventStore
from access_policy.application.repositories import Committed
from access_policy.application.streams import depot_stream
from access_policy.domain.depots.depot import Depot, DepotEvent, DepotUnknown, fold
from access_policy.domain.ids import DepotId, TenantId


@dataclass(frozen=True, slots=True)
class Depots:
    store: EventStore

    async def get(self, tenant_id: TenantId, depot_id: DepotId) -> Depot:
        """Return the depot. Raises `DepotUnknown`."""
        depot = await self.find(tenant_id, depot_id)
        if depot is None:
            raise DepotUnknown.named(depot_id)
        return depot

    async def find(self, tenant_id: TenantId, depot_id: DepotId) -> Depot | None:
        return fold(recorded.event for recorded in await self.store.load(depot_stream(tenant_id, depot_id)))

    async def record(
        self,
        context: Context,
        depot_id: DepotId,
        events: tuple[DepotEvent, ...],
        *,
        expected_version: int,
        now: datetime,
    ) -> Committed:
        """Append the depot's events. Raises `VersionConflict` or `StoreUnavailable`."""
        if not events:
            return Committed(expected_version, 0)
        append = Append(
            depot_stream(context.tenant_id, depot_id), expected_version, enveloped(context, events, now=now)
        )
        return Committed(expected_version + len(events), await self.store.append([append]))
