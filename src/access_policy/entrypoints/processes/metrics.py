"""The installation's metrics in Prometheus' text format (`GET /metrics`).

`of_this_process` returns the metrics of one process: its event loop, its decisions, its chargers. `of_the_databases`
returns those that every process reads with the same result. One scrape returns the metrics of all processes of an
installation, each sample labelled with its process. No label names a tenant, a charger or a vehicle, so the number of
series does not grow with use.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric

from access_policy.adapters.local_files.tls_files import TlsFiles
from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.application.decision_view.view import TYPES as DECIDED_BY
from access_policy.application.measurements import Measurements
from access_policy.application.partners.push_counts import PushCounts
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.container import Container
from access_policy.entrypoints.processes.database_metrics import DatabaseMetrics
from access_policy.entrypoints.processes.loop_watch import LoopWatch
from access_policy.entrypoints.processes.metric_families import PREFIX, gauge, histogram, labelled, merged, text_of
from access_policy.process_roles import ProcessRole

log = logging.getLogger(__name__)

DECISION_VIEW: Final = "decision_view"


class Metrics:
    """Every method may be called at any time. While the store is down, its metrics are missing and `store_up` is 0."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._databases = DatabaseMetrics(container)
        self.loop_watch = LoopWatch()
        self._of_the_interpreter = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._of_the_interpreter)

    async def text(self) -> bytes:
        """Return the text for an installation with one process."""
        return merged({"": await self.of_the_databases() + await self.of_this_process()})

    async def of_this_process(self) -> bytes:
        families = [*self._here(), *await self._of_the_chargers(), *await self._of_the_decision_view()]
        return text_of(families) + generate_latest(self._of_the_interpreter)

    async def of_the_databases(self) -> bytes:
        try:
            up = gauge("store_up", "Whether the databases respond.", 1)
            return text_of([up, *await self._databases.all()])
        except StoreUnavailable as trouble:
            log.warning("metrics of the store are missing: %s", trouble)
            return text_of([gauge("store_up", "Whether the databases respond.", 0)])

    def _here(self) -> Iterable[Metric]:
        c = self._container
        yield from _of_the_loop(self.loop_watch, asyncio.get_running_loop().time())
        yield from _of_decisions(c.deciding.measurements())
        yield _expiries({"http": c.http_tls(), "ocpp": c.chargers.tls()})
        backlog = c.deciding.spooled_commits().backlog
        yield gauge("spool_backlog", "Appends of this process in the spool that are not in the store yet.", backlog)
        if ProcessRole.API in c.settings().roles:
            yield _of_pushes("ocpi", "Tries to push a booking to an OCPI partner, by result.", c.ocpi.push().counts)
            yield _of_pushes("oscp", "Tries to push a message to an OSCP provider, by result.", c.oscp.push().counts)
        if ProcessRole.GATEWAY in c.settings().roles:
            connected = len(c.chargers.connections().connected_chargers())
            yield gauge("chargers_connected", "Chargers connected to this process.", connected)
            yield _of_connections(c.chargers.gateway().counters)

    async def _of_the_chargers(self) -> list[Metric]:
        """Return the metrics of the chargers; each gateway counts the chargers of the whole installation."""
        if ProcessRole.GATEWAY not in self._container.settings().roles:
            return []
        says = "Chargers of the whole installation that should be managed but are not verified to be, by reason."
        counted = labelled("chargers_open_while_managed", says, "sync")
        for sync, count in (await self._container.queries.open_while_managed()()).items():
            counted.add_metric([sync.value], count)
        return [counted]

    async def _of_the_decision_view(self) -> list[Metric]:
        try:
            return await self._databases.lags(
                {DECISION_VIEW: (self._container.deciding.follower().reached, DECIDED_BY)}
            )
        except StoreUnavailable:
            return []


def _of_the_loop(watch: LoopWatch, at: float) -> Iterable[Metric]:
    longest = "The longest time for which work blocked the event loop, in the last minute."
    yield gauge("event_loop_lag_max_seconds", longest, watch.longest_s(at))
    yield histogram("event_loop_lag_seconds", "How late timers of the event loop ran.", watch.lags_s)


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
        "Attempts that ended in an error because the decision could not be recorded.",
        value=measured.undecided,
    )
    reserved = CounterMetricFamily(
        f"{PREFIX}_charger_reservations",
        "Changes of reservations on chargers (OCPP ReserveNow), by state.",
        labels=["state"],
    )
    for state, count in measured.reserved.items():
        reserved.add_metric([state.value], count)
    yield reserved
    took = "Time from the arrival of an attempt to its recorded answer."
    yield histogram("decision_latency_seconds", took, measured.latency_s)
    late = "Time from when a mode was due to its first verification on the charger."
    yield histogram("mode_switch_lateness_seconds", late, measured.lateness_s)
    yield histogram("commit_size_appends", "Appends that shared one commit.", measured.commit_size)


def _expiries(listeners: Mapping[str, TlsFiles | None]) -> Metric:
    says = "When the TLS certificate in use expires, in seconds since 1970."
    family = labelled("certificate_expiry_timestamp_seconds", says, "listener")
    for listener, files in listeners.items():
        if files is not None and files.expires_at is not None:
            family.add_metric([listener], files.expires_at.timestamp())
    return family


def _of_pushes(protocol: str, says: str, counts: PushCounts) -> Metric:
    family = CounterMetricFamily(f"{PREFIX}_{protocol}_push_tries", says, labels=["result"])
    for field in fields(counts):
        family.add_metric([field.name], getattr(counts, field.name))
    return family


def _of_connections(counters: Counters) -> Metric:
    family = CounterMetricFamily(
        f"{PREFIX}_ocpp_incidents", "Violations and failures on connections of chargers.", labels=["kind"]
    )
    for field in fields(counters):
        family.add_metric([field.name], getattr(counters, field.name))
    return family
