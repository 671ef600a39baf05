"""How a process that only reads the read models waits for the one that updates them."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from access_policy.adapters.read_models.progress import CATCH_UP_S, POLL_EVERY_S, ReadModelProgress
from access_policy.adapters.read_models.runner import ReadModels
from access_policy.application.ports.event_store import EventStore
from tests.support.virtual_time import run_in_virtual_time


class SlowModels:
    """Reach position 1 at an instant of the loop's clock, and note when they were asked."""

    def __init__(self, reached_at: float) -> None:
        self.polled: list[float] = []
        self._reached_at = reached_at

    async def followed_to(self) -> int:
        now = asyncio.get_running_loop().time()
        self.polled.append(now)
        return int(now >= self._reached_at)


class OneEvent:
    """The store's log has one event."""

    async def last_position(self) -> int:
        return 1


def progress_of(models: SlowModels) -> ReadModelProgress:
    return ReadModelProgress(cast("EventStore", OneEvent()), cast("ReadModels", models))


@pytest.mark.parametrize(("behind_s", "caught_up"), [(20.0, True), (CATCH_UP_S + 1.0, False)])
def test_has_caught_up_beside_lagging_read_models_polls_ever_less(behind_s: float, caught_up: bool):
    async def start() -> None:
        began = asyncio.get_running_loop().time()
        models = SlowModels(began + behind_s)

        assert await progress_of(models).has_caught_up() is caught_up

        lasted = asyncio.get_running_loop().time() - began
        assert len(models.polled) <= lasted + 10
        assert lasted <= CATCH_UP_S

    run_in_virtual_time(start())


def test_wait_until_of_a_caller_that_reads_its_own_write_polls_steadily():
    async def read() -> None:
        began = asyncio.get_running_loop().time()
        models = SlowModels(began + 1.0)

        assert await progress_of(models).wait_until(1, timeout_s=5.0)

        gaps = [later - earlier for earlier, later in zip(models.polled, models.polled[1:], strict=False)]
        assert gaps == pytest.approx([POLL_EVERY_S] * len(gaps))

    run_in_virtual_time(read())
