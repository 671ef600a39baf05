"""Many callers in one commit: what is too much for the store is divided, and whoever is refused is refused alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from access_policy.application.ports.event_store import Append, AppendTooLarge, StoreUnavailable, VersionConflict
from access_policy.application.recording.group_commit import GroupCommit
from tests.support.outages import FailingStore
from tests.support.stores import memory_store, notes, text_of

CALLERS = 100


async def appended(store: FailingStore, commits: GroupCommit) -> list[object]:
    """What `CALLERS` at once are answered, each with a stream of its own."""
    calls = [commits.append(notes(f"acme/a/{n}", [str(n)])) for n in range(CALLERS)]
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_a_group_that_is_too_large_is_divided_until_it_fits_and_keeps_its_order() -> None:
    inner = memory_store()
    store = FailingStore(inner)
    store.most = 30

    outcomes = await appended(store, GroupCommit(store))

    assert store.sizes == [100, 50, 25, 25, 50, 25, 25]
    assert outcomes == [position for position in (25, 50, 75, 100) for _ in range(25)]
    assert [text_of(each.event) for each in await inner.read_log(after=0, limit=200)] == [
        str(n) for n in range(CALLERS)
    ]
    await inner.close()


async def test_one_caller_s_append_that_is_too_large_fails_alone() -> None:
    inner = memory_store()
    store = FailingStore(inner)
    store.most = 2
    commits = GroupCommit(store)

    too_large, *others = await asyncio.gather(
        commits.append(*(notes(f"acme/large/{n}", ["x"]) for n in range(3))),
        *(commits.append(notes(f"acme/small/{n}", ["x"])) for n in range(5)),
        return_exceptions=True,
    )

    assert isinstance(too_large, AppendTooLarge)
    assert all(isinstance(position, int) for position in others)
    assert await inner.load(notes("acme/large/0", []).stream) == []
    await inner.close()


async def test_in_a_divided_group_a_conflict_still_fails_alone() -> None:
    inner = memory_store()
    await inner.append([notes("acme/a/70", ["first"])])
    store = FailingStore(inner)
    store.most = 60

    outcomes = await appended(store, GroupCommit(store))

    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, VersionConflict)] == [70]
    assert await inner.last_position() == CALLERS
    await inner.close()


@pytest.mark.parametrize("most", [None, 60])
async def test_an_outage_is_told_to_all_of_a_group_without_trying_for_each(most: int | None) -> None:
    inner = memory_store()
    store = FailingStore(inner)
    store.most, store.down = most, True

    outcomes = await appended(store, GroupCommit(store))

    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert store.failures == 1
    await inner.close()


async def test_who_waits_behind_a_commit_that_finds_the_store_down_is_told_at_once() -> None:
    store = HangingStore()
    commits = GroupCommit(store)
    first = asyncio.create_task(commits.append(notes("acme/a/1", ["1"])))
    await store.began.wait()
    behind = [asyncio.create_task(commits.append(notes(f"acme/b/{n}", ["x"]))) for n in range(3)]
    await asyncio.sleep(0)

    store.outcome.set_exception(StoreUnavailable("it hung"))

    for told in (first, *behind):
        with pytest.raises(StoreUnavailable, match="it hung"):
            await told
    assert store.appends == 1


async def test_nobody_waits_longer_than_the_deadline_and_what_had_not_begun_never_does() -> None:
    store = HangingStore()
    commits = GroupCommit(store, answer_s=0.05)
    late = [asyncio.create_task(commits.append(notes(f"acme/a/{n}", ["x"]))) for n in range(2)]
    await store.began.wait()
    late += [asyncio.create_task(commits.append(notes(f"acme/b/{n}", ["x"]))) for n in range(3)]

    for waiting in late:
        with pytest.raises(StoreUnavailable, match=r"within 0\.05 s"):
            await waiting
    store.outcome.set_result(2)
    assert await commits.append(notes("acme/c/1", ["x"])) == 2
    assert store.appends == 2, "the first group, and who came after"


class HangingStore:
    """Begins an append and ends it when it is told its `outcome`, which is that of all later ones."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.outcome: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.appends = 0

    async def append(self, appends: Sequence[Append]) -> int:
        self.appends += 1
        self.began.set()
        return await asyncio.shield(self.outcome)
