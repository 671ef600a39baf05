"""Checkpoints beside the commits: the write-ahead log stays bounded, and nothing is lost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from access_policy.adapters.event_stores import sqlite_checkpoints
from access_policy.adapters.event_stores.sqlite import DurableSqliteDatastore, sqlite_event_store
from access_policy.adapters.event_stores.sqlite_checkpoints import CHECKPOINT_BYTES, Checkpoints

PAGE_BYTES = 4096


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection whose commits run no checkpoint, to a file with a table of pages."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("CREATE TABLE IF NOT EXISTS kept (bytes BLOB)")
        yield connection


def write(connection: sqlite3.Connection, size: int) -> None:
    for _ in range(size // PAGE_BYTES):
        connection.execute("INSERT INTO kept VALUES (zeroblob(4000))")


def not_copied(path: Path) -> int:
    """Pages in the write-ahead log that the database lacks."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA busy_timeout=5000")
        before = path.stat().st_size
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        return (path.stat().st_size - before) // PAGE_BYTES


@contextmanager
def running(path: Path) -> Iterator[None]:
    checkpoints = Checkpoints(path, every_s=0.01)
    checkpoints.start()
    try:
        yield
    finally:
        checkpoints.stop()


def until_copied(path: Path, size: int) -> None:
    deadline = time.monotonic() + 20
    while path.stat().st_size < size:
        assert time.monotonic() < deadline, f"the database has {path.stat().st_size} bytes"
        time.sleep(0.01)


def test_log_of_the_size_is_copied_into_the_database_while_a_connection_is_open(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    with running(path), writing(path) as connection:
        write(connection, 2 * CHECKPOINT_BYTES)
        until_copied(path, CHECKPOINT_BYTES)

        assert connection.execute("SELECT count(*) FROM kept").fetchone()[0] == 2 * CHECKPOINT_BYTES // PAGE_BYTES


def test_short_log_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    with writing(path) as connection:
        write(connection, CHECKPOINT_BYTES // 2)
        with running(path):
            pass
        assert not_copied(path) > 0


def test_log_of_many_pages_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_checkpoints, "RESTART_PAGES", 10)
    path = tmp_path / "events.sqlite"
    with running(path), writing(path) as connection:
        write(connection, CHECKPOINT_BYTES)
        until_copied(path, CHECKPOINT_BYTES // 2)
        grown = path.with_name("events.sqlite-wal").stat().st_size
        for quarters in range(5, 15):
            write(connection, CHECKPOINT_BYTES // 4)
            until_copied(path, CHECKPOINT_BYTES * quarters // 4)

        assert path.with_name("events.sqlite-wal").stat().st_size <= grown + CHECKPOINT_BYTES


def test_commit_after_the_log_began_anew_cuts_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To cut a file of 64 MB takes 50 ms."""
    monkeypatch.setattr(sqlite_checkpoints, "RESTART_PAGES", 10)
    path = tmp_path / "events.sqlite"
    datastore = DurableSqliteDatastore(path, timeout_s=5)
    with writing(path) as connection, datastore.get_connection(commit=True) as durable:
        write(connection, 2 * CHECKPOINT_BYTES)
        grown = path.with_name("events.sqlite-wal").stat().st_size
        Checkpoints(path)._checkpoint()
        durable.cursor().execute("INSERT INTO kept VALUES (zeroblob(4000))")

        assert not_copied(path) == 1  # the log has begun anew
        assert path.with_name("events.sqlite-wal").stat().st_size == grown
    datastore.close()


def test_log_that_is_copied_is_looked_at_again_once_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    checkpoints = Checkpoints(path)
    with writing(path) as connection:
        write(connection, 2 * CHECKPOINT_BYTES)
        assert checkpoints._is_due()
        checkpoints._checkpoint()
        assert not checkpoints._is_due()

        time.sleep(0.02)  # the file's time has ticks of some milliseconds
        write(connection, PAGE_BYTES)
        assert checkpoints._is_due()


def test_file_that_cannot_be_checkpointed_is_logged_once_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_checkpoints, "CHECKPOINT_BYTES", 1)
    path = tmp_path / "events.sqlite"
    path.write_bytes(b"not a database, " * 512)
    path.with_name("events.sqlite-wal").write_bytes(b"x")
    checkpoints = Checkpoints(path)

    checkpoints._checkpoint()
    checkpoints._checkpoint()

    assert len(caplog.records) == 1
    assert "cannot be checkpointed" in caplog.text


async def test_store_that_is_closed_leaves_no_thread_and_a_readable_file(tmp_path: Path) -> None:
    store = sqlite_event_store(tmp_path / "events.sqlite")
    await store.last_position()

    await store.close()

    with closing(sqlite3.connect(tmp_path / "events.sqlite")) as connection:
        assert connection.execute("SELECT count(*) FROM stored_events").fetchone() == (0,)
