"""Record measurements of the demand of nodes, of one or more depots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from access_policy.application.commands import Done
from access_policy.application.commands.on_site import ChangeSite
from access_policy.application.context import Context
from access_policy.domain.errors import Refused
from access_policy.domain.ids import DepotId, EnergyNodeId
from access_policy.domain.site_energy.events import SiteEnergyEvent
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.site import SiteEnergy


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    depot_id: DepotId
    node_id: EnergyNodeId
    observed_at: datetime
    demand_w: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordMeasurements:
    items: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True)
class RecordMeasurementsHandler:
    change: ChangeSite

    async def __call__(self, context: Context, command: RecordMeasurements) -> Done:
        """Check all items before recording any. The returned version is that of the last depot's stream.

        Raises `DepotUnknown`, `EnergyNotOptedIn`, `EnergyNodeUnknown`, `MeasurementInvalid` or an error of instants,
        each with a pointer to the first invalid item; `VersionConflict` or `StoreUnavailable`.
        """
        now = self.change.clock.now()
        by_depot: dict[DepotId, list[tuple[int, Demand]]] = {}
        for number, item in enumerate(command.items):
            demand = Demand(node_id=item.node_id, observed_at=item.observed_at, demand_w=item.demand_w)
            by_depot.setdefault(item.depot_id, []).append((number, demand))
        for depot_id, items in by_depot.items():
            await self._check(context, depot_id, items, now)
        done = Done(version=0, position=0)
        for depot_id, items in by_depot.items():
            done = await self.change(context, depot_id, _measuring(items, now))
        return done

    async def _check(
        self, context: Context, depot_id: DepotId, items: Sequence[tuple[int, Demand]], now: datetime
    ) -> None:
        first = items[0][0]
        try:
            await self.change.depots.get(context.tenant_id, depot_id)
        except Refused as refusal:
            refusal.pointer = f"/items/{first}/depot_id"
            raise
        async with self.change.sites.locked(context.tenant_id, depot_id) as site:
            _measuring(items, now)(site)


def _measuring(
    items: Sequence[tuple[int, Demand]], now: datetime
) -> Callable[[SiteEnergy], tuple[SiteEnergyEvent, ...]]:
    return lambda site: site.measure([each for _, each in items], now=now, numbers=[number for number, _ in items])
