"""What SQLite must promise beyond the contract: durability through kills and full disks, one file for many openers."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from eventsourcing.persistence import StoredEvent

from access_policy.adapters.event_stores.sqlite import (
    ROWS_MAX,
    DurableSqliteDatastore,
    ManyRowsAppends,
    NotDurable,
    sqlite_event_store,
)
from access_policy.adapters.sql.sqlite_locks import AGAIN_MAX_S, PromptConnection
from access_policy.application.ports.event_store import (
    Append,
    EventStore,
    StoreUnavailable,
    StreamId,
    VersionConflict,
)
from tests.support.lengths import Length
from tests.support.stores import happened, note, notes, sqlite_store, text_of

A = StreamId("acme/depot/a")
KILLS = Length(ci=3, soak=100, of="kills")
DEADLINE_S = 30
ROOT = Path(__file__).resolve().parents[3]


async def all_texts(store: EventStore) -> list[str]:
    found: list[str] = []
    after = 0
    while page := await store.read_log(after=after, limit=5_000):
        found += [text_of(recorded.event) for recorded in page]
        after = page[-1].position
    return found


async def start_appender(file: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.event_stores.appender",
        str(file),
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )


async def lines_of(process: asyncio.subprocess.Process) -> list[tuple[str, str]]:
    """What the appender said, whole lines only, as (outcome, name)."""
    assert process.stdout is not None
    said = (await asyncio.wait_for(process.stdout.read(), DEADLINE_S)).decode()
    return [(line.split()[0], line.split()[1]) for line in said.splitlines(keepends=True) if line.endswith("\n")]


def integrity(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        answer: str = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return answer


async def test_reopening_finds_everything_and_goes_on(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path)
    await store.append([notes(A, ["one", "two"])])
    position = await store.last_position()
    await store.close()

    store = sqlite_store(tmp_path)
    assert await store.last_position() == position
    assert await store.append([notes(A, ["three"], expected_version=2)]) > position
    assert await all_texts(store) == ["one", "two", "three"]
    await store.close()


@pytest.mark.parametrize("commit", [True, False], ids=["writer", "reader"])
def test_every_connection_has_a_write_ahead_log_and_full_synchronisation(tmp_path: Path, commit: bool) -> None:
    datastore = DurableSqliteDatastore(tmp_path / "events.sqlite", timeout_s=5)

    with datastore.get_connection(commit=commit) as connection, connection.cursor() as cursor:
        pragmas = []
        for pragma in ("journal_mode", "synchronous"):
            cursor.execute(f"PRAGMA {pragma}")
            pragmas.append(cursor.fetchone()[0])
        patience_s = connection._sqlite_conn.patience_s
    datastore.close()

    assert (pragmas, patience_s) == (["wal", 2], 4.0)


def test_a_store_that_would_not_be_durable_is_not_opened() -> None:
    with pytest.raises(NotDurable, match="journal_mode is 'memory'"):
        sqlite_event_store(Path(":memory:"))


def test_a_file_that_is_no_database_is_not_opened_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "events.sqlite"
    file.write_text("something else entirely\n" * 100)

    with pytest.raises(sqlite3.DatabaseError):
        sqlite_event_store(file)

    assert file.read_text() == "something else entirely\n" * 100


async def test_two_openers_of_one_file_see_each_other_and_never_both_win(tmp_path: Path) -> None:
    ours, theirs = sqlite_store(tmp_path), sqlite_store(tmp_path)

    for n in range(20):
        outcomes = await asyncio.gather(
            ours.append([notes(A, [f"ours {n}"], expected_version=n)]),
            theirs.append([notes(A, [f"theirs {n}"], expected_version=n)]),
            return_exceptions=True,
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["VersionConflict", "int"]

    assert await all_texts(ours) == await all_texts(theirs)
    assert len(await ours.load(A)) == 20
    with pytest.raises(VersionConflict):
        await theirs.append([notes(A, ["gap"], expected_version=21)])
    await ours.close()
    await theirs.close()


@pytest.mark.soak(KILLS)
async def test_kill_9_at_any_moment_loses_nothing_that_was_acknowledged_and_doubles_nothing(tmp_path: Path) -> None:
    file = tmp_path / "events.sqlite"
    moments = random.Random(20261120)
    acked: list[str] = []
    for run in range(KILLS.count):
        process = await start_appender(file, str(run))
        assert process.stdout is not None
        first = await asyncio.wait_for(process.stdout.readline(), DEADLINE_S)
        await asyncio.sleep(moments.uniform(0.0, 0.15))
        os.kill(process.pid, signal.SIGKILL)
        acked += [first.split()[1].decode(), *(name for _, name in await lines_of(process))]
        assert await process.wait() == -signal.SIGKILL

    store = sqlite_store(tmp_path)
    stored = await all_texts(store)
    names = stored[::2]  # each append is a name and a padding, in one piece
    await store.close()

    assert len(acked) > KILLS.count
    assert len(set(acked)) == len(acked)
    assert set(acked) <= set(names)
    assert len(names) == len(set(names))
    assert len(stored) == 2 * len(names)
    assert integrity(file) == "ok"


@pytest.mark.parametrize("limit", [60_000, 200_000, 5_000_000])
async def test_a_full_disk_refuses_loses_nothing_acknowledged_and_recovers(tmp_path: Path, limit: int) -> None:
    """The operating system refuses writes beyond a file size, in the write-ahead log or in the file itself."""
    file = tmp_path / "events.sqlite"
    process = await start_appender(file, "run", str(limit))
    said = await lines_of(process)
    assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 0

    store = sqlite_store(tmp_path)
    names = (await all_texts(store))[::2]
    await store.close()

    acked = [name for outcome, name in said if outcome == "acked"]
    refused = [name for outcome, name in said if outcome == "refused"]
    assert len(refused) >= 3
    assert said[-1][0] == "acked"
    assert names == acked
    assert integrity(file) == "ok"


def test_a_transaction_that_was_left_open_does_not_reach_the_next_user_of_its_connection(tmp_path: Path) -> None:
    datastore = DurableSqliteDatastore(tmp_path / "events.sqlite", timeout_s=5)
    with datastore.transaction(commit=True) as cursor:
        cursor.execute("CREATE TABLE t (x)")

    with datastore.get_connection(commit=True) as connection:  # as after a commit that failed
        connection.cursor().execute("BEGIN")
        connection.cursor().execute("INSERT INTO t VALUES (1)")

    with datastore.transaction(commit=True) as cursor:
        cursor.execute("SELECT COUNT(*) FROM t")
        assert cursor.fetchone()[0] == 0
    datastore.close()


async def test_events_of_a_whole_group_reach_the_file_in_one_transaction(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path)
    group = [Append(StreamId(f"acme/access_attempt/{n}"), 0, (happened(note(str(n))),)) for n in range(512)]

    assert await store.append(group) == 512

    with closing(sqlite3.connect(tmp_path / "events.sqlite")) as other:
        assert other.execute("SELECT COUNT(*), MAX(rowid) FROM stored_events").fetchone() == (512, 512)
    await store.close()


def test_insert_events_writes_all_rows_of_a_commit_in_one_statement(tmp_path: Path) -> None:
    datastore = DurableSqliteDatastore(tmp_path / "events.sqlite", timeout_s=1.0)
    recorder = ManyRowsAppends(datastore)
    recorder.create_table()
    statements: list[str] = []
    with datastore.get_connection(commit=True) as connection:
        connection._sqlite_conn.set_trace_callback(statements.append)

    positions = recorder.insert_events([StoredEvent("stream", version, "name", b"{}") for version in (1, 2, 3)])

    datastore.close()
    assert list(positions or ()) == [1, 2, 3]
    assert [statement.split(" ")[0] for statement in statements] == ["INSERT"]


async def test_append_of_more_events_than_a_statement_takes_keeps_all_in_order_or_none(tmp_path: Path) -> None:
    store = sqlite_store(tmp_path)
    texts = [str(number) for number in range(2 * ROWS_MAX + 1)]
    try:
        position = await store.append([notes("acme/depot/a", texts)])
        with pytest.raises(VersionConflict):
            await store.append([notes("acme/depot/b", texts), notes("acme/depot/a", ["late"])])

        assert position == len(texts)
        assert await all_texts(store) == texts
    finally:
        await store.close()


async def test_append_while_another_process_writes_asks_for_the_lock_every_two_milliseconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "events.sqlite"
    store = sqlite_event_store(path)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        pauses: list[float] = []

        def pause(length_s: float) -> None:
            pauses.append(length_s)
            if len(pauses) == 40:  # SQLite's own wait would have slept for most of two seconds by now
                other.execute("ROLLBACK")

        monkeypatch.setattr(PromptConnection, "pause", staticmethod(pause))
        await store.append([notes(A, ["waited"])])
    assert await all_texts(store) == ["waited"]
    await store.close()

    assert len(pauses) == 40
    assert max(pauses) <= AGAIN_MAX_S


async def test_append_fails_when_another_process_keeps_the_lock_and_succeeds_afterwards(tmp_path: Path):
    path = tmp_path / "events.sqlite"
    store = sqlite_event_store(path, timeout_s=0.2)
    append = notes(A, ["later"])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable):
            await store.append([append])
        other.execute("ROLLBACK")
    await store.close()

    store = sqlite_event_store(path)
    await store.append([append])
    assert await all_texts(store) == ["later"]
    await store.close()
