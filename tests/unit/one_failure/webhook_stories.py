"""Webhooks: a subscription, its changes, deliveries, retries, dead letters, redelivery, and the end of a subscription."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from access_policy.adapters.event_bus.in_process import InProcessBus
from access_policy.adapters.event_bus.patterns.compiling import fault_of
from access_policy.adapters.records.relay_positions import MemoryRelayPositions
from access_policy.adapters.records.webhook_queue import SqlWebhookQueue
from access_policy.adapters.records.webhooks import SqlWebhooks
from access_policy.application.audit.record_changes import RecordChanges
from access_policy.application.ports.event_bus import Entry, PublishStatus
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.webhooks import Attempt
from access_policy.application.webhooks.deliveries import WebhookDeliveries
from access_policy.application.webhooks.receiver import Receiver
from access_policy.application.webhooks.registrations import WebhookDraft, WebhookRegistrations
from access_policy.application.webhooks.subscriptions import WebhookSubscriptions
from access_policy.application.webhooks.timings import WebhookTimings
from access_policy.domain.webhooks.errors import WebhookUnknown
from tests.support.builders import NOON
from tests.support.depot_in_memory import SettableClock
from tests.support.nth_call import Faults, Story, recorded_in
from tests.support.office import ACME
from tests.support.records import prepare_records
from tests.support.stores import TEST_KEY, inline_memory_store
from tests.unit.one_failure.office_world import context

SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_bmV3LXNlY3JldC1uZXctc2VjcmV0LW5ldy1zZWNyZXQ="
DRAFT = WebhookDraft(name="Night shift", url="https://hooks.example/a", preset="denied_vehicle")
ROUNDS = 4  # of a receiver's loop: the longest aggregate, and one more for a failure
Step = Callable[["HooksWorld"], Awaitable[Any]]


class NoAnswer(Exception):
    """The receiver could not be reached, or did not answer in time."""


@dataclass
class ReceiversServer:
    """Accepts every event but those that it `refuses`, with their status."""

    refuses: dict[str, int] = field(default_factory=dict)
    accepted: list[str] = field(default_factory=list)

    async def post(self, event_id: str) -> int:
        if (status := self.refuses.get(event_id)) is not None:
            return status
        self.accepted.append(event_id)
        return 204


@dataclass
class Sender:
    server: Any

    def refusal_of(self, url: str) -> str | None:
        return None

    async def send(self, url: str, headers: dict[str, str], body: bytes, *, now: Any) -> Attempt:
        try:
            status = await self.server.post(headers["webhook-id"])
        except NoAnswer as failure:
            return Attempt(at=now, status=None, detail=str(failure), took_ms=1)
        return Attempt(at=now, status=status, detail="", took_ms=1)


class HooksWorld:
    def __init__(self, faults: Faults) -> None:
        self.directory = tempfile.TemporaryDirectory()
        where = prepare_records(Path(self.directory.name) / "webhooks.sqlite")
        self.inner, self.clock, self.server = inline_memory_store(), SettableClock(NOON), ReceiversServer()
        self.records, self.rows = SqlWebhooks(where, TEST_KEY), SqlWebhookQueue(where)
        store, webhooks = faults.around("store", self.inner), faults.around("webhooks", self.records)
        self.queue: Any = faults.around("queue", self.rows)
        self.bus = InProcessBus()
        self.sender = Sender(faults.around("receiver", self.server, NoAnswer))
        self.changes = RecordChanges(faults.around("events of webhooks", self.records.pending), store)
        timings = WebhookTimings(random_share=lambda: 1.0)
        self.subscriptions = WebhookSubscriptions(webhooks, self.queue, self.bus, self.clock, timings)
        self.deliveries = WebhookDeliveries(
            *(webhooks, self.queue, self.subscriptions, self.sender, MemoryRelayPositions(), self.changes, self.clock),
            timings=timings,
        )
        self.registrations = WebhookRegistrations(
            *(webhooks, self.changes, self.queue, self.sender, store, self.clock, fault_of, self.subscriptions)
        )
        self.timings = timings
        self.hook = ""

    async def subscribed(self) -> None:
        self.hook = (await self.registrations.create(context("past"), DRAFT, SECRET)).webhook_id

    async def happens(self, *event_ids: str) -> None:
        """The relay publishes the events; `a-1` is the first of the aggregate `a`. Raises `StoreUnavailable`."""
        for event_id in event_ids:
            (result,) = await self.bus.publish([_entry(event_id)])
            if result.status is not PublishStatus.ACCEPTED:
                raise StoreUnavailable("the relay holds the aggregate and publishes again")

    async def delivers(self) -> None:
        """Rounds of the receiver's loop, an hour apart. Raises `StoreUnavailable`."""
        for _ in range(ROUNDS):
            webhook = await self.records.find(ACME, self.hook)
            if webhook is None or not webhook.enabled:
                return
            receiver = Receiver(
                webhook,
                self.queue,
                self.deliveries.send,
                self.clock,
                self.deliveries.disable,
                self.subscriptions.follow,
                self.timings,
            )
            for delivery in await self.queue.due(webhook.key, now=self.clock.now(), limit=4):
                await receiver.deliver(delivery)
            self.clock.forward(hours=1)

    async def facts(self) -> Any:
        """After the next looks of the loops that follow the webhooks and append pending events."""
        await self.subscriptions.follow()
        await self.changes.append()
        first = list(dict.fromkeys(self.server.accepted))
        page = await self.rows.page((ACME, self.hook), state=None, before=None, limit=100)
        webhooks = await self.records.of_tenant(ACME)
        return {
            "accepted": {name: [each for each in first if each.startswith(name)] for name in ("a", "b")},
            "more than twice": [each for each, times in Counter(self.server.accepted).items() if times > 2],
            "queue": sorted((each.message.event_id, each.state.value) for each in page),
            "webhooks": [(each.name, each.enabled, each.version, each.signing_secrets(NOON)) for each in webhooks],
            "rules": sorted(str(key) for key in self.subscriptions.enabled),
            "log": {stream: [name for name, _ in events] for stream, events in (await recorded_in(self.inner)).items()},
            "events that are not in the log": len(await self.records.pending.oldest(10)),
        }

    async def close(self) -> None:
        await self.rows.close()
        await self.records.close()
        await self.inner.close()
        self.directory.cleanup()


