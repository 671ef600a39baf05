"""Webhooks and the queue of their deliveries, on every place of records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from access_policy.adapters.records.webhook_queue import DEAD_LETTERS_KEPT, DELIVERED_KEPT, SqlWebhookQueue
from access_policy.adapters.records.webhooks import SqlWebhooks
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.webhooks import RETRIED_FOR, Attempt, Delivery, DeliveryState, Message
from access_policy.application.webhooks.timings import WebhookTimings
from access_policy.domain.ids import TenantId
from access_policy.domain.webhooks.events import WebhookCreated, WebhookRemoved, settings_of
from access_policy.domain.webhooks.webhook import SigningSecret, Webhook
from tests.support.builders import NOON
from tests.support.places import Place
from tests.support.records import files_holding, inside, pending, rows
from tests.support.stores import TEST_KEY

ACME, OTHER = TenantId("acme"), TenantId("other")
KEY = (ACME, "hook")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECOND = timedelta(seconds=1)
WEBHOOK = Webhook(
    tenant_id=ACME,
    webhook_id="hook",
    name="Night shift",
    url="https://hooks.example/token-4711",
    pattern='{"source":["x"]}',
    secrets=(SigningSecret(value=SECRET), SigningSecret(value=SECRET[:-1] + "x", until=NOON)),
    since=7,
    created_at=NOON,
)
CREATED = pending(WebhookCreated(webhook_id="hook", settings=settings_of(WEBHOOK), created_at=NOON))
REMOVED = pending(WebhookRemoved(webhook_id="hook", settings=settings_of(WEBHOOK), removed_at=NOON))


def message(event_id: str, aggregate: str = "a", key: Any = KEY) -> Message:
    return Message(key=key, event_id=event_id, event_type="AccessDenied", aggregate=aggregate, body=b"{}")


def ended(delivery: Delivery, state: DeliveryState = DeliveryState.DELIVERED, at: Any = NOON) -> Delivery:
    attempt = Attempt(at=at, status=204, detail="", took_ms=3)
    return replace(delivery, state=state, finished_at=at, tries=1, attempts=(attempt,))


@pytest.fixture
async def queue(records_location: Place) -> AsyncIterator[SqlWebhookQueue]:
    made = SqlWebhookQueue(inside(records_location, "webhooks"))
    yield made
    await made.close()


async def due(queue: SqlWebhookQueue, **how: Any) -> list[str]:
    return [each.message.event_id for each in await queue.due(KEY, now=NOON, limit=10, **how)]


async def test_webhooks_when_opened_again_are_as_they_were_put(records_location: Place) -> None:
    where = inside(records_location, "webhooks")
    first = SqlWebhooks(where, TEST_KEY)
    assert await first.put(WEBHOOK, expected=0, event=CREATED)
    await first.close()
    again = SqlWebhooks(where, TEST_KEY)

    assert await again.find(ACME, "hook") == WEBHOOK
    assert await again.all() == [WEBHOOK]
    assert await again.of_tenant(OTHER) == []
    assert await again.find(OTHER, "hook") is None
    await again.close()


async def test_webhooks_put_with_another_version_than_expected_change_nothing(records_location: Place) -> None:
    webhooks = SqlWebhooks(inside(records_location, "webhooks"), TEST_KEY)
    changed = replace(WEBHOOK, name="Day shift", version=2)

    assert not await webhooks.put(changed, expected=1, event=CREATED)
    assert await webhooks.put(WEBHOOK, expected=0, event=CREATED)
    assert not await webhooks.put(changed, expected=0, event=CREATED)
    assert await webhooks.put(changed, expected=1, event=CREATED)
    assert await webhooks.find(ACME, "hook") == changed
    assert len(await webhooks.pending.oldest(10)) == 2, "refused changes have no event"
    await webhooks.close()


async def test_webhooks_at_rest_show_neither_secret_nor_url_and_need_the_installation_s_key(
    records_location: Place,
) -> None:
    where = inside(records_location, "webhooks")
    webhooks = SqlWebhooks(where, TEST_KEY)
    await webhooks.put(WEBHOOK, expected=0, event=CREATED)

    assert files_holding(records_location, b"MfKQ9r8GKYqrTwjU") == []
    assert files_holding(records_location, b"token-4711") == []
    stranger = SqlWebhooks(where, bytes(32))
    with pytest.raises(StoreUnavailable, match="backup"):
        await stranger.all()
    await stranger.close()
    await webhooks.close()


async def test_webhook_removed_leaves_no_row_of_its_own_and_those_of_others(
    records_location: Place, queue: SqlWebhookQueue
) -> None:
    webhooks = SqlWebhooks(inside(records_location, "webhooks"), TEST_KEY)
    others = replace(WEBHOOK, tenant_id=OTHER)
    for each in (WEBHOOK, others):
        await webhooks.put(each, expected=0, event=CREATED)
        await queue.enqueue(message("e-1", key=each.key), now=NOON)

    for _ in range(2):
        await webhooks.remove(KEY, event=REMOVED)

    assert await webhooks.all() == [others]
    left = rows(records_location, "webhooks", "SELECT tenant_id FROM webhook_delivery")
    assert left == [("other",)]
    assert [each.event for each in await webhooks.pending.oldest(10)] == [CREATED.event, CREATED.event, REMOVED.event]
    await webhooks.close()


async def test_queue_given_events_of_one_aggregate_offers_each_after_the_one_before(queue: SqlWebhookQueue) -> None:
    for event_id, aggregate in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")):
        await queue.enqueue(message(event_id, aggregate), now=NOON)

    assert await due(queue) == ["a1", "b1"]
    first, other = await queue.due(KEY, now=NOON, limit=10)
    assert await due(queue, but_not=[first.number]) == ["b1"]
    await queue.finish(replace(first, tries=1, try_at=NOON + SECOND))
    assert await due(queue) == ["b1"], "a2 stays behind a1, which is tried again later"
    await queue.finish(ended(first))
    assert await due(queue) == ["a2", "b1"]
    await queue.finish(ended(other))
    (second,) = await queue.due(KEY, now=NOON, limit=10)
    await queue.finish(ended(second, DeliveryState.DEAD_LETTER))
    assert await due(queue) == ["a3"], "a dead letter lets the next event of its aggregate pass"


async def test_queue_given_an_event_twice_keeps_it_once(queue: SqlWebhookQueue) -> None:
    await queue.enqueue(message("a1"), now=NOON)
    (delivery,) = await queue.due(KEY, now=NOON, limit=10)
    await queue.finish(ended(delivery))
    await queue.enqueue(message("a1"), now=NOON)

    assert await due(queue) == []
    assert [each.state for each in await queue.page(KEY, state=None, before=None, limit=10)] == ["delivered"]


async def test_queue_given_many_events_at_once_keeps_the_order_of_each_aggregate(queue: SqlWebhookQueue) -> None:
    import asyncio

    await asyncio.gather(*(queue.enqueue(message(f"{n}", f"{n % 3}"), now=NOON) for n in range(300)))

    for first in range(0, 300, 3):
        assert await due(queue) == [str(first), str(first + 1), str(first + 2)]
        for each in await queue.due(KEY, now=NOON, limit=3):
            await queue.finish(ended(each))


async def test_log_shows_pages_newest_first_and_by_state(queue: SqlWebhookQueue) -> None:
    for n in range(5):
        await queue.enqueue(message(f"e{n}", f"{n}"), now=NOON)
    for each in await queue.due(KEY, now=NOON, limit=2):
        await queue.finish(ended(each, DeliveryState.DEAD_LETTER))

    page = await queue.page(KEY, state=None, before=None, limit=3)
    rest = await queue.page(KEY, state=None, before=page[-1].number, limit=3)
    dead = await queue.page(KEY, state=DeliveryState.DEAD_LETTER, before=None, limit=3)

    assert [each.message.event_id for each in (*page, *rest)] == ["e4", "e3", "e2", "e1", "e0"]
    assert [each.message.event_id for each in dead] == ["e1", "e0"]
    assert dead[0].attempts == (Attempt(at=NOON, status=204, detail="", took_ms=3),)


async def test_queue_again_offers_a_delivered_event_or_all_dead_letters_with_a_new_day(queue: SqlWebhookQueue) -> None:
    for event_id in ("done", "dead-1", "dead-2"):
        await queue.enqueue(message(event_id, event_id), now=NOON - RETRIED_FOR)
    done, *dead = await queue.due(KEY, now=NOON, limit=3)
    await queue.finish(ended(done))
    for each in dead:
        await queue.finish(ended(each, DeliveryState.DEAD_LETTER))

    assert await queue.queue_again(KEY, "done", now=NOON) == 1
    assert await due(queue) == ["done"]
    assert await queue.queue_again(KEY, None, now=NOON) == 2
    assert await due(queue) == ["done", "dead-1", "dead-2"]
    assert {each.queued_at for each in await queue.due(KEY, now=NOON, limit=3)} == {NOON}
    assert await queue.queue_again(KEY, "unknown", now=NOON) == 0
    assert await queue.queue_again((OTHER, "hook"), "done", now=NOON) == 0


async def test_forget_old_deletes_what_ended_long_ago_and_ends_what_nobody_tried(queue: SqlWebhookQueue) -> None:
    for event_id in ("done", "dead", "stale", "new"):
        at = NOON if event_id == "new" else NOON - 2 * RETRIED_FOR
        await queue.enqueue(message(event_id, event_id), now=at)
    done, dead, *_ = await queue.due(KEY, now=NOON, limit=2)
    await queue.finish(ended(done, at=NOON - DELIVERED_KEPT))
    await queue.finish(ended(dead, DeliveryState.DEAD_LETTER, at=NOON - DEAD_LETTERS_KEPT))

    assert await queue.forget_old(now=NOON) == 2
    left = {each.message.event_id: each.state for each in await queue.page(KEY, state=None, before=None, limit=9)}
    assert left == {"new": DeliveryState.QUEUED, "stale": DeliveryState.DEAD_LETTER}


async def test_queue_given_one_that_waited_for_a_day_begins_its_day_of_retries_when_its_turn_comes(
    queue: SqlWebhookQueue,
) -> None:
    for event_id in ("first", "second"):
        await queue.enqueue(message(event_id), now=NOON - RETRIED_FOR)
    (first,) = await queue.due(KEY, now=NOON, limit=9)
    await queue.finish(ended(first, DeliveryState.DEAD_LETTER))

    (second,) = await queue.due(KEY, now=NOON, limit=9)

    assert (second.message.event_id, second.queued_at, second.try_at) == ("second", NOON, NOON)
    failed = Attempt(at=NOON + SECOND, status=503, detail="", took_ms=1)
    assert WebhookTimings().next_try(second, 1, failed) is not None, "it would be a dead letter after one try"


async def test_forget_old_lets_the_next_of_an_aggregate_pass_when_it_ends_the_one_before(
    queue: SqlWebhookQueue,
) -> None:
    await queue.enqueue(message("stale"), now=NOON - 2 * RETRIED_FOR)
    for event_id, aggregate in (("later", "a"), ("last", "a"), ("other", "b")):
        await queue.enqueue(message(event_id, aggregate), now=NOON - RETRIED_FOR)

    await queue.forget_old(now=NOON)

    assert await due(queue) == ["other", "later"]
    left = {each.message.event_id: each.state for each in await queue.page(KEY, state=None, before=None, limit=9)}
    assert (left["stale"], left["last"]) == (DeliveryState.DEAD_LETTER, DeliveryState.WAITING)
