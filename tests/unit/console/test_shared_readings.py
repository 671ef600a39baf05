"""One reading for many consoles, on a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from access_policy.entrypoints.http.console.shared_readings import SharedReadings
from tests.support.virtual_time import run_in_virtual_time


class Readings:
    def __init__(self, takes_s: float = 0.01) -> None:
        self.shared = SharedReadings()
        self.count = 0
        self.takes_s = takes_s
        self.parts_read: list[set[str]] = []
        self.there = {"one", "two", "three"}

    async def read(self) -> int:
        self.count += 1
        await asyncio.sleep(self.takes_s)
        return self.count

    async def read_some(self, names: Collection[str]) -> dict[str, int]:
        self.parts_read.append(set(names))
        count = await self.read()
        return dict.fromkeys(self.there & set(names), count)

    async def some(self, seen: int, *names: str) -> dict[str, int]:
        return await self.shared.some("board", names, seen, self.read_some)

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


@pytest.mark.parametrize(("takes_s", "apart_s"), [(0.01, 0.1), (0.2, 0.6), (5.0, 1.0)])
def test_readings_of_the_same_thing_are_apart_by_three_times_what_they_take_within_bounds(
    takes_s: float, apart_s: float
) -> None:
    async def story() -> None:
        readings, clock = Readings(takes_s), asyncio.get_running_loop().time
        began = clock()
        for seen in range(5):
            await readings.get(seen)

        assert clock() - began == pytest.approx(5 * takes_s + 4 * apart_s)
        assert await readings.get(0, key="other") == 6
        assert clock() - began == pytest.approx(6 * takes_s + 4 * apart_s)

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


def test_parts_that_waiting_consoles_lack_are_read_together() -> None:
    async def story() -> None:
        readings = Readings()
        await readings.some(1, "one")

        found = await asyncio.gather(readings.some(2, "one", "two"), readings.some(3, "three", "two"))

        assert found == [{"one": 2, "two": 2}, {"three": 2, "two": 2}]
        assert readings.parts_read == [{"one"}, {"one", "two", "three"}]

    run_in_virtual_time(story())


def test_part_that_a_console_has_seen_no_later_event_of_is_not_read_again() -> None:
    async def story() -> None:
        readings = Readings()
        await readings.some(5, "one", "two")

        assert await readings.some(4, "one") == {"one": 1}
        assert await readings.some(6, "two", "one") == {"one": 2, "two": 2}
        assert readings.parts_read == [{"one", "two"}, {"one", "two"}]

    run_in_virtual_time(story())


def test_part_that_is_asked_for_during_a_reading_with_a_later_event_is_read_after_it() -> None:
    async def story() -> None:
        readings = Readings(takes_s=1.0)
        first = asyncio.create_task(readings.some(1, "one"))
        await asyncio.sleep(0.5)

        assert await readings.some(2, "one") == {"one": 2}
        assert await first == {"one": 1}

    run_in_virtual_time(story())


def test_part_that_is_gone_is_left_out_and_read_once_for_all_who_wait() -> None:
    async def story() -> None:
        readings = Readings()
        await readings.some(1, "one")
        readings.there.clear()

        assert await asyncio.gather(*(readings.some(2, "one") for _ in range(3))) == [{}] * 3
        assert readings.count == 2

    run_in_virtual_time(story())


def test_parts_of_a_failed_reading_are_read_anew_for_others_who_wait() -> None:
    async def story() -> None:
        readings = Readings()

        async def fail(_: Collection[str]) -> dict[str, int]:
            raise OSError("no store")

        failed, found = await asyncio.gather(
            readings.shared.some("board", ["one"], 1, fail), readings.some(1, "two", "one"), return_exceptions=True
        )

        assert isinstance(failed, OSError)
        assert found == {"one": 1, "two": 1}

    run_in_virtual_time(story())


def test_parts_are_read_anew_after_the_one_who_read_them_for_all_has_gone() -> None:
    async def story() -> None:
        readings = Readings(takes_s=1.0)
        first = asyncio.create_task(readings.some(1, "one"))
        second = asyncio.create_task(readings.some(1, "one"))
        await asyncio.sleep(0.5)

        first.cancel()

        assert await second == {"one": 2}

    run_in_virtual_time(story())
