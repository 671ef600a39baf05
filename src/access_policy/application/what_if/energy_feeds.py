"""Changes of a site and measurements at it, read part by part for a past period."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.ports.views import Row, Views
from access_policy.application.queries.energy_past import Change
from access_policy.application.what_if.gate_replay import Watch
from access_policy.domain.ids import ChargerId, DepotId, EnergyNodeId, TenantId
from access_policy.domain.site_energy.events import DemandMeasured
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.tree import EnergyTree

BEFORE: Final = timedelta(minutes=5)  # the demand is known from this long before a gate is followed
APART: Final = timedelta(minutes=30)  # spans at most this far apart are read together

Span = tuple[datetime, datetime]


class ChangesAhead:
    """Changes that arrive in batches, returned up to an instant."""

    def __init__(self, source: AsyncIterator[list[Change]]) -> None:
        self._source = source
        self._pending: list[Change] = []
        self._is_over = False

    async def before(self, end: datetime) -> list[Change]:
        """Return the changes before `end` that were not returned yet."""
        while not self._is_over and (not self._pending or self._pending[-1][0] < end):
            more = await anext(self._source, None)
            self._is_over = more is None
            self._pending += more or []
        number = bisect_left(self._pending, end, key=lambda each: each[0])
        found, self._pending = self._pending[:number], self._pending[number:]
        return found


@dataclass(frozen=True, slots=True)
class PastFeeds:
    """`tree` is the current tree, which includes nodes that were added meanwhile. The own node of a charger in
    `one_at_a_time` does not count, so its demand is not read."""

    views: Views
    tenant_id: TenantId
    depot_id: DepotId
    tree: EnergyTree
    one_at_a_time: frozenset[ChargerId]

    async def demand(self, then: EnergyTree, watches: Sequence[Watch], start: datetime, end: datetime) -> list[Change]:
        """Return the measurements in `[start, end)` that count for the chargers watched then. `then` is the tree at
        `start`."""
        of_part = [each for each in watches if each.start < end and each.end >= start]
        found: defaultdict[datetime, list[Demand]] = defaultdict(list)
        for node_id, spans in sorted(self._spans(then, of_part).items()):
            for since, until in joined(spans):
                begin, over = max(start, since - BEFORE), min(end, until + timedelta(minutes=1))
                rows = await self.views.energy_demand(self.tenant_id, self.depot_id, node_id, begin, over)
                await asyncio.to_thread(_add, found, node_id, rows, end)
        return await asyncio.to_thread(self._measured, found)

    def _spans(self, then: EnergyTree, watches: Iterable[Watch]) -> dict[EnergyNodeId, list[Span]]:
        spans: defaultdict[EnergyNodeId, list[Span]] = defaultdict(list)
        for watch in watches:
            for node_id in {*self._path(then, watch.charger_id), *self._path(self.tree, watch.charger_id)}:
                spans[node_id].append((watch.start, watch.end))
        return spans

    def _path(self, tree: EnergyTree, charger_id: ChargerId) -> list[EnergyNodeId]:
        node_id = tree.by_charger.get(charger_id)
        if node_id is None:
            return []
        path = [each.node_id for each in tree.path(node_id)]
        return path[1:] if charger_id in self.one_at_a_time else path

    def _measured(self, found: Mapping[datetime, Sequence[Demand]]) -> list[Change]:
        """Return one event per instant, ascending."""
        return [
            (at, DemandMeasured(depot_id=self.depot_id, items=tuple(found[at]), received_at=at)) for at in sorted(found)
        ]


def _add(found: dict[datetime, list[Demand]], node_id: EnergyNodeId, rows: Sequence[Row], end: datetime) -> None:
    for row in rows:
        if (at := row["observed_at"]) < end:
            found[at].append(Demand(node_id=node_id, observed_at=at, demand_w=row["demand_w"]))


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return the spans ascending, merging those that overlap or are at most `APART` apart."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1] + APART:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return found
