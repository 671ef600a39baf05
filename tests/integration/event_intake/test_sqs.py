"""What is the queue's own: messages stay hidden while they are worked on, endings are single, the dead have their reasons."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from access_policy.adapters.event_intake import sqs as sqs_module
from access_policy.adapters.event_intake.sqs import SqsIntake
from tests.integration.event_intake.conftest import ByQueue, Watched, queue_before, sqs_address, until
from tests.support.aws import REGION, Stub, client
from tests.support.http_api import HttpApi
from tests.support.incoming import commissioned


@pytest.fixture
def watched(api: HttpApi) -> Watched:
    return Watched(api.container.intake.receiver())


@pytest.fixture
async def queue(
    watched: Watched, moto: str, faulty_aws: Stub, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ByQueue]:
    monkeypatch.setattr(sqs_module, "RETRY_FIRST_S", 0)
    async with queue_before(watched, moto, faulty_aws.url) as opened:
        yield opened


async def names(api: HttpApi) -> set[str]:
    async with api.container.commands.registries().locked("acme") as registry:  # type: ignore[arg-type]
        return set(registry.vehicles)


async def test_it_polls_for_as_long_as_sqs_allows(api: HttpApi, moto: str, faulty_aws: Stub) -> None:
    asked: list[dict[str, Any]] = []
    async with client("sqs", moto) as sqs:
        await sqs.create_queue(QueueName="polled")
    faulty_aws.refuse = lambda action: (200, {"__type": "nothing there"}) if action == "ReceiveMessage" else None
    intake = SqsIntake(
        sqs_address(f"sqs://polled?region={REGION}&endpoint_url={faulty_aws.url}"),
        api.container.intake.receiver(),
    )
    sdk = await intake._client.get()
    sdk.meta.events.register(
        "before-parameter-build.sqs.ReceiveMessage", lambda params, **_: asked.append(dict(params))
    )

    running = asyncio.create_task(intake.run())
    await until(lambda: bool(asked))
    await intake.drain()
    await running
    await intake.close()

    assert (asked[0]["WaitTimeSeconds"], asked[0]["MaxNumberOfMessages"]) == (20, 10)


async def test_a_dead_letter_is_the_message_with_its_reason(queue: ByQueue) -> None:
    bad = commissioned("bus-7", 1, access_class="guest")

    await queue.deliver(bad)

    (dead,) = queue.buried
    told = {name: value["StringValue"] for name, value in dead["MessageAttributes"].items()}
    assert json.loads(dead["Body"]) == bad
    assert told["fate"] == "refused"
    assert told["reason"].startswith("/detail/data/access_class: ")
    assert told["received"] == "1"
    assert queue.queue_url.endswith(told["queue"])


async def test_what_never_comes_to_fit_is_dead_after_some_times(
    queue: ByQueue, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqs_module, "RECEIVES_MAX", 3)

    await queue.deliver(commissioned("van-1", 1, access_class="agreement", agreement_id="nobody"))

    (dead,) = queue.buried
    assert dead["MessageAttributes"]["fate"]["StringValue"] == "not_yet"
    assert dead["MessageAttributes"]["received"]["StringValue"] == "3"
    assert "agreement-unknown" in queue.refused[0]
    assert watched.takes == 3


async def test_what_breaks_the_intake_itself_is_dead_after_some_times_and_others_are_taken(
    queue: ByQueue, watched: Watched, api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqs_module, "RECEIVES_MAX", 2)
    watched.broken = RuntimeError("a bug")
    await queue.deliver(commissioned("bus-7", 1))
    watched.broken = None
    await queue.deliver(commissioned("bus-8", 1))

    assert [dead["MessageAttributes"]["fate"]["StringValue"] for dead in queue.buried] == ["failed"]
    assert await names(api) == {"bus-8"}


async def test_while_nothing_can_be_recorded_no_message_dies_however_often_it_comes(
    queue: ByQueue, watched: Watched, api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqs_module, "RECEIVES_MAX", 2)
    watched.is_away = True
    await queue.deliver(commissioned("bus-7", 1))
    await until(lambda: watched.takes >= 4)
    watched.is_away = False

    await queue.emptied()

    assert queue.buried == []
    assert await names(api) == {"bus-7"}


async def test_a_message_that_takes_long_does_not_come_a_second_time(
    api: HttpApi, watched: Watched, moto: str, aws_credentials: None
) -> None:
    watched.delay_s = 2.5
    async with (
        queue_before(watched, moto, moto, visibility_s=1) as slow,
        queue_before(Watched(watched.intake), moto, moto) as other,
    ):
        second = SqsIntake(
            sqs_address(f"sqs://{slow.queue_url.rpartition('/')[2]}?region={REGION}&endpoint_url={moto}"),
            watched,
        )
        running = asyncio.create_task(second.run())
        await slow.deliver(commissioned("bus-7", 1))
        await other.deliver(commissioned("bus-8", 1))
        await second.drain()
        await running
        await second.close()

    assert watched.takes == 1
    assert await names(api) == {"bus-7", "bus-8"}


async def test_what_is_not_deleted_comes_again_and_changes_nothing(
    watched: Watched, api: HttpApi, moto: str, faulty_aws: Stub
) -> None:
    failed: list[str] = []

    def fail_once(action: str) -> tuple[int, dict[str, str]] | None:
        if action == "DeleteMessageBatch" and not failed:
            failed.append(action)
            return 500, {"__type": "InternalError", "message": "not deleted"}
        return None

    faulty_aws.refuse = fail_once
    async with queue_before(watched, moto, faulty_aws.url, visibility_s=1) as queue:
        await queue.deliver(commissioned("bus-7", 1))

    assert failed
    assert watched.takes >= 2, "on a slow machine the queue may deliver it once more"
    log = await api.container.stores.store().read_log(after=0, limit=100)
    assert [type(each.event).__name__ for each in log] == ["VehicleRegistered"]


async def test_without_a_queue_for_the_dead_a_bad_message_stays_and_holds_up_nothing(
    api: HttpApi, watched: Watched, moto: str, aws_credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqs_module, "RETRY_FIRST_S", 1)
    async with client("sqs", moto) as sqs:
        url = (await sqs.create_queue(QueueName="no-dead"))["QueueUrl"]
        intake = SqsIntake(
            sqs_address(f"sqs://no-dead?region={REGION}&endpoint_url={moto}"),
            watched,
            wait_s=1,
        )
        running = asyncio.create_task(intake.run())
        await sqs.send_message(QueueUrl=url, MessageBody="bad")
        await sqs.send_message(QueueUrl=url, MessageBody=json.dumps(commissioned("bus-7", 1)))
        await until(lambda: watched.takes == 1)
        await intake.drain()
        await running
        await intake.close()
        left = await ByQueue(sqs, url, "", watched).left()

    assert left == 1
    assert await names(api) == {"bus-7"}


async def test_it_comes_back_when_the_queue_was_away(queue: ByQueue, api: HttpApi, faulty_aws: Stub) -> None:
    faulty_aws.refuse = lambda _: (503, {"__type": "ServiceUnavailable", "message": "away"})
    refused = faulty_aws.calls["refused"]
    await until(lambda: faulty_aws.calls["refused"] > refused + 2)
    faulty_aws.refuse = lambda _: None

    await queue.deliver(commissioned("bus-7", 1))

    assert await names(api) == {"bus-7"}


async def test_at_a_stop_what_is_under_way_is_ended_and_deleted(
    api: HttpApi, watched: Watched, moto: str, aws_credentials: None
) -> None:
    watched.delay_s = 0.5
    async with AsyncExitStack() as stack:
        queue = await stack.enter_async_context(queue_before(watched, moto, moto))
        body = json.dumps(commissioned("bus-7", 1))
        await queue.sqs.send_message(QueueUrl=queue.queue_url, MessageBody=body)
        await until(lambda: watched.takes == 1)

    async with client("sqs", moto) as sqs:
        assert await ByQueue(sqs, queue.queue_url, queue.dead_letters_url, watched).left() == 0
    assert await names(api) == {"bus-7"}