def _entry(event_id: str) -> Entry:
    aggregate, number = event_id.split("-")
    detail = {
        "event_id": event_id,
        "tenant_id": ACME,
        "occurred_at": "2026-11-18T12:00:00Z",
        "aggregate": {"type": "access_attempt", "id": aggregate, "version": int(number)},
        "data": {},
    }
    return Entry(number, "betterfleet.access-policy", "AccessDenied", NOON, json.dumps(detail))


def past(*steps: Step) -> Callable[[Faults], Awaitable[HooksWorld]]:
    async def lived(faults: Faults) -> HooksWorld:
        world = HooksWorld(faults)
        for step in steps:
            await step(world)
        return world

    return lived


def subscribed(world: HooksWorld) -> Awaitable[None]:
    return world.subscribed()


def happens(*event_ids: str) -> Step:
    return lambda world: world.happens(*event_ids)


def delivers(world: HooksWorld) -> Awaitable[None]:
    return world.delivers()


def refuses(event_id: str, status: int) -> Step:
    async def told(world: HooksWorld) -> None:
        world.server.refuses[event_id] = status

    return told


async def is_repaired(world: HooksWorld) -> None:
    world.server.refuses.clear()


async def a_day_later(world: HooksWorld) -> None:
    world.clock.forward(days=1)


async def subscribes(world: HooksWorld) -> None:
    await world.registrations.create(context(), DRAFT, SECRET)


async def changes(world: HooksWorld) -> None:
    draft = WebhookDraft(name="Day shift", url="https://hooks.example/b", preset="denied_vehicle")
    await world.registrations.change(context(), world.hook, draft, None)


async def rotates(world: HooksWorld) -> None:
    await world.registrations.rotate(context(), world.hook, OTHER, None)


async def removes(world: HooksWorld) -> None:
    await world.registrations.remove(context(), world.hook, None)


async def delivers_again(world: HooksWorld) -> None:
    await world.registrations.deliver_again(ACME, world.hook, None)
    await world.delivers()


async def follows(world: HooksWorld) -> None:
    """A process that has just started."""
    world.subscriptions.enabled = {}
    await world.subscriptions.follow()


TO_DELIVER = (subscribed, happens("a-1", "b-1", "a-2", "a-3"))
DEAD_LETTER = (subscribed, refuses("a-1", 500), happens("a-1"), delivers, a_day_later, happens("a-2", "b-1"))
REGISTRATIONS, DELIVER = WebhookRegistrations, Receiver.deliver

WEBHOOKS: tuple[Story, ...] = (
    Story("subscribe a webhook", (REGISTRATIONS.create, RecordChanges.append), past(), subscribes),
    Story("change a webhook", (REGISTRATIONS.change,), past(*TO_DELIVER), changes),
    Story("rotate a webhook's secret", (REGISTRATIONS.rotate,), past(subscribed), rotates),
    Story(
        "remove a webhook with deliveries under way",
        (REGISTRATIONS.remove,),
        past(*TO_DELIVER),
        removes,
        done_already=(WebhookUnknown,),
    ),
    Story("follow webhooks after a start", (WebhookSubscriptions.follow,), past(subscribed), follows),
    Story("queue events for a webhook", (), past(subscribed), happens("a-1", "a-2", "b-1")),
    Story("deliver events in order of their aggregates", (DELIVER,), past(*TO_DELIVER), delivers),
    Story("retry an event and make it a dead letter after a day", (DELIVER,), past(*DEAD_LETTER), delivers),
    Story(
        "deliver dead letters again",
        (REGISTRATIONS.deliver_again,),
        past(*DEAD_LETTER, delivers, is_repaired),
        delivers_again,
    ),
    Story(
        "disable a webhook whose receiver is gone",
        (WebhookDeliveries.disable,),
        past(subscribed, refuses("a-1", 410), happens("a-1", "a-2")),
        delivers,
        only=("accepted", "webhooks", "rules", "log", "events that are not in the log"),
    ),
)
