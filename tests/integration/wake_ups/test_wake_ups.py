"""The port `WakeUps` against each adapter: what one process appends wakes the others, and never itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from access_policy.adapters.wake_ups.local_sockets import LocalWakeUps
from access_policy.adapters.wake_ups.postgres import PostgresWakeUps
from access_policy.application.ports.wake_ups import WakeUps

URGENT, OTHER = "policy.changed.v1", "attempt.decided.v1"
Make = Callable[[str], WakeUps]


class Process:
    def __init__(self, wake_ups: WakeUps) -> None:
        self.wake_ups = wake_ups
        self.woken: list[frozenset[str]] = []
        wake_ups.listen(self.woken.append)

    def types(self) -> set[str]:
        return set().union(*self.woken)


@asynccontextmanager
async def processes(make: Make, *names: str) -> AsyncIterator[list[Process]]:
    """All of them listening: each has woken each other once."""
    made = [Process(make(name)) for name in names]
    async with AsyncExitStack() as stack:
        for process in made:
            running = asyncio.create_task(process.wake_ups.run())
            stack.push_async_callback(ended, running)
        for sender in made:
            others = [each for each in made if each is not sender]
            await until(lambda sender=sender, others=others: greeted(sender, others))  # type: ignore[misc]
        for process in made:
            process.woken.clear()
        yield made


def greeted(sender: Process, others: list[Process]) -> bool:
    greeting = f"hello.{id(sender)}"
    sender.wake_ups.appended(frozenset({greeting}))
    return all(greeting in each.types() for each in others)


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110  wake-ups come whenever they come
            await asyncio.sleep(0.01)


@pytest.fixture(params=["local", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    if request.param == "local":
        return lambda name: LocalWakeUps(tmp_path / "wake", name, urgent={URGENT})
    url: str = request.getfixturevalue("postgres_database")
    return lambda _: PostgresWakeUps(url, urgent={URGENT})


async def test_append_of_one_process_wakes_the_others_with_its_types(make: Make) -> None:
    async with processes(make, "", "office", "third") as (gateway, office, third):
        office.wake_ups.appended(frozenset({URGENT, OTHER}))
        await until(lambda: {URGENT, OTHER} <= gateway.types() & third.types())

        assert URGENT not in office.types()


async def test_thousands_of_appends_wake_a_few_times(make: Make) -> None:
    async with processes(make, "", "office") as (gateway, office):
        for _ in range(5_000):
            gateway.wake_ups.appended(frozenset({OTHER}))
        gateway.wake_ups.appended(frozenset({"last"}))
        await until(lambda: "last" in office.types())

        assert len(office.woken) <= 5


async def test_local_socket_left_by_a_killed_process_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "wake").mkdir()
    (tmp_path / "wake" / "office.sock").touch()

    async with processes(lambda name: LocalWakeUps(tmp_path / "wake", name, urgent=()), "", "office") as (one, other):
        one.wake_ups.appended(frozenset({OTHER}))
        await until(lambda: OTHER in other.types())


async def test_local_sockets_work_below_a_path_longer_than_an_address(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)

    async with processes(lambda name: LocalWakeUps(deep, name, urgent=()), "", "office") as (one, other):
        one.wake_ups.appended(frozenset({OTHER}))
        await until(lambda: OTHER in other.types())

    assert list(deep.iterdir()) == []


async def test_postgres_listener_that_lost_its_connection_wakes_everything_and_listens_again(
    postgres_database: str,
) -> None:
    async with processes(lambda _: PostgresWakeUps(postgres_database, urgent=()), "", "office") as (one, other):
        with psycopg.connect(postgres_database, autocommit=True) as administrator:
            administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'access-policy wake-ups'"
                " AND datname = current_database()"
            )
        await until(lambda: frozenset() in one.woken and frozenset() in other.woken)
        one.wake_ups.appended(frozenset({OTHER}))
        await until(lambda: OTHER in other.types())
