"""The intakes, each before a service in memory: told directly, over HTTP, and by a queue."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
from dependency_injector import providers

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_intake import sqs as sqs_module
from access_policy.adapters.event_intake.messages import BadEvent, read
from access_policy.adapters.event_intake.sqs import SqsIntake
from access_policy.application.ports.event_intake import EventIntake, IntakeResult, IntakeStatus
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import Role
from access_policy.domain.vehicle_registry.registry import VehicleRegistry
from tests.support.aws import REGION, client
from tests.support.http_api import HttpApi, http_api
from tests.support.incoming import recorded_fate

DEADLINE_S: Final = 120  # an upper bound on a busy machine


def sqs_address(url: str) -> AwsAddress:
    return AwsAddress.of(url, "sqs", "dead_letters")


@dataclass
class Watched:
    """Passes on to the service's intake, and can be away, slow or broken before it does."""

    intake: EventIntake
    is_away: bool = False
    delay_s: float = 0.0
    broken: BaseException | None = None
    takes: int = 0

    async def receive(self, event: Any) -> IntakeResult:
        self.takes += 1
        await asyncio.sleep(self.delay_s)
        if self.is_away:
            raise StoreUnavailable("away")
        if self.broken is not None:
            raise self.broken
        return await self.intake.receive(event)


class Sender(Protocol):
    """Delivers a message and returns when it was dealt with as far as it can be now. `refused` holds the reasons of those that
    never fit."""

    refused: list[str]

    async def deliver(self, *messages: dict[str, Any] | str) -> None: ...

    async def deliver_again(self, message: dict[str, Any]) -> None:
        """What was answered as not fitting yet, or not recorded: by the sender, or by the queue itself."""
        ...


@dataclass
class Direct:
    watched: Watched
    refused: list[str] = field(default_factory=list)

    async def deliver(self, *messages: dict[str, Any] | str) -> None:
        for message in messages:
            try:
                result = await self.watched.receive(read(message if isinstance(message, str) else json.dumps(message)))
            except BadEvent as bad:
                self.refused.append(str(bad))
            except StoreUnavailable:
                pass
            else:
                if result.status is IntakeStatus.REFUSED:
                    self.refused.append(f"{result.code}: {result.reason}")

    async def deliver_again(self, message: dict[str, Any]) -> None:
        await self.deliver(message)


@dataclass
class OverHttp:
    api: HttpApi
    refused: list[str] = field(default_factory=list)

    async def deliver(self, *messages: dict[str, Any] | str) -> None:
        for message in messages:
            content = (message if isinstance(message, str) else json.dumps(message)).encode()
            answer = await self.api.send("POST", "/v1/events", role=Role.SERVICE, content=content)
            assert answer.status_code in (200, 400, 409, 422, 503), answer.text
            if answer.status_code in (400, 422):
                problem = answer.json()
                self.refused.append(f"{problem['type']}: {problem['detail']} {problem.get('errors', '')}")

    async def deliver_again(self, message: dict[str, Any]) -> None:
        await self.deliver(message)


@dataclass
class ByQueue:
    sqs: Any
    queue_url: str
    dead_letters_url: str
    watched: Watched

    def __post_init__(self) -> None:
        self.refused: list[str] = []
        self.buried: list[dict[str, Any]] = []

    async def deliver(self, *messages: dict[str, Any] | str) -> None:
        expected = self.watched.takes
        for message in messages:
            body = message if isinstance(message, str) else json.dumps(message)
            await self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body or " ")
        if self.watched.is_away:
            await until(lambda: self.watched.takes > expected)
        else:
            await self.emptied()

    async def deliver_again(self, message: dict[str, Any]) -> None:
        """The queue does."""
        await self.emptied()

    async def emptied(self) -> None:
        """All but what does not fit yet."""
        async with asyncio.timeout(DEADLINE_S):
            await self._until_nothing_is_left()
        answer = await self.sqs.receive_message(
            QueueUrl=self.dead_letters_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        for message in answer.get("Messages", []):
            self.buried.append(message)
            self.refused.append(message["MessageAttributes"]["reason"]["StringValue"])

    async def _until_nothing_is_left(self) -> None:
        # The queue counts its visible and its other messages at two moments. A message whose visibility timeout ends between
        # them is in neither count, but in the next ones: only two zeros in a row mean that the queue is empty.
        zeros = 0
        while zeros < 2:
            zeros = 0 if await self.left() else zeros + 1
            await asyncio.sleep(0.05)

    async def left(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)


async def until(fits: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not fits():  # noqa: ASYNC110  it is asked, it tells nobody
            await asyncio.sleep(0.02)


@dataclass
class Taking:
    """An intake under test and what became of what it was sent."""

    api: HttpApi
    watched: Watched
    sender: Sender

    async def registry(self) -> VehicleRegistry:
        async with self.api.container.commands.registries().locked("acme") as registry:
            return registry

    async def names(self) -> dict[str, str]:
        return {id_: vehicle.description.name for id_, vehicle in (await self.registry()).vehicles.items()}

    async def fate(self, message: dict[str, Any]) -> str | None:
        return await recorded_fate(self.api.container.records.intake(), read(json.dumps(message)))


@asynccontextmanager
async def queue_before(watched: Watched, moto: str, endpoint: str, **pace: int) -> AsyncIterator[ByQueue]:
    name = f"in-{uuid.uuid4().hex[:8]}"
    async with client("sqs", moto) as sqs:
        queue_url = (await sqs.create_queue(QueueName=name))["QueueUrl"]
        dead_letters_url = (await sqs.create_queue(QueueName=f"{name}-dead-letters"))["QueueUrl"]
        intake = SqsIntake(
            sqs_address(f"sqs://{name}?region={REGION}&endpoint_url={endpoint}"),
            watched,
            **{"wait_s": 1, **pace},
        )
        running = asyncio.create_task(intake.run())
        yield ByQueue(sqs, queue_url, dead_letters_url, watched)
        await intake.drain()
        await running
        await intake.close()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path) as opened:
        yield opened


@pytest.fixture(params=["direct", "http", "queue"])
async def taking(
    request: pytest.FixtureRequest, moto: str, aws_credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Taking]:
    monkeypatch.setattr(sqs_module, "RETRY_FIRST_S", 1)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(http_api(tmp_path))
        watched = Watched(api.container.intake.receiver())
        api.container.intake.receiver.override(providers.Object(watched))
        sender: Sender
        match request.param:
            case "direct":
                sender = Direct(watched)
            case "http":
                sender = OverHttp(api)
            case _:
                sender = await stack.enter_async_context(queue_before(watched, moto, moto))
        yield Taking(api, watched, sender)
