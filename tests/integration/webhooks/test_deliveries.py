"""Deliveries to real receivers, over queues in files: order, isolation, retries, dead letters, and a cut in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from starlette.responses import Response

from access_policy.adapters.event_bus.in_process import InProcessBus
from access_policy.adapters.records.relay_positions import MemoryRelayPositions
from access_policy.adapters.records.webhook_queue import SqlWebhookQueue
from access_policy.adapters.records.webhooks import SqlWebhooks
from access_policy.adapters.webhooks.sender import HttpsWebhookSender
from access_policy.application.audit.record_changes import RecordChanges
from access_policy.application.ports.event_bus import Entry, PublishStatus
from access_policy.application.ports.webhooks import Delivery, DeliveryState
from access_policy.application.webhooks.deliveries import WebhookDeliveries
from access_policy.application.webhooks.subscriptions import WebhookSubscriptions
from access_policy.application.webhooks.timings import WebhookTimings
from access_policy.domain.ids import TenantId
from access_policy.domain.webhooks.events import WebhookCreated, WebhookSecretRotated, settings_of
from access_policy.domain.webhooks.webhook import SigningSecret, Webhook
from tests.integration.webhooks.conftest import Trust
from tests.support.builders import NOON
from tests.support.depot_in_memory import SettableClock
from tests.support.records import pending
from tests.support.stores import TEST_KEY, inline_memory_store
from tests.support.webhook_receiver import Received, WebhookReceiver, status, webhook_receiver

ACME = TenantId("acme")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
QUICK = WebhookTimings(first_s=0.02, longest_s=0.05, check_interval_s=0.02, lease_s=3.0, random_share=lambda: 1.0)


def entry(number: int, aggregate: str, tenant: str = ACME, kind: str = "AccessDenied") -> Entry:
    detail = {
        "event_id": f"{aggregate}-{number}",
        "tenant_id": tenant,
        "occurred_at": "2026-11-20T12:00:00Z",
        "aggregate": {"type": "access_attempt", "id": aggregate, "version": number},
        "data": {"number": number},
    }
    return Entry(str(number), "betterfleet.access-policy", kind, NOON, json.dumps(detail))


class Hooks:
    """The webhooks of one installation, whose clock runs only when it is told to."""

    def __init__(self, directory: Path, sender: HttpsWebhookSender, timings: WebhookTimings = QUICK) -> None:
        self.clock = SettableClock(NOON)
        self.bus = InProcessBus()
        self.store = inline_memory_store()
        self.webhooks = SqlWebhooks(directory / "webhooks.sqlite", TEST_KEY)
        self.queue = SqlWebhookQueue(directory / "webhooks.sqlite")
        self.subscriptions = WebhookSubscriptions(self.webhooks, self.queue, self.bus, self.clock, timings)
        self.deliveries = WebhookDeliveries(
            self.webhooks,
            self.queue,
            self.subscriptions,
            sender,
            MemoryRelayPositions(),
            RecordChanges(self.webhooks.pending, self.store),
            self.clock,
            timings=timings,
        )

    async def add(self, webhook_id: str, url: str, **changes: Any) -> Webhook:
        webhook = Webhook(
            tenant_id=ACME,
            webhook_id=webhook_id,
            name=webhook_id,
            url=url,
            pattern='{"detail-type":["AccessDenied"]}',
            secrets=(SigningSecret(value=SECRET),),
            since=0,
            created_at=NOON,
        )
        webhook = replace(webhook, **changes)
        created = WebhookCreated(webhook_id=webhook_id, settings=settings_of(webhook), created_at=NOON)
        assert await self.webhooks.put(webhook, expected=0, event=pending(created))
        await self.subscriptions.follow()
        return webhook

    async def happens(self, *entries: Entry) -> None:
        for each in entries:
            (result,) = await self.bus.publish([each])
            assert result.status is PublishStatus.ACCEPTED

    async def log(self, webhook: Webhook) -> list[Delivery]:
        return await self.queue.page(webhook.key, state=None, before=None, limit=200)

    async def until(self, webhook: Webhook, *states: DeliveryState) -> list[Delivery]:
        """The log, oldest first, once all deliveries have one of the states."""
        async with asyncio.timeout(60):
            while not (found := await self.log(webhook)) or any(each.state not in states for each in found):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return found[::-1]


@asynccontextmanager
async def hooks(directory: Path, sender: HttpsWebhookSender, timings: WebhookTimings = QUICK) -> AsyncIterator[Hooks]:
    made = Hooks(directory, sender, timings)
    await made.subscriptions.follow()
    running = asyncio.create_task(made.deliveries.run())
    try:
        yield made
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await made.queue.close()
        await made.webhooks.close()
        await made.store.close()


@pytest.fixture
async def here(tmp_path: Path, sender: HttpsWebhookSender) -> AsyncIterator[Hooks]:
    async with hooks(tmp_path, sender) as made:
        yield made


def order_of(receiver: WebhookReceiver, aggregate: str) -> list[str]:
    return [each.event_id for each in receiver.accepted if each.event_id.startswith(f"{aggregate}-")]


async def test_delivery_is_signed_by_the_standard_with_the_current_and_the_old_secret(
    here: Hooks, receiver: WebhookReceiver
) -> None:
    here.clock.set(datetime.now(UTC))  # the verifier compares with the real time
    webhook = await here.add("hook", receiver.url())
    new = "whsec_" + "bmV3LXNlY3JldC1uZXctc2VjcmV0LW5ldy1zZWNyZXQ="
    rotated = webhook.rotated(new, command="rotate", now=here.clock.now())
    event = WebhookSecretRotated(webhook_id="hook", rotated_at=here.clock.now(), old_secret_until=here.clock.now())
    await here.webhooks.put(rotated, expected=1, event=pending(event))
    await here.subscriptions.follow()

    await here.happens(entry(1, "a"))
    await receiver.until(lambda: receiver.accepted)

    (got,) = receiver.received
    assert len(got.headers["webhook-signature"].split()) == 2
    for secret in (SECRET, new):
        event = Verifier(secret).verify(got.body, dict(got.headers))
        assert (event["type"], event["detail-type"], event["id"]) == ("AccessDenied", "AccessDenied", "a-1")
        assert event["timestamp"] == "2026-11-20T12:00:00Z"
        assert event["detail"]["data"] == {"number": 1}


async def test_deliveries_whose_receiver_fails_now_and_then_arrive_in_order_within_each_aggregate(
    here: Hooks, receiver: WebhookReceiver
) -> None:
    seen = 0

    async def moody(_: Received) -> Response:
        nonlocal seen
        seen += 1
        return Response(status_code=500 if seen % 3 == 0 else 204)

    receiver.answer = moody
    webhook = await here.add("hook", receiver.url())
    await here.happens(*(entry(n, aggregate) for n in range(8) for aggregate in "abc"))
    advancing = asyncio.create_task(advance(here.clock))
    await here.until(webhook, DeliveryState.DELIVERED)
    advancing.cancel()

    for aggregate in "abc":
        assert order_of(receiver, aggregate) == [f"{aggregate}-{n}" for n in range(8)]


async def advance(clock: SettableClock) -> None:
    while True:
        await asyncio.sleep(0.01)
        clock.forward(seconds=0.05)


async def test_receiver_that_never_answers_delays_neither_the_bus_nor_another_receiver(
    here: Hooks, receiver: WebhookReceiver, trust: Trust
) -> None:
    async def never(_: Received) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with webhook_receiver(trust.certificate, never) as stuck:
        await here.add("stuck", stuck.url())
        quick = await here.add("quick", receiver.url())
        await here.happens(*(entry(n, f"{aggregate}") for n in range(3) for aggregate in range(10)))
        await here.until(quick, DeliveryState.DELIVERED)
        await stuck.until(lambda: len(stuck.received) == QUICK.at_a_time)

        assert len(receiver.accepted) == 30
        assert stuck.accepted == []
        assert len(stuck.received) == QUICK.at_a_time, "no more at a time, and none is given up yet"


async def test_delivery_that_fails_for_a_day_becomes_a_dead_letter_and_can_be_delivered_again(
    here: Hooks, receiver: WebhookReceiver
) -> None:
    receiver.answer = status(503)
    webhook = await here.add("hook", receiver.url())
    await here.happens(entry(1, "a"), entry(2, "a"))
    await receiver.until(lambda: receiver.received)
    here.clock.forward(hours=23, minutes=59)
    tried = len(receiver.received)
    await receiver.until(lambda: len(receiver.received) > tried)
    assert {each.state for each in await here.log(webhook)} == {DeliveryState.QUEUED, DeliveryState.WAITING}

    here.clock.forward(minutes=2)
    first, second = await here.until(webhook, DeliveryState.DEAD_LETTER, DeliveryState.QUEUED)
    assert (first.state, second.state) == (DeliveryState.DEAD_LETTER, DeliveryState.QUEUED), (
        "the second has its own day"
    )
    here.clock.forward(days=1)
    dead = await here.until(webhook, DeliveryState.DEAD_LETTER)
    assert [(each.message.event_id, each.attempts[-1].status) for each in dead] == [("a-1", 503), ("a-2", 503)]
    receiver.answer = status(200)
    assert await here.queue.queue_again(webhook.key, None, now=here.clock.now()) == 2
    await here.until(webhook, DeliveryState.DELIVERED)

    assert sorted(order_of(receiver, "a")) == ["a-1", "a-2"]


async def test_receiver_that_is_gone_disables_its_webhook_and_receives_no_more(
    here: Hooks, receiver: WebhookReceiver
) -> None:
    receiver.answer = status(410)
    webhook = await here.add("hook", receiver.url())
    await here.happens(entry(1, "a"))
    async with asyncio.timeout(30):
        while here.subscriptions.enabled:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await here.happens(entry(2, "a"))

    found = await here.webhooks.find(*webhook.key)
    assert found is not None
    assert (found.enabled, found.disabled_because, found.version) == (False, "the receiver answered 410 Gone", 2)
    assert [each.message.event_id for each in await here.log(webhook)] == ["a-1"]
    assert not here.bus.present


async def test_event_of_another_tenant_or_without_a_match_is_not_delivered(
    here: Hooks, receiver: WebhookReceiver
) -> None:
    webhook = await here.add("hook", receiver.url())
    await here.happens(entry(1, "a", tenant="other"), entry(2, "a", kind="AccessAllowed"), entry(3, "a"))

    delivered = await here.until(webhook, DeliveryState.DELIVERED)

    assert [each.message.event_id for each in delivered] == ["a-3"]


async def test_deliveries_cut_off_in_the_middle_go_on_without_a_loss(
    tmp_path: Path, sender: HttpsWebhookSender, receiver: WebhookReceiver
) -> None:
    """A receiver that has answered, and a service that is gone before it records that: the event arrives again."""
    never_recorded = asyncio.Event()

    async def taken_but(got: Received) -> Response:
        if len(receiver.received) == 3:
            never_recorded.set()
            await asyncio.sleep(30)
        return Response(status_code=204)

    receiver.answer = taken_but
    async with hooks(tmp_path, sender) as before:
        webhook = await before.add("hook", receiver.url())
        await before.happens(*(entry(n, "a") for n in range(6)))
        async with asyncio.timeout(30):
            await never_recorded.wait()
    async with hooks(tmp_path, sender) as after:
        await after.until(webhook, DeliveryState.DELIVERED)

    assert [each.event_id for each in receiver.received] == ["a-0", "a-1", "a-2", "a-2", "a-3", "a-4", "a-5"]
