"""The installation's metrics in Prometheus' text format (`GET /metrics`).

`of_this_process` are the numbers of one process: its event loop, its decisions, its chargers. `of_the_databases` are those
that every process reads alike: the lag of the read models, of the relay and of the audit chain, parked events, held streams,
the deliveries to webhooks. One scrape shows the
processes of an installation together: `merged` puts their texts into one and labels each sample with its process. No label
names a tenant, a charger or a vehicle, so the number of series does not grow with use.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from access_policy.adapters.local_files.tls_files import TlsFiles
from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.application.decision_view.view import TYPES as DECIDED_BY
from access_policy.application.measurements import Histogram, Measurements
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.webhooks import DeliveryState
from access_policy.application.published_events.mapping import TYPES as PUBLISHED
from access_policy.container import Container
from access_policy.entrypoints.processes.loop_watch import LoopWatch
from access_policy.process_roles import ProcessRole

log = logging.getLogger(__name__)

PREFIX: Final = "access_policy"
READ_MODELS: Final = "read_models"
DECISION_VIEW: Final = "decision_view"
RELAY: Final = "relay"
AUDIT_CHAIN: Final = "audit_chain"
ANY_TYPE: Final[Collection[str]] = ()
PROCESS: Final = "process"  # the label of merged texts

Readers = Mapping[str, tuple[int, Collection[str]]]  # position reached and types read, by the reader's name


class Metrics:
    """Every method may be called at any time. While the store is down its metrics are missing, and `store_up` is 0."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self.loop_watch = LoopWatch()
        self._of_the_interpreter = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._of_the_interpreter)

    async def text(self) -> bytes:
        """For an installation of one process."""
        return merged({"": await self.of_the_databases() + await self.of_this_process()})

    async def of_this_process(self) -> bytes:
        families = [*self._here(), *await self._of_the_chargers(), *await self._of_the_decision_view()]
        return _text(families) + generate_latest(self._of_the_interpreter)

    async def of_the_databases(self) -> bytes:
        try:
            up = _gauge("store_up", "Whether the databases answer.", 1)
            return _text([up, *await self._behind(), *await self._put_aside(), *await self._of_webhooks()])
        except StoreUnavailable as trouble:
            log.warning("metrics of the store are missing: %s", trouble)
            return _text([_gauge("store_up", "Whether the databases answer.", 0)])

    def _here(self) -> Iterable[Metric]:
        c = self._container
        yield from _of_the_loop(self.loop_watch, asyncio.get_running_loop().time())
        yield from _of_decisions(c.deciding.measurements())
        yield _expiries({"http": c.http_tls(), "ocpp": c.chargers.tls()})
        backlog = c.deciding.spooled_commits().backlog
        yield _gauge("spool_backlog", "Appends of this process in the spool that are not in the store yet.", backlog)
        if ProcessRole.GATEWAY in c.settings().roles:
            connected = len(c.chargers.connections().connected_chargers())
            yield _gauge("chargers_connected", "Chargers connected to this process.", connected)
            yield _of_connections(c.chargers.gateway().counters)

    async def _of_the_chargers(self) -> list[Metric]:
        """Each gateway counts the chargers of the whole installation."""
        if ProcessRole.GATEWAY not in self._container.settings().roles:
            return []
        says = "Chargers that should be managed and are not verified to be, of the whole installation, by the reason."
        counted = _labelled("chargers_open_while_managed", says, "sync")
        for sync, count in (await self._container.queries.open_while_managed()()).items():
            counted.add_metric([sync.value], count)
        return [counted]

    async def _of_the_decision_view(self) -> list[Metric]:
        try:
            return await self._lags({DECISION_VIEW: (self._container.deciding.follower().reached, DECIDED_BY)})
        except StoreUnavailable:
            return []

    async def _behind(self) -> list[Metric]:
        c = self._container
        reached = await c.read_side.models().positions()
        readers: dict[str, tuple[int, Collection[str]]] = {
            f"{READ_MODELS}.{each.name}": (reached[each.name], each.types) for each in c.read_side.models().projections
        }
        readers[AUDIT_CHAIN] = ((await c.records.audit_chains().state()).reached, ANY_TYPE)
        if c.settings().publishes_externally:
            readers[RELAY] = (await c.publishing.relay_positions().position(), PUBLISHED)
        last = await c.stores.store().last_position()
        return [_gauge("log_position", "The position of the last event of the log.", last), *await self._lags(readers)]

    async def _lags(self, readers: Readers) -> list[Metric]:
        """How far behind the end of the log each reader is. Raises `StoreUnavailable`."""
        last = await self._container.stores.store().last_position()
        positions = _labelled("reader_lag_positions", "Positions of the log that the reader has not reached.", "reader")
        seconds = _labelled("reader_lag_seconds", "Age of the oldest event that waits for the reader, or 0.", "reader")
        ages = await asyncio.gather(*(self._age(position, types, last) for position, types in readers.values()))
        for (name, (position, _)), age in zip(readers.items(), ages, strict=True):
            positions.add_metric([name], max(0, last - position))
            seconds.add_metric([name], age)
        return [positions, seconds]

    async def _age(self, position: int, types: Collection[str], last: int) -> float:
        """Seconds since the oldest event of these types after the position was recorded."""
        if position >= last:
            return 0.0
        store = self._container.stores.store()
        waiting = await store.read_log(after=position, limit=1, types=types, up_to=last, with_unreadable=True)
        if not waiting:
            return 0.0
        now = self._container.clock().now()
        return max(0.0, (now - waiting[0].envelope.recorded_at).total_seconds())

    async def _put_aside(self) -> list[Metric]:
        c = self._container
        parked = _labelled("parked_events", "Events that a read model could not fold.", "projection")
        rows = [row["projection"] for row in await c.read_side.models().parked()]
        for projection in c.read_side.models().projections:
            parked.add_metric([projection.name], rows.count(projection.name))
        held = sum(each.tries > 0 for each in await c.publishing.relay_positions().held())
        return [parked, _gauge("held_streams", "Streams with an event that the bus did not accept.", held)]

    async def _of_webhooks(self) -> list[Metric]:
        c = self._container
        backlog, now = await c.records.webhook_queue().backlog(), c.clock().now()
        says = (
            "Deliveries of all webhooks: queued to be tried, waiting behind one of their aggregate, or a dead letter."
        )
        deliveries = _labelled("webhook_deliveries", says, "state")
        deliveries.add_metric([DeliveryState.QUEUED.value], backlog.queued)
        deliveries.add_metric([DeliveryState.WAITING.value], backlog.waiting)
        deliveries.add_metric([DeliveryState.DEAD_LETTER.value], backlog.dead_letters)
        oldest = backlog.oldest_queued_at
        age = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
        says = "Age of the oldest event that a webhook's receiver has not accepted, or 0."
        return [deliveries, _gauge("webhook_oldest_undelivered_seconds", says, age)]


