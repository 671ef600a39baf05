"""What is measured of the installation, as Prometheus text (`GET /metrics`).

Read when it is asked for: how far behind its log each of its readers is, whichever process that is, what is put aside, and
what waits in this process. No label names a tenant, a charger or a vehicle, so their number does not grow with use.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from access_policy.application.decision_view.view import TYPES as DECIDED_BY
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.published_events.mapping import TYPES as PUBLISHED
from access_policy.container import Container
from access_policy.entrypoints.processes.loop_watch import LoopWatch
from access_policy.settings import ProcessRole

log = logging.getLogger(__name__)

PREFIX: Final = "access_policy"
READ_MODELS: Final = "read_models"
DECISION_VIEW: Final = "decision_view"
RELAY: Final = "relay"


class Metrics:
    """`text` may be called at any time, also when the store is down: what is in it is missing then, and `store_up` is 0."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self.loop_watch = LoopWatch(f"{PREFIX}_event_loop_lag")
        self._of_the_process = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._of_the_process)

    async def text(self) -> bytes:
        families = [*self._here(), *await self._in_the_databases()]
        registry = CollectorRegistry()
        registry.register(_Collected(families))
        return generate_latest(registry) + generate_latest(self._of_the_process)

    def _here(self) -> Iterable[Metric]:
        c = self._container
        commits = c.spooled_commits()
        yield from self.loop_watch.metrics(asyncio.get_running_loop().time())
        yield _gauge("spool_backlog", "Facts of chargers in the spool and not in the store yet.", commits.backlog)
        if ProcessRole.GATEWAY in c.settings().process_roles:
            yield _gauge(
                "chargers_connected", "Chargers connected to this process.", len(c.gateway().connected_chargers())
            )

    async def _in_the_databases(self) -> list[Metric]:
        try:
            return [
                _gauge("store_up", "Whether the databases answer.", 1),
                *await self._behind(),
                *await self._put_aside(),
            ]
        except StoreUnavailable as trouble:
            log.warning("metrics of the store are missing: %s", trouble)
            return [_gauge("store_up", "Whether the databases answer.", 0)]

    async def _behind(self) -> list[Metric]:
        """For each reader of the log how much of it waits, and since when."""
        c = self._container
        last = await c.store().last_position()
        reached = await c.read_models().positions()
        readers: dict[str, tuple[int, Collection[str]]] = {
            f"{READ_MODELS}.{each.name}": (reached[each.name], each.types) for each in c.read_models().projections
        }
        readers[DECISION_VIEW] = (c.decision_follower().reached, DECIDED_BY)
        if c.settings().publishes_externally:
            readers[RELAY] = (await c.relay_positions().position(), PUBLISHED)
        positions = _labelled("reader_lag_positions", "Positions of the log that the reader has not reached.")
        seconds = _labelled("reader_lag_seconds", "Age of the oldest event that waits for the reader; 0: none does.")
        ages = await asyncio.gather(*(self._age(position, types, last) for position, types in readers.values()))
        for (name, (position, _)), age in zip(readers.items(), ages, strict=True):
            positions.add_metric([name], max(0, last - position))
            seconds.add_metric([name], age)
        return [_gauge("log_position", "The position of the last event of the log.", last), positions, seconds]

    async def _age(self, position: int, types: Collection[str], last: int) -> float:
        """Seconds since the oldest event of these types behind the position was recorded."""
        if position >= last:
            return 0.0
        store = self._container.store()
        waiting = await store.read_log(after=position, limit=1, types=types, up_to=last, with_unreadable=True)
        if not waiting:
            return 0.0
        now = self._container.clock().now()
        return max(0.0, (now - waiting[0].envelope.recorded_at).total_seconds())

    async def _put_aside(self) -> list[Metric]:
        c = self._container
        parked = GaugeMetricFamily(
            f"{PREFIX}_parked_events", "Events a read model could not take.", labels=["projection"]
        )
        rows = [row["projection"] for row in await c.read_models().parked()]
        for projection in c.read_models().projections:
            parked.add_metric([projection.name], rows.count(projection.name))
        held = sum(each.tries > 0 for each in await c.relay_positions().held())
        return [parked, _gauge("held_streams", "Streams of which the bus did not take an event.", held)]


class _Collected(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", says, value=value)


def _labelled(name: str, says: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", says, labels=["reader"])
