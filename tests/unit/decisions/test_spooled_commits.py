"""Facts of chargers while the event store is down: journaled, drained in order, none lost, none doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from access_policy.adapters.local_files.spool import SqliteSpool
from access_policy.application.ports.event_store import StoreUnavailable, StreamId, VersionConflict
from access_policy.application.recording.group_commit import GroupCommit
from access_policy.application.recording.spooled_commits import SpooledCommits
from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import OnStoreOutage
from access_policy.domain.charger_access_policy.events import ChargerAmended
from tests.support.depot_in_memory import BAY, TENANT, DepotInMemory, settings_of
from tests.support.outages import FailingStore
from tests.support.stores import memory_store, notes, text_of

pytestmark = pytest.mark.virtual_time

FIRST, SECOND = StreamId(f"{TENANT}/a/1"), StreamId(f"{TENANT}/a/2")


@dataclass
class Yard:
    depot: DepotInMemory
    store: FailingStore
    spool: SqliteSpool
    commits: SpooledCommits
    path: Path

    async def stored(self, stream: StreamId) -> list[str]:
        return [text_of(each.event) for each in await self.depot.store.load(stream)]

    async def after_a_restart(self) -> SpooledCommits:
        """What the next process begins with: the same file, nothing in memory."""
        await self.spool.close()
        self.spool = SqliteSpool(self.path)
        return SpooledCommits(self.store, GroupCommit(self.store), self.spool, self.depot.view)


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    depot = await DepotInMemory(memory_store()).opened()
    store, spool = FailingStore(depot.store), SqliteSpool(tmp_path / "spool.sqlite")
    made = Yard(
        depot, store, spool, SpooledCommits(store, GroupCommit(store), spool, depot.view), tmp_path / "spool.sqlite"
    )
    yield made
    await made.spool.close()


async def test_while_the_store_is_up_nothing_goes_to_the_spool(yard: Yard) -> None:
    assert await yard.commits.append(notes(FIRST, ["a"])) > 0
    assert await yard.spool.oldest(10) == []


async def test_what_the_store_does_not_take_is_journaled_and_drained_in_order(yard: Yard) -> None:
    await yard.commits.append(notes(FIRST, ["a"]))
    yard.store.down = True
    await yard.commits.append(notes(FIRST, ["b"], expected_version=1))
    await yard.commits.append(notes(SECOND, ["x"]))
    await yard.commits.append(notes(FIRST, ["c"], expected_version=2))
    assert (yard.commits.is_up, yard.commits.backlog) == (False, 3)
    assert await yard.stored(FIRST) == ["a"]

    yard.store.down = False
    await yard.commits.drain()

    assert await yard.stored(FIRST) == ["a", "b", "c"]
    assert await yard.stored(SECOND) == ["x"]
    assert (yard.commits.is_up, yard.commits.backlog) == (True, 0)
    assert await yard.spool.oldest(10) == []


async def test_what_is_too_much_for_the_store_at_once_is_drained_in_parts(yard: Yard) -> None:
    yard.store.down = True
    streams = [StreamId(f"{TENANT}/a/{n}") for n in range(9)]
    for stream in streams:
        await yard.commits.append(notes(stream, [stream]))
    yard.store.down, yard.store.most = False, 2

    await yard.commits.drain()

    assert [text_of(each.event) for each in (await yard.depot.store.read_log(after=0, limit=100))[-9:]] == streams
    assert (yard.commits.is_up, yard.commits.backlog) == (True, 0)


async def test_what_the_store_wrote_without_saying_so_is_not_written_twice(yard: Yard) -> None:
    yard.store.loses_answers = True
    await yard.commits.append(notes(FIRST, ["a", "b"]))
    yard.store.loses_answers = False
    assert (yard.store.failures, yard.commits.backlog) == (1, 1)

    await yard.commits.drain()

    assert await yard.stored(FIRST) == ["a", "b"]


async def test_a_drain_whose_answer_is_lost_is_repeated_without_doubling(yard: Yard) -> None:
    yard.store.down = True
    for number in range(20):
        await yard.commits.append(notes(StreamId(f"{TENANT}/a/{number}"), ["a"]))
    yard.store.down, yard.store.loses_answers = False, True
    with pytest.raises(StoreUnavailable):
        await yard.commits.drain()
    yard.store.loses_answers = False
    await yard.commits.drain()

    assert [await yard.stored(StreamId(f"{TENANT}/a/{number}")) for number in range(20)] == [["a"]] * 20


async def test_while_some_of_a_stream_is_spooled_the_rest_follows_through_the_spool(yard: Yard) -> None:
    yard.store.down = True
    await yard.commits.append(notes(FIRST, ["a"]))
    yard.store.down = False
    await yard.commits.append(notes(FIRST, ["b"], expected_version=1))
    assert await yard.stored(FIRST) == []

    await yard.commits.drain()
    await yard.commits.append(notes(FIRST, ["c"], expected_version=2))

    assert await yard.stored(FIRST) == ["a", "b", "c"]


async def test_the_spool_is_a_journal_that_the_next_process_drains(yard: Yard) -> None:
    yard.store.down = True
    await yard.commits.append(notes(FIRST, ["a"]))
    next_commits = await yard.after_a_restart()
    with pytest.raises(StoreUnavailable):
        await next_commits.drain()
    yard.store.down = False
    await next_commits.drain()

    assert await yard.stored(FIRST) == ["a"]


async def test_facts_that_somebody_else_overtook_come_after_theirs(yard: Yard) -> None:
    yard.store.down = True
    await yard.commits.append(notes(FIRST, ["mine"]))
    await yard.depot.store.append([notes(FIRST, ["theirs"])])
    yard.store.down = False
    await yard.commits.drain()

    assert await yard.stored(FIRST) == ["theirs", "mine"]


async def test_a_second_writer_of_a_spooled_stream_gets_a_conflict_as_from_the_store(yard: Yard) -> None:
    yard.store.down = True
    await yard.commits.append(notes(FIRST, ["a"]))

    with pytest.raises(VersionConflict):
        await yard.commits.append(notes(FIRST, ["again"]))
    assert [text_of(each.event) for each in await yard.commits.load(FIRST)] == ["a"]


async def test_loading_joins_what_is_stored_and_what_is_spooled(yard: Yard) -> None:
    await yard.commits.append(notes(FIRST, ["a"]))
    yard.store.down = True
    await yard.commits.append(notes(FIRST, ["b"], expected_version=1))
    with pytest.raises(StoreUnavailable):
        await yard.commits.load(FIRST)
    yard.store.down = False

    assert [(each.version, text_of(each.event)) for each in await yard.commits.load(FIRST)] == [(1, "a"), (2, "b")]
    assert [each.version for each in await yard.commits.load(FIRST, after_version=1)] == [2]


async def test_a_charger_whose_policy_is_to_refuse_gets_an_error_at_once(yard: Yard) -> None:
    refusing = replace(settings_of(BAY), on_store_outage=OnStoreOutage.REFUSE)
    version = yard.depot.view.charger(TENANT, BAY).policy.version
    amended = ChargerAmended(charger_id=BAY, settings=refusing)
    await yard.depot.record(policy_stream(TENANT, BAY), version, (amended,))
    yard.store.down = True

    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await yard.commits.append(notes(FIRST, ["a"]))
    assert yard.store.failures == 1
    assert await yard.spool.oldest(10) == []


async def test_a_spool_that_fails_as_well_leaves_nothing_behind(yard: Yard) -> None:
    yard.store.down = True
    await yard.spool.close()
    with pytest.raises(StoreUnavailable):
        await yard.commits.append(notes(FIRST, ["lost, and said so"]))
    commits = await yard.after_a_restart()
    yard.store.down = False
    await commits.append(notes(FIRST, ["a"]))

    assert await yard.stored(FIRST) == ["a"]
    assert yard.commits.backlog == 0


async def test_many_at_once_over_an_outage_are_all_there_once_and_in_order(yard: Yard) -> None:
    running = asyncio.create_task(yard.commits.run())
    streams = [StreamId(f"{TENANT}/a/{number}") for number in range(40)]

    async def write(stream: StreamId) -> None:
        for version in range(10):
            await yard.commits.append(notes(stream, [str(version)], expected_version=version))
            await asyncio.sleep(0.005)

    async def fail_and_recover() -> None:
        for fault in ("down", "loses_answers", "down"):
            await asyncio.sleep(0.02)
            setattr(yard.store, fault, True)
            await asyncio.sleep(0.05)
            setattr(yard.store, fault, False)

    try:
        await asyncio.gather(fail_and_recover(), *(write(stream) for stream in streams))
        async with asyncio.timeout(20):
            while yard.commits.backlog:  # noqa: ASYNC110  the drain tells nobody
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert yard.store.failures > 0
    assert [await yard.stored(stream) for stream in streams] == [[str(n) for n in range(10)]] * 40
