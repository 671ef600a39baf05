"""What PostgreSQL must promise beyond the contract: nothing missed by readers, nothing doubled by lost answers, and an
answer in time whatever the server does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest
from eventsourcing.persistence import PersistenceError
from psycopg.conninfo import conninfo_to_dict

from access_policy.adapters.event_stores import postgres
from access_policy.adapters.event_stores.postgres import LosesEvents, has_events, postgres_event_store
from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.adapters.sql.migrations import MigrationNeeded
from access_policy.application.ports.event_store import Append, StoreUnavailable, StreamId, VersionConflict
from tests.support.cutting_proxy import Cut, CuttingProxy
from tests.support.postgres_server import PASSWORD, PostgresServer, new_database, postgres_url
from tests.support.stores import notes, postgres_store, text_of

A = StreamId("acme/depot/a")
WRITERS, APPENDS_EACH = 16, 30
SEED = 20261121
CUT_APPENDS = 100
SHORT_S = 1.0  # the deadline of stores whose server will not answer
EVENTUALLY_S = 60.0

PAUSES_AND_ROLLBACKS = """
    CREATE FUNCTION pause_or_fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(random() * 0.004);
        IF random() < 0.1 THEN
            RAISE EXCEPTION 'rolled back by the test' USING ERRCODE = 'serialization_failure';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER pause_or_fail AFTER INSERT ON stored_events EXECUTE FUNCTION pause_or_fail();
"""


@pytest.fixture
async def short_store(own_server: PostgresServer) -> AsyncIterator[tuple[RecorderEventStore, str]]:
    with new_database(own_server) as url:
        store = postgres_store(url, timeout_s=SHORT_S)
        yield store, url
        await store.close()


async def all_texts(store: RecorderEventStore) -> list[str]:
    return [text_of(recorded.event) for recorded in await store.read_log(after=0, limit=100_000)]


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(EVENTUALLY_S):
        while not await condition():  # noqa: ASYNC110  a server tells nobody of its events
            await asyncio.sleep(0.02)


# --- a tailing reader -----------------------------------------------------------------------------------------------


async def written_and_delivered(url: str) -> tuple[list[str], list[str]]:
    """What sixteen writers with their own connections appended, and what a reader at the log's end saw of it."""
    async with AsyncExitStack() as closing:
        stores = [postgres_store(url) for _ in range(WRITERS + 1)]
        for store in stores:
            closing.push_async_callback(store.close)
        with psycopg.connect(url) as connection:
            connection.execute(PAUSES_AND_ROLLBACKS)
        *writers, reader = stores
        written: list[str] = []
        delivered: list[str] = []
        finished = asyncio.Event()

        async def write(number: int) -> None:
            for n in range(APPENDS_EACH):
                texts = [f"{number}-{n}-{part}" for part in range(1 + n % 5)]
                await writers[number].append([notes(f"acme/writer/{number}-{n}", texts)])
                written.extend(texts)

        async def tail() -> None:
            after = 0
            while True:
                was_finished = finished.is_set()
                page = await reader.read_log(after=after, limit=50)
                delivered.extend(text_of(recorded.event) for recorded in page)
                after = page[-1].position if page else after
                if was_finished and not page:
                    return

        tailing = asyncio.create_task(tail())
        await asyncio.gather(*map(write, range(WRITERS)))
        finished.set()
        await tailing
        assert await reader.last_position() > len(written)  # numbers of what was rolled back are missing
    return written, delivered


async def test_a_tailing_reader_misses_nothing_of_sixteen_writers_with_pauses_and_rollbacks(
    postgres_database: str,
) -> None:
    written, delivered = await written_and_delivered(postgres_database)

    assert sorted(delivered) == sorted(written)


