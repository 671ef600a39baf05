"""Metrics that every process reads from the databases with the same result: the lag of the read models, of the relay
and of the audit chain, parked events, held streams, and the deliveries to webhooks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from prometheus_client.core import Metric

from access_policy.application.ocpi_partners.pushes import queue_key
from access_policy.application.oscp_providers.queueing import queue_key as oscp_key
from access_policy.application.ports.webhooks import Backlog, DeliveryState
from access_policy.application.published_events.mapping import TYPES as PUBLISHED
from access_policy.container import Container
from access_policy.entrypoints.processes.metric_families import gauge, labelled

READ_MODELS: Final = "read_models"
RELAY: Final = "relay"
AUDIT_CHAIN: Final = "audit_chain"
ANY_TYPE: Final[Collection[str]] = ()

Readers = Mapping[str, tuple[int, Collection[str]]]  # position reached and types read, by the reader's name


class DatabaseMetrics:
    """Metrics from the databases. Every method raises `StoreUnavailable`."""

    def __init__(self, container: Container) -> None:
        self._container = container

    async def all(self) -> list[Metric]:
        return [
            *await self._behind(),
            *await self._put_aside(),
            *await self._of_webhooks(),
            *await self._of_ocpi(),
            *await self._of_oscp(),
        ]

    async def lags(self, readers: Readers) -> list[Metric]:
        """Return how far behind the end of the log each reader is."""
        last = await self._container.stores.store().last_position()
        positions = labelled("reader_lag_positions", "Positions of the log that the reader has not reached.", "reader")
        seconds = labelled("reader_lag_seconds", "Age of the oldest event that waits for the reader, or 0.", "reader")
        ages = await asyncio.gather(*(self._age(position, types, last) for position, types in readers.values()))
        for (name, (position, _)), age in zip(readers.items(), ages, strict=True):
            positions.add_metric([name], max(0, last - position))
            seconds.add_metric([name], age)
        return [positions, seconds]

    async def _age(self, position: int, types: Collection[str], last: int) -> float:
        """Return the age in seconds of the oldest event of these types after the position."""
        if position >= last:
            return 0.0
        store = self._container.stores.store()
        waiting = await store.read_log(after=position, limit=1, types=types, up_to=last, with_unreadable=True)
        if not waiting:
            return 0.0
        now = self._container.clock().now()
        return max(0.0, (now - waiting[0].envelope.recorded_at).total_seconds())

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
        return [gauge("log_position", "The position of the last event of the log.", last), *await self.lags(readers)]

    async def _put_aside(self) -> list[Metric]:
        c = self._container
        parked = labelled("parked_events", "Events that a read model could not fold.", "projection")
        rows = [row["projection"] for row in await c.read_side.models().parked()]
        for projection in c.read_side.models().projections:
            parked.add_metric([projection.name], rows.count(projection.name))
        held = sum(each.tries > 0 for each in await c.publishing.relay_positions().held())
        return [parked, gauge("held_streams", "Streams with an event that the bus did not accept.", held)]

    async def _of_webhooks(self) -> list[Metric]:
        c = self._container
        backlog, now = await c.records.webhook_queue().backlog(), c.clock().now()
        says = "Deliveries of all webhooks: queued to be tried, waiting behind another of the same aggregate, or a dead letter."
        deliveries = _by_state("webhook_deliveries", says, backlog)
        says = "Age of the oldest event that a webhook's receiver has not accepted, or 0."
        return [deliveries, gauge("webhook_oldest_undelivered_seconds", says, _age_of(backlog, now))]

    async def _of_ocpi(self) -> list[Metric]:
        """Return the metrics of the connected and enabled partners; nothing is sent to others."""
        c = self._container
        keys = [queue_key(each.key) for each in await c.records.ocpi_partners().all() if each.receives_pushes]
        backlog, now = await c.ocpi.push_queue().backlog(keys), c.clock().now()
        says = (
            "OCPI pushes of bookings: queued to be tried, waiting behind another of the same booking, or a dead letter."
        )
        pushes = _by_state("ocpi_pushes", says, backlog)
        says = "Age of the oldest push that an OCPI partner has not accepted, or 0."
        return [pushes, gauge("ocpi_push_oldest_undelivered_seconds", says, _age_of(backlog, now))]

    async def _of_oscp(self) -> list[Metric]:
        """Return the metrics of the providers to which messages are sent."""
        c = self._container
        keys = [oscp_key(each.key) for each in await c.records.oscp_providers().all() if each.receives_pushes]
        backlog, now = await c.oscp.push_queue().backlog(keys), c.clock().now()
        says = (
            "Messages to OSCP providers: queued to be tried, waiting behind another of the same kind, or a dead letter."
        )
        pushes = _by_state("oscp_pushes", says, backlog)
        says = "Age of the oldest message that an OSCP provider has not accepted, or 0."
        return [pushes, gauge("oscp_push_oldest_undelivered_seconds", says, _age_of(backlog, now))]


def _by_state(name: str, says: str, backlog: Backlog) -> Metric:
    deliveries = labelled(name, says, "state")
    deliveries.add_metric([DeliveryState.QUEUED.value], backlog.queued)
    deliveries.add_metric([DeliveryState.WAITING.value], backlog.waiting)
    deliveries.add_metric([DeliveryState.DEAD_LETTER.value], backlog.dead_letters)
    return deliveries


def _age_of(backlog: Backlog, now: datetime) -> float:
    oldest = backlog.oldest_queued_at
    return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