def merged(texts: Mapping[str, bytes]) -> bytes:
    """One text of several, by the name of the process: its samples get the label `process`, or none for an empty name.
    Metrics of the same name become one family, as the format requires."""
    families: dict[str, Metric] = {}
    for process, text in texts.items():
        for family in text_string_to_metric_families(text.decode()):
            into = families.setdefault(family.name, Metric(family.name, family.documentation, family.type, family.unit))
            for sample in family.samples:
                labels = {**sample.labels, PROCESS: process} if process else sample.labels
                into.samples.append(sample._replace(labels=labels))
    return _text(list(families.values()))


def _of_the_loop(watch: LoopWatch, at: float) -> Iterable[Metric]:
    longest = "The longest time for which work held the event loop, in the last minute."
    yield _gauge("event_loop_lag_max_seconds", longest, watch.longest_s(at))
    yield _histogram("event_loop_lag_seconds", "How late timers of the event loop ran.", watch.lags_s)


def _of_decisions(measured: Measurements) -> Iterable[Metric]:
    decisions = CounterMetricFamily(
        f"{PREFIX}_decisions", "Recorded decisions by outcome and reason.", labels=["outcome", "reason"]
    )
    for outcome, counts in (("allowed", measured.allowed), ("denied", measured.denied)):
        for reason, count in counts.items():
            decisions.add_metric([outcome, reason.value], count)
    yield decisions
    yield CounterMetricFamily(
        f"{PREFIX}_attempts_undecided",
        "Attempts that ended in an error, because the decision could not be recorded.",
        value=measured.undecided,
    )
    took = "Time from the arrival of an attempt to its recorded answer."
    yield _histogram("decision_latency_seconds", took, measured.latency_s)
    late = "Time from when a mode was due to its first verification on the charger."
    yield _histogram("mode_switch_lateness_seconds", late, measured.lateness_s)
    yield _histogram("commit_size_appends", "Appends that shared one commit.", measured.commit_size)


def _expiries(listeners: Mapping[str, TlsFiles | None]) -> Metric:
    says = "When the TLS certificate in use ends, in seconds since 1970."
    family = _labelled("certificate_expiry_timestamp_seconds", says, "listener")
    for listener, files in listeners.items():
        if files is not None and files.expires_at is not None:
            family.add_metric([listener], files.expires_at.timestamp())
    return family


def _of_connections(counters: Counters) -> Metric:
    family = CounterMetricFamily(
        f"{PREFIX}_ocpp_incidents", "Violations and failures on connections of chargers.", labels=["kind"]
    )
    for field in fields(counters):
        family.add_metric([field.name], getattr(counters, field.name))
    return family


class _Collected(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _text(families: Sequence[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Collected(families))
    return generate_latest(registry)


def _gauge(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}_{name}", says, value=value)


def _labelled(name: str, says: str, label: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", says, labels=[label])


def _histogram(name: str, says: str, values: Histogram) -> Metric:
    family = HistogramMetricFamily(f"{PREFIX}_{name}", says)
    family.add_metric([], buckets=values.buckets(), sum_value=values.total)
    return family