async def test_without_the_lock_the_same_reader_does_miss_events(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail."""
    monkeypatch.setattr(postgres, "LOCK", "SELECT 1")

    written, delivered = await written_and_delivered(postgres_database)

    assert set(delivered) < set(written)


@pytest.mark.parametrize("on", ["y", "True", "1"])
def test_the_stored_functions_of_the_library_are_refused(on: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", on)

    with pytest.raises(LosesEvents, match="POSTGRES_ENABLE_DB_FUNCTIONS"):
        postgres_event_store("postgresql://nowhere.invalid/none")


# --- commits of unknown outcome -------------------------------------------------------------------------------------


async def append_under_cuts(url: str, chance: random.Random) -> tuple[list[object], CuttingProxy, list[str]]:
    """Outcomes of appends to one stream each, while every other connection is cut; and what is stored in the end."""
    server = conninfo_to_dict(url)
    own = postgres_store(url)
    outcomes: list[object] = []
    async with CuttingProxy(int(server["port"])).running() as proxy:  # type: ignore[arg-type]
        beyond = postgres_url("127.0.0.1", proxy.port, str(server["dbname"]))
        through = await asyncio.to_thread(postgres_event_store, beyond)
        for n in range(CUT_APPENDS):
            proxy.next_cut = chance.choice([None, Cut.BEFORE, Cut.AFTER])
            append = notes(f"acme/cut/{n}", [f"{n}"])
            try:
                outcomes.append(await through.append([append, notes(f"acme/beside/{n}", [f"{n} too"])]))
            except VersionConflict as conflict:
                outcomes.append(conflict)
        await through.close()
    stored = await all_texts(own)
    await own.close()
    return outcomes, proxy, stored


async def test_a_commit_whose_answer_was_lost_is_found_by_its_own_events(own_server: PostgresServer) -> None:
    with new_database(own_server) as url:
        outcomes, proxy, stored = await append_under_cuts(url, random.Random(SEED))

    assert proxy.cuts[Cut.BEFORE] > CUT_APPENDS / 5
    assert proxy.cuts[Cut.AFTER] > CUT_APPENDS / 5
    assert all(isinstance(outcome, int) for outcome in outcomes)
    assert stored == [text for n in range(CUT_APPENDS) for text in (f"{n}", f"{n} too")]


async def test_who_does_not_look_for_its_own_events_takes_them_for_another_s(
    own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail."""
    monkeypatch.setattr(RecorderEventStore, "_are_stored", lambda self, stored: False)

    with new_database(own_server) as url:
        outcomes, proxy, _ = await append_under_cuts(url, random.Random(SEED))

    conflicts = sum(isinstance(outcome, VersionConflict) for outcome in outcomes)
    assert conflicts == proxy.cuts[Cut.AFTER] > 0


# --- servers that do not answer -------------------------------------------------------------------------------------


async def refused_and_later_appended(store: RecorderEventStore, name: str) -> Append:
    """Appends until the store has been unavailable once."""
    append = notes(f"acme/outage/{name}", [name])
    with pytest.raises(StoreUnavailable):
        await store.append([append])
    with pytest.raises(StoreUnavailable):
        await store.load(A)
    return append


async def test_a_lock_of_somebody_else_holds_nobody_up_beyond_the_deadline(
    short_store: tuple[RecorderEventStore, str],
) -> None:
    store, url = short_store
    with psycopg.connect(url) as other, psycopg.connect(url, autocommit=True) as observer:
        other.execute("LOCK TABLE stored_events IN ACCESS EXCLUSIVE MODE")
        append = await refused_and_later_appended(store, "locked")

        async def nobody_waits() -> bool:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            return observer.execute(waiting).fetchone() == (0,)

        await eventually(nobody_waits)
        other.rollback()

        assert await store.append([append]) > 0
    assert await all_texts(store) == ["locked"]


async def test_a_server_that_was_stopped_is_used_again_when_it_is_back(
    short_store: tuple[RecorderEventStore, str], own_server: PostgresServer
) -> None:
    store, _ = short_store
    await store.append([notes(A, ["before"])])

    own_server.stop()
    try:
        answers = await asyncio.gather(
            *(store.append([notes(f"acme/down/{n}", ["down"])]) for n in range(20)), return_exceptions=True
        )
        append = await refused_and_later_appended(store, "stopped")
    finally:
        own_server.start()

    async def is_back() -> bool:
        try:
            return await store.append([append]) > 0
        except StoreUnavailable:
            return False

    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    await eventually(is_back)
    assert await all_texts(store) == ["before", "stopped"]


async def test_a_server_that_hangs_is_given_up_in_time_and_its_late_commits_are_not_doubled(
    short_store: tuple[RecorderEventStore, str], own_server: PostgresServer
) -> None:
    store, _ = short_store
    await store.append([notes(A, ["before"])])

    with own_server.paused():
        append = await refused_and_later_appended(store, "hanging")

    async def is_back() -> bool:
        try:
            return await store.append([append]) > 0
        except StoreUnavailable:
            return False

    await eventually(is_back)
    assert await all_texts(store) == ["before", "hanging"]


async def test_sessions_that_are_killed_again_and_again_cost_no_event(postgres_database: str) -> None:
    store = postgres_store(postgres_database)
    kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'access-policy%'"
    killed = 0
    with psycopg.connect(postgres_database, autocommit=True) as other:
        for n in range(50):
            row = other.execute(kill).fetchone()
            assert row is not None
            killed += row[0]
            await store.append([notes(A, [str(n)], expected_version=n)])

    assert killed >= 50
    assert await all_texts(store) == [str(n) for n in range(50)]
    await store.close()


# --- opening --------------------------------------------------------------------------------------------------------


def test_a_database_without_tables_is_not_opened(postgres_database: str) -> None:
    with pytest.raises(MigrationNeeded, match="access-policy migrate"):
        postgres_event_store(postgres_database)


def test_a_wrong_password_is_an_error_without_any_password(own_server: PostgresServer) -> None:
    url = postgres_url("127.0.0.1", own_server.port, "postgres", password=f"{PASSWORD} wrong")

    with pytest.raises(PersistenceError) as refused:
        postgres_event_store(url, timeout_s=SHORT_S)

    assert PASSWORD not in repr(refused.value)


async def test_reopening_finds_everything_and_goes_on(postgres_database: str, tmp_path: Path) -> None:
    store = postgres_store(postgres_database)
    assert not has_events(postgres_database)
    position = await store.append([notes(A, ["one", "two"])])
    assert has_events(postgres_database)
    await store.close()

    store = postgres_store(postgres_database)
    assert await store.last_position() == position
    assert await store.append([notes(A, ["three"], expected_version=2)]) > position
    assert await all_texts(store) == ["one", "two", "three"]
    await store.close()
