"""One reading for many consoles, on a clock of its own."""

from __future__ import annotations

import asyncio

from access_policy.entrypoints.http.console.shared_readings import SharedReadings
from tests.support.virtual_time import run_in_virtual_time


class Readings:
    def __init__(self) -> None:
        self.shared = SharedReadings()
        self.count = 0

    async def read(self) -> int:
        self.count += 1
        await asyncio.sleep(0.01)
        return self.count

    async def get(self, seen: int, key: str = "board") -> int:
        result: int = await self.shared.get(key, seen, self.read)
        return result


def test_consoles_that_saw_the_same_event_share_one_reading() -> None:
    async def story() -> None:
        readings = Readings()

        assert await asyncio.gather(*(readings.get(7) for _ in range(20))) == [1] * 20
        assert await readings.get(6) == 1

    run_in_virtual_time(story())


def test_reading_from_before_an_event_is_not_shown_after_it() -> None:
    async def story() -> None:
        readings = Readings()
        await readings.get(7)

        assert await asyncio.gather(*(readings.get(8) for _ in range(20))) == [2] * 20

    run_in_virtual_time(story())


def test_consoles_that_wait_with_different_events_share_the_next_reading() -> None:
    async def story() -> None:
        readings = Readings()
        await readings.get(7)

        assert await asyncio.gather(*(readings.get(8 + number) for number in range(20))) == [2] * 20

    run_in_virtual_time(story())


def test_readings_of_the_same_thing_are_a_second_apart() -> None:
    async def story() -> None:
        readings, began = Readings(), asyncio.get_running_loop().time()
        for seen in range(5):
            await readings.get(seen)

        assert asyncio.get_running_loop().time() - began >= 4
        assert await readings.get(0, key="other") == 6

    run_in_virtual_time(story())


def test_reading_after_a_failed_one_is_made_anew() -> None:
    async def story() -> None:
        readings = Readings()

        async def fail() -> int:
            raise OSError("no store")

        failed = await asyncio.gather(readings.shared.get("board", 1, fail), return_exceptions=True)

        assert isinstance(failed[0], OSError)
        assert await readings.get(1) == 1

    run_in_virtual_time(story())
