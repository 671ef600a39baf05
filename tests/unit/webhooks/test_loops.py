"""One loop for each receiver, also while an earlier one ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from access_policy.application.webhooks.loops import ReceiverLoops
from access_policy.domain.ids import TenantId

KEY = (TenantId("acme"), "hook")


@dataclass(frozen=True)
class Target:
    version: int = 1
    webhook_id: str = "hook"
    key: tuple[TenantId, str] = KEY


class SlowToEnd:
    """A receiver whose last delivery ends a while after its loop was cancelled."""

    def __init__(self, webhook: Target, story: list[str], delivered: asyncio.Event) -> None:
        self.webhook = webhook
        self._story = story
        self._delivered = delivered

    async def run(self) -> None:
        self._story.append(f"{self.webhook.version} begins")
        try:
            await asyncio.Event().wait()
        finally:
            await self._delivered.wait()
            self._story.append(f"{self.webhook.version} has ended")


@pytest.fixture
async def delivered() -> AsyncIterator[asyncio.Event]:
    """Set when the receivers' last deliveries have ended; at the latest at the end of the test."""
    event = asyncio.Event()
    yield event
    event.set()


def loops_of(story: list[str], delivered: asyncio.Event) -> ReceiverLoops[Any]:
    return ReceiverLoops(lambda target: SlowToEnd(target, story, delivered))  # type: ignore[arg-type,return-value]


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_receiver_that_is_wanted_again_waits_for_the_end_of_its_last_loop(delivered: asyncio.Event) -> None:
    story = list[str]()
    loops = loops_of(story, delivered)

    for version in (1, 2, 3):
        loops.follow({KEY: Target(version)})
        await turns()
        loops.follow({})
    loops.follow({KEY: Target(4)})
    await turns()
    assert story == ["1 begins"]

    delivered.set()
    await turns()
    assert story == ["1 begins", "1 has ended", "4 begins"]
    assert [target.version for target in loops.targets] == [4]
    await loops.close()


async def test_close_waits_for_loops_that_were_ended_before(delivered: asyncio.Event) -> None:
    story = list[str]()
    loops = loops_of(story, delivered)
    loops.follow({KEY: Target()})
    await turns()
    loops.follow({})

    closing = asyncio.create_task(loops.close())
    await turns()
    assert not closing.done()

    delivered.set()
    await closing
    assert story == ["1 begins", "1 has ended"]
    assert loops.targets == []


async def test_a_changed_receiver_keeps_its_loop(delivered: asyncio.Event) -> None:
    story = list[str]()
    delivered.set()
    loops = loops_of(story, delivered)
    loops.follow({KEY: Target(1)})
    await turns()

    loops.follow({KEY: Target(2)})
    await turns()

    assert story == ["1 begins"]
    assert [target.version for target in loops.targets] == [2]
    await loops.close()
