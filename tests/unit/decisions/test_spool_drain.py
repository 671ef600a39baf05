"""Draining the spool: in order, in parts that the store accepts, and each event once."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from access_policy.adapters.local_files.spool import SqliteSpool
from access_policy.application.ports.event_store import (
    Append,
    Envelope,
    EventStore,
    NewEvent,
    StoreUnavailable,
    StreamId,
    VersionConflict,
)
from access_policy.application.recording.group_commit import GROUP_MAX
from access_policy.application.recording.spool_drain import REBASE_TRIES, SpoolDrain, halves_of
from tests.support.depot_in_memory import TENANT
from tests.support.outages import FailingStore
from tests.support.stores import envelope, memory_store, note, notes, text_of

FIRST, SECOND = StreamId(f"{TENANT}/a/1"), StreamId(f"{TENANT}/a/2")


@dataclass
class Yard:
    path: Path
    inner: EventStore = field(default_factory=memory_store)
    stored: list[StreamId] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store, self.spool = FailingStore(self.inner), SqliteSpool(self.path)

    async def drain(self) -> int:
        return await SpoolDrain(self.store, self.spool).drain(lambda append: self.stored.append(append.stream))

    async def restart(self) -> None:
        """Let the next process begin: with the same file, and with nothing in memory."""
        await self.spool.close()
        self.spool = SqliteSpool(self.path)

    async def texts(self, stream: StreamId) -> list[str]:
        return [text_of(each.event) for each in await self.inner.load(stream)]

    async def one_row(self, count: int, *, texts: Sequence[str] = ("a",)) -> list[StreamId]:
        """Spool the appends of `count` callers as one group."""
        streams = [StreamId(f"{TENANT}/a/{number}") for number in range(count)]
        await self.spool.append([notes(stream, texts) for stream in streams])
        return streams


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    made = Yard(tmp_path / "spool.sqlite")
    yield made
    await made.spool.close()


async def test_spool_drain_of_an_empty_spool_appends_nothing(yard: Yard) -> None:
    assert await yard.drain() == 0
    assert (yard.stored, yard.store.sizes) == ([], [])


async def test_spool_drain_tells_of_every_append_in_order_and_returns_their_number(yard: Yard) -> None:
    for number in range(9):
        await yard.spool.append([notes(FIRST, [str(number)], expected_version=number)])
    await yard.spool.append([notes(SECOND, ["a"])])

    assert await yard.drain() == 10

    assert yard.stored == [FIRST] * 9 + [SECOND]
    assert await yard.texts(FIRST) == [str(number) for number in range(9)]
    assert await yard.spool.oldest(1) == []


async def test_spool_drain_when_the_store_is_down_keeps_the_entries_and_tells_of_none(yard: Yard) -> None:
    await yard.one_row(2)
    yard.store.down = True

    with pytest.raises(StoreUnavailable):
        await yard.drain()

    assert yard.stored == []
    assert len(await yard.spool.oldest(2)) == 1


@pytest.mark.parametrize("most", [1, 2, 99])
async def test_spool_drain_of_a_full_group_appends_parts_that_the_store_accepts(yard: Yard, most: int) -> None:
    streams = await yard.one_row(GROUP_MAX)
    assert len(await yard.spool.oldest(2)) == 1
    yard.store.most = most

    await yard.drain()

    assert [each.stream for each in await yard.inner.read_log(after=0, limit=1_000)] == streams
    assert sum(size for size in yard.store.sizes if size <= most) == GROUP_MAX
    assert await yard.spool.oldest(1) == []


@pytest.mark.parametrize("parts_stored", range(5))
async def test_spool_drain_after_a_crash_between_two_parts_stores_each_event_once(
    yard: Yard, parts_stored: int
) -> None:
    streams = await yard.one_row(8, texts="ab")
    yard.store.most, yard.store.fails_after = 2, parts_stored
    if parts_stored < 4:
        with pytest.raises(StoreUnavailable):
            await yard.drain()
    else:
        await yard.drain()
    before = await yard.inner.last_position()

    yard.store.fails_after, yard.store.down = None, False
    await yard.restart()
    await yard.drain()

    assert [await yard.texts(stream) for stream in streams] == [["a", "b"]] * 8
    assert await yard.inner.last_position() - before == 16 - 4 * parts_stored
    assert await yard.spool.oldest(1) == []


async def test_spool_drain_of_one_append_with_too_many_events_appends_it_in_parts(yard: Yard) -> None:
    (stream,) = await yard.one_row(1, texts="abcdefg")
    yard.store.most_events, yard.store.fails_after = 2, 1
    with pytest.raises(StoreUnavailable):
        await yard.drain()
    yard.store.fails_after, yard.store.down = None, False

    await yard.restart()
    await yard.drain()

    assert await yard.texts(stream) == list("abcdefg")


async def test_spool_drain_that_halves_a_row_keeps_the_appends_of_an_attempt_together(yard: Yard) -> None:
    pairs = [
        Append(StreamId(f"{TENANT}/{kind}/{number}"), 0, (NewEvent(note(kind), of_attempt(number)),))
        for number in range(3)
        for kind in ("transaction", "attempt")
    ]
    await yard.spool.append(pairs)
    yard.store.most = 3

    await yard.drain()

    assert [size for size in yard.store.sizes if size <= 3] == [2, 2, 2]


async def test_spool_drain_of_an_event_that_is_too_large_sets_it_aside_and_drains_the_rest(yard: Yard) -> None:
    await yard.spool.append([notes(FIRST, ["too large"]), notes(SECOND, ["a"])])
    yard.store.most_events = 0
    await yard.drain()
    assert await yard.spool.oldest(1) == []

    with sqlite3.connect(yard.path) as connection:
        kept = connection.execute("SELECT append, reason FROM set_aside").fetchall()
    connection.close()
    assert [("too large" in row[0].decode(), row[1]) for row in kept] == [
        (True, "told to fail"),
        (False, "told to fail"),
    ]


async def test_spool_drain_of_a_stream_that_another_process_keeps_writing_to_keeps_the_entry(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def overtaken(_: Sequence[Append]) -> int:
        nonlocal tries
        tries += 1
        raise VersionConflict("told to fail")

    await yard.one_row(1)
    monkeypatch.setattr(yard.store, "append", overtaken)

    with pytest.raises(VersionConflict):
        await yard.drain()

    assert tries == 1 + REBASE_TRIES
    assert len(await yard.spool.oldest(1)) == 1


def test_halves_of_a_single_event_are_none() -> None:
    assert halves_of([notes(FIRST, ["a"])]) == []


def test_halves_of_one_append_continue_its_versions() -> None:
    (first,), (second,) = halves_of([notes(FIRST, ["a", "b", "c"], expected_version=4)])

    assert (first.expected_version, len(first.events)) == (4, 1)
    assert (second.expected_version, len(second.events)) == (5, 2)


def of_attempt(number: int) -> Envelope:
    return replace(envelope(), correlation_id=f"attempt-{number}")
