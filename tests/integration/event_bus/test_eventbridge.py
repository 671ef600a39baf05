"""EventBridge when it fails: as a whole, for single entries, without an answer; and a relay on the other side of it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.clock import SystemClock
from access_policy.adapters.event_bus.eventbridge import EventBridgeBus
from access_policy.adapters.records.relay_positions import SqlRelayPositions
from access_policy.application.ports.event_bus import (
    ACCEPTED,
    BusUnavailable,
    Entry,
    EventBus,
    PublishResult,
    PublishStatus,
)
from access_policy.application.ports.event_store import Append, EventStore
from access_policy.application.relay.relay import Relay
from access_policy.application.relay.timings import RelayTimings
from access_policy.application.streams import policy_stream
from access_policy.domain.charger_access_policy.events import ModeOverrideLifted
from access_policy.domain.ids import ChargerId, OverrideId, TenantId
from tests.support.aws import REGION, Stub, client
from tests.support.buses import Consumer
from tests.support.stores import NOON, happened, sqlite_store

AT = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
BUS = "outages"


def entry(number: int, detail: str = "{}") -> Entry:
    return Entry(f"e-{number}", "betterfleet.access-policy", "AccessDenied", AT, detail)


@pytest.fixture
async def bus(faulty_aws: Stub, moto: str) -> Any:
    async with client("events", moto) as events:
        if not (await events.list_event_buses(NamePrefix=BUS))["EventBuses"]:
            await events.create_event_bus(Name=BUS)
    opened = EventBridgeBus(
        AwsAddress.of(f"eventbridge://{BUS}?region={REGION}&endpoint_url={faulty_aws.url}", "eventbridge")
    )
    yield opened
    await opened.close()


def number_of(put: dict[str, Any]) -> int:
    return int(json.loads(put["Detail"]).get("n", -1))


async def test_each_entry_has_its_own_outcome(faulty_aws: Stub, bus: EventBus) -> None:
    errors = {1: "InternalFailure", 2: "ThrottlingException", 3: "MalformedDetail"}
    faulty_aws.entry_error = lambda put: errors.get(number_of(put))

    outcomes = await bus.publish([entry(n, json.dumps({"n": n})) for n in range(5)])

    assert [outcome.status for outcome in outcomes] == [
        *(
            PublishStatus.ACCEPTED,
            PublishStatus.NOT_NOW,
            PublishStatus.NOT_NOW,
            PublishStatus.REFUSED,
            PublishStatus.ACCEPTED,
        )
    ]
    assert outcomes[3].reason.startswith("MalformedDetail")
    assert [number_of(put) for put in faulty_aws.taken] == [0, 4]


async def test_what_eventbridge_itself_calls_malformed_is_refused(bus: EventBus) -> None:
    first, second = await bus.publish([entry(1, "no json"), entry(2)])

    assert (first.status, second) == (PublishStatus.REFUSED, ACCEPTED)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ThrottlingException"),
        (500, "InternalException"),
        (503, "ServiceUnavailable"),
        (400, "AccessDeniedException"),
        (400, "ResourceNotFoundException"),
    ],
)
async def test_a_call_that_fails_leaves_all_its_entries_to_be_sent_again(
    faulty_aws: Stub, bus: EventBus, status: int, code: str
) -> None:
    faulty_aws.refuse = lambda _: (status, {"__type": code, "message": "not now"})

    with pytest.raises(BusUnavailable, match=code):
        await bus.publish([entry(1), entry(2)])

    faulty_aws.refuse = lambda _: None
    assert await bus.publish([entry(1), entry(2)]) == [ACCEPTED, ACCEPTED]


async def test_an_entry_without_permission_keeps_everything_back(faulty_aws: Stub, bus: EventBus) -> None:
    faulty_aws.entry_error = lambda _: "NotAuthorizedForSourceException"

    with pytest.raises(BusUnavailable, match="NotAuthorizedForSource"):
        await bus.publish([entry(1)])


async def test_a_request_that_is_refused_as_a_whole_is_refused_for_the_entry_that_is_guilty(
    faulty_aws: Stub, bus: EventBus
) -> None:
    lengths: list[int] = []

    def refuse_first_batch(_: str) -> tuple[int, dict[str, str]] | None:
        lengths.append(len(faulty_aws.batches))
        return (400, {"__type": "ValidationException", "message": "one of them"}) if len(lengths) in (1, 3) else None

    faulty_aws.refuse = refuse_first_batch

    outcomes = await bus.publish([entry(n, json.dumps({"n": n})) for n in range(3)])

    assert [outcome.status for outcome in outcomes] == [
        PublishStatus.ACCEPTED,
        PublishStatus.REFUSED,
        PublishStatus.ACCEPTED,
    ]


async def test_an_answer_that_is_lost_is_no_answer(faulty_aws: Stub, bus: EventBus) -> None:
    faulty_aws.answer_lost = lambda _: True

    with pytest.raises(BusUnavailable):
        await bus.publish([entry(1)])


async def test_nobody_there_is_unavailable(aws_credentials: None) -> None:
    bus = EventBridgeBus(
        AwsAddress.of(f"eventbridge://b?region={REGION}&endpoint_url=http://127.0.0.1:9", "eventbridge")
    )

    with pytest.raises(BusUnavailable):
        await bus.publish([entry(1)])
    await bus.close()


@pytest.mark.parametrize(
    "address",
    ["eventbridge://", "sqs://b", "eventbridge://b?regions=x", "eventbridge://b?region", "b"],
)
def test_an_address_that_cannot_be_meant_is_refused(address: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  each with words of its own
        AwsAddress.of(address, "eventbridge")


class TrustingEventBridge(EventBridgeBus):
    """The red control: status 200 is taken for all entries taken."""

    async def publish(self, entries: Sequence[Entry]) -> list[PublishResult]:
        await super().publish(entries)
        return [ACCEPTED] * len(entries)


async def published_through_faults(
    faulty_aws: Stub, bus: EventBus, directory: Path, *, events: int
) -> tuple[set[str], Consumer]:
    """A relay over a store and positions on disk; the ids that happened and what EventBridge took of them."""
    chance = Random(3)
    store = sqlite_store(directory)
    positions = SqlRelayPositions(directory / "relay.sqlite", "eventbridge:outages")
    happened_ids = await _happen(store, events)
    faulty_aws.entry_error = lambda _: "InternalFailure" if chance.random() < 0.1 else None
    answers, calls = itertools.count(1), itertools.count(1)
    faulty_aws.answer_lost = lambda _: next(answers) % 5 == 0
    throttled = (400, {"__type": "ThrottlingException", "message": "slower"})
    faulty_aws.refuse = lambda _: throttled if next(calls) % 6 == 0 else None
    timings = RelayTimings(first_s=0.01, longest_s=0.05, held_first_s=0.05, look_at_held_s=0.05)
    relay = Relay(store, bus, positions, SystemClock(), timings=timings, batch=10)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(120):
        while await relay.lag() or await positions.held():  # noqa: ASYNC110  it is asked, it tells nobody
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()
    await positions.close()
    consumer = Consumer()
    for put in faulty_aws.taken:
        consumer.take(json.loads(put["Detail"]))
    return happened_ids, consumer


async def _happen(store: EventStore, count: int) -> set[str]:
    ids: set[str] = set()
    for number in range(count):
        charger = ChargerId(f"bay-{number % 20}")
        new = happened(ModeOverrideLifted(charger_id=charger, override_id=OverrideId(f"o-{number}"), lifted_at=NOON))
        await store.append([Append(policy_stream(TenantId("acme"), charger), number // 20, (new,))])
        ids.add(new.envelope.event_id)
    return ids


async def test_a_relay_brings_everything_through_a_failing_eventbridge_in_order(
    faulty_aws: Stub, bus: EventBus, tmp_path: Path
) -> None:
    ids, consumer = await published_through_faults(faulty_aws, bus, tmp_path, events=120)

    for fault in ("refused", "entry failed", "answer lost"):
        assert faulty_aws.calls[fault] > 0, f"{fault} never happened: the run says nothing"
    assert set(consumer.sent) == ids
    assert consumer.out_of_order == []
    assert max(faulty_aws.batches) == 10


async def test_red_control_status_200_taken_for_all_entries_taken_loses_events(
    faulty_aws: Stub, bus: EventBus, tmp_path: Path
) -> None:
    trusting = TrustingEventBridge(
        AwsAddress.of(f"eventbridge://{BUS}?region={REGION}&endpoint_url={faulty_aws.url}", "eventbridge")
    )

    ids, consumer = await published_through_faults(faulty_aws, trusting, tmp_path, events=120)
    await trusting.close()

    assert faulty_aws.calls["entry failed"] > 0
    assert len(set(consumer.sent)) < len(ids)
