"""What every bus promises: the one in this process and EventBridge, as moto serves it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_bus.eventbridge import EventBridgeBus
from access_policy.adapters.event_bus.in_process import InProcessBus
from access_policy.application.ports.event_bus import ACCEPTED, BYTES_MAX, Entry, EventBus
from access_policy.application.published_events.detail import entry_of
from access_policy.application.published_events.mapping import TYPES
from tests.support.aws import REGION, client
from tests.support.rows import log_of
from tests.unit.event_stores.samples import SAMPLES

ALL = {"source": ["betterfleet.access-policy"]}
AT = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)


@dataclass
class Subscribed:
    """`received` waits for that many events and returns all that came to the rule."""

    bus: EventBus
    received: Callable[[int], Awaitable[list[dict[str, Any]]]]


@asynccontextmanager
async def in_process(pattern: dict[str, Any], moto: str) -> AsyncIterator[Subscribed]:
    bus, got = InProcessBus(), list[dict[str, Any]]()

    async def target(event: Any) -> None:
        got.append(dict(event))

    async def received(_: int) -> list[dict[str, Any]]:
        return got

    bus.put_rule("r", pattern, target)
    yield Subscribed(bus, received)
    await bus.close()


@asynccontextmanager
async def eventbridge(pattern: dict[str, Any], moto: str) -> AsyncIterator[Subscribed]:
    name = f"bus-{uuid.uuid4().hex[:8]}"
    async with client("events", moto) as events, client("sqs", moto) as sqs:
        await events.create_event_bus(Name=name)
        queue = (await sqs.create_queue(QueueName=name))["QueueUrl"]
        arn = (await sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"]))["Attributes"]["QueueArn"]
        await events.put_rule(Name="r", EventBusName=name, EventPattern=json.dumps(pattern))
        await events.put_targets(Rule="r", EventBusName=name, Targets=[{"Id": "q", "Arn": arn}])

        async def received(count: int) -> list[dict[str, Any]]:
            got: list[dict[str, Any]] = []
            async with asyncio.timeout(20):
                while len(got) < count:
                    answer = await sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
                    got += [json.loads(message["Body"]) for message in answer.get("Messages", [])]
            return got

        bus = EventBridgeBus(AwsAddress.of(f"eventbridge://{name}?region={REGION}&endpoint_url={moto}", "eventbridge"))
        yield Subscribed(bus, received)
        await bus.close()


BUSES = {"in process": in_process, "eventbridge": eventbridge}


@pytest.fixture(params=BUSES)
def subscribe(request: pytest.FixtureRequest, moto: str, aws_credentials: None) -> Callable[[dict[str, Any]], Any]:
    return lambda pattern: BUSES[request.param](pattern, moto)


def entry(number: int, detail: str = '{"a": 1}', detail_type: str = "AccessDenied") -> Entry:
    return Entry(f"e-{number}", "betterfleet.access-policy", detail_type, AT, detail)


async def test_what_is_published_arrives_in_eventbridges_envelope(subscribe: Callable[..., Any]) -> None:
    async with subscribe(ALL) as subscribed:
        assert await subscribed.bus.publish([entry(1, '{"data": {"name": "Nächte"}}')]) == [ACCEPTED]

        (event,) = await subscribed.received(1)

    assert set(event) >= {"version", "id", "detail-type", "source", "time", "region", "resources", "detail"}
    assert (event["version"], event["detail-type"], event["source"]) == (
        "0",
        "AccessDenied",
        "betterfleet.access-policy",
    )
    assert event["detail"] == {"data": {"name": "Nächte"}}
    assert event["resources"] == []


async def test_a_rule_takes_the_same_events_on_each_bus(subscribe: Callable[..., Any]) -> None:
    pattern = {
        "source": ["betterfleet.access-policy"],
        "detail-type": [{"prefix": "Access"}],
        "detail": {"n": [{"numeric": [">", 2, "<=", 5]}], "s": [{"anything-but": {"suffix": "x"}}]},
    }
    async with subscribe(pattern) as subscribed:
        entries = [entry(n, json.dumps({"n": n, "s": "ax" if n == 4 else "a"})) for n in range(8)]
        await subscribed.bus.publish([*entries, entry(9, '{"n": 3, "s": "a"}', "ModeApplied")])
        events = await subscribed.received(2)

    assert sorted(event["detail"]["n"] for event in events) == [3, 5]


async def test_a_call_takes_ten_entries_and_less_than_256_kib(subscribe: Callable[..., Any]) -> None:
    async with subscribe(ALL) as subscribed:
        assert await subscribed.bus.publish([entry(n) for n in range(10)]) == [ACCEPTED] * 10
        for too_much in ([], [entry(n) for n in range(11)], [entry(1, json.dumps("x" * BYTES_MAX))]):
            with pytest.raises(ValueError, match="fit"):
                await subscribed.bus.publish(too_much)

        assert len(await subscribed.received(10)) == 10


async def test_every_public_event_is_taken(subscribe: Callable[..., Any]) -> None:
    public = [sample for sample in SAMPLES if sample.TYPE in TYPES]  # type: ignore[attr-defined]
    entries = [entry_of(recorded) for recorded in log_of(*public)]
    async with subscribe(ALL) as subscribed:
        for start in range(0, len(entries), 10):
            batch = entries[start : start + 10]
            assert await subscribed.bus.publish(batch) == [ACCEPTED] * len(batch)
        events = await subscribed.received(len(entries))

    assert {event["detail"]["event_id"] for event in events} == {each.event_id for each in entries}
