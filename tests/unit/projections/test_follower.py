"""The follower of the log: at least once, in order, from the handler's own position, back after any failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from access_policy.application import follower as followers
from access_policy.application.follower import Follower
from access_policy.application.ports.event_store import Append, EventStore, Recorded
from access_policy.domain.charger_condition.events import ChargerDisconnected
from tests.support.attempts import recovered
from tests.support.stores import happened, memory_store, notes, text_of

DEADLINE_S = 10.0
NEVER_S = 3600.0


class Diary:
    """Writes down what it is handed; fails as often as it is told to."""

    def __init__(self, *, failures: int = 0) -> None:
        self.read: list[str] = []
        self.batches: list[tuple[int, int]] = []
        self.position = 0
        self.failures = failures
        self.written = asyncio.Event()

    async def handle(self, batch: Sequence[Recorded], reached: int) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the ink ran out")
        self.read += [text_of(recorded.event) for recorded in batch]
        self.batches.append((len(batch), reached))
        self.position = reached
        self.written.set()

    async def followed_to(self) -> int:
        return self.position


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    opened = memory_store()
    yield opened
    await opened.close()


@pytest.fixture(autouse=True)
def _restarts_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followers, "RESTART_LONGEST_S", 0.01)


def following(
    store: EventStore, diary: Diary, *, types: Sequence[str] = (), batch: int = 500, poll_s: float = NEVER_S
) -> Follower:
    return Follower("diary", store, diary.handle, diary.followed_to, types=types, batch=batch, poll_s=poll_s)


@asynccontextmanager
async def running(follower: Follower) -> AsyncIterator[None]:
    task = asyncio.create_task(follower.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_what_is_in_the_log_and_what_comes_is_handed_over_in_order(store: EventStore):
    await store.append([notes("a", ["one", "two"])])
    diary = Diary()
    follower = following(store, diary)

    async with running(follower):
        last = await store.append([notes("b", ["three"])])
        assert await follower.wait_until(last, timeout_s=DEADLINE_S)

    assert diary.read == ["one", "two", "three"]


async def test_a_commit_wakes_the_follower_without_a_poll(store: EventStore):
    diary = Diary()
    follower = following(store, diary, poll_s=NEVER_S)
    async with running(follower):
        for version, text in enumerate(["one", "two", "three"]):
            last = await store.append([notes("a", [text], expected_version=version)])
            assert await follower.wait_until(last, timeout_s=DEADLINE_S)

    assert diary.read == ["one", "two", "three"]


async def test_a_poll_finds_what_nobody_hinted_at(store: EventStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "on_appended", lambda listener: None)
    diary = Diary()
    follower = following(store, diary, poll_s=0.005)
    async with running(follower), asyncio.timeout(DEADLINE_S):
        await store.append([notes("a", ["one"])])
        await diary.written.wait()

    assert diary.read == ["one"]


@pytest.mark.parametrize("types", [frozenset(), frozenset({ChargerDisconnected.TYPE, "another.v1"})])
async def test_wake_for_its_types_or_unknown_ones_makes_the_follower_look_at_once(
    store: EventStore, monkeypatch: pytest.MonkeyPatch, types: frozenset[str]
):
    monkeypatch.setattr(store, "on_appended", lambda listener: None)
    diary = Diary()
    follower = following(store, diary, poll_s=NEVER_S, types=[ChargerDisconnected.TYPE])
    async with running(follower), asyncio.timeout(DEADLINE_S):
        await store.append([notes("a", ["one"])])
        follower.wake(types)
        await diary.written.wait()

    assert diary.read == ["one"]


async def test_batches_are_as_long_as_asked_and_each_says_how_far_it_reaches(store: EventStore):
    await store.append([notes("a", ["one", "two", "three", "four", "five"])])
    diary = Diary()
    follower = following(store, diary, batch=2)

    await follower.catch_up()

    assert diary.batches == [(2, 2), (2, 4), (1, 5)]
    assert follower.reached == 5


async def test_events_of_other_types_are_passed_by_and_count_as_reached(store: EventStore):
    await store.append([notes("a", ["one"])])
    await store.append([Append("b", 0, (happened(recovered()), happened(recovered())))])
    diary = Diary()
    follower = following(store, diary, types=[ChargerDisconnected.TYPE])

    await follower.catch_up()

    assert diary.batches == [(1, 3)]
    assert await follower.lag() == 0


async def test_who_waits_for_an_event_of_another_type_does_not_wait_for_the_poll(store: EventStore):
    diary = Diary()
    follower = following(store, diary, types=[ChargerDisconnected.TYPE], poll_s=NEVER_S)
    async with running(follower):
        first = await store.append([notes("a", ["one"])])
        assert await follower.wait_until(first, timeout_s=DEADLINE_S)
        last = await store.append([Append("b", 0, (happened(recovered()),))])
        assert await follower.wait_until(last, timeout_s=DEADLINE_S)


async def test_following_goes_on_from_where_the_handler_is(store: EventStore):
    await store.append([notes("a", ["one", "two", "three"])])
    diary = Diary()
    diary.position = 2
    follower = following(store, diary)

    await follower.resume()
    await follower.catch_up()

    assert diary.read == ["three"]


async def test_a_failing_handler_is_tried_again_from_its_position_and_logged_once_a_streak(
    store: EventStore, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    diary = Diary(failures=5)
    follower = following(store, diary)
    async with running(follower):
        last = await store.append([notes("a", ["one", "two"])])
        assert await follower.wait_until(last, timeout_s=DEADLINE_S)
        diary.failures = 3
        last = await store.append([notes("a", ["three"], expected_version=2)])
        assert await follower.wait_until(last, timeout_s=DEADLINE_S)

    assert diary.read == ["one", "two", "three"]
    complaints = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(complaints) == 2


async def test_a_store_that_fails_for_a_while_holds_the_follower_up_for_that_while(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
):
    await store.append([notes("a", ["one"])])
    failures = [ConnectionError("gone"), ConnectionError("gone"), ConnectionError("gone")]
    read_log = store.read_log

    async def fails_at_first(**wanted: object) -> list[Recorded]:
        if failures:
            raise failures.pop()
        return await read_log(**wanted)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "read_log", fails_at_first)
    diary = Diary()
    follower = following(store, diary)
    async with running(follower):
        assert await follower.wait_until(1, timeout_s=DEADLINE_S)

    assert diary.read == ["one"]


async def test_waiting_ends_with_its_time(store: EventStore):
    follower = following(store, Diary())

    assert await follower.wait_until(0, timeout_s=DEADLINE_S)
    assert not await follower.wait_until(1, timeout_s=0.01)


async def test_the_lag_is_what_the_log_is_ahead(store: EventStore):
    await store.append([notes("a", ["one", "two", "three"])])
    follower = following(store, Diary())
    assert await follower.lag() == 3

    await follower.catch_up()
    assert await follower.lag() == 0


async def test_a_cancelled_follower_ends_at_once_and_hands_over_no_more(store: EventStore):
    diary = Diary()
    follower = following(store, diary)
    task = asyncio.create_task(follower.run())
    last = await store.append([notes("a", ["one"])])
    assert await follower.wait_until(last, timeout_s=DEADLINE_S)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert task.cancelled()
    await store.append([notes("a", ["two"], expected_version=1)])
    assert diary.read == ["one"]


async def test_who_waits_ends_the_rest_that_a_busy_follower_takes(store: EventStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(followers, "BUSY_BATCH", 1)
    monkeypatch.setattr(followers, "REST_FACTOR", NEVER_S * 1e9)
    monkeypatch.setattr(followers, "REST_MAX_S", NEVER_S)
    await store.append([notes("a", ["one", "two", "three"])])
    diary = Diary()
    follower = following(store, diary, batch=1)
    async with running(follower):
        async with asyncio.timeout(DEADLINE_S):
            await diary.written.wait()
        assert diary.read == ["one"]

        assert await follower.wait_until(3, timeout_s=DEADLINE_S)

    assert diary.read == ["one", "two", "three"]


async def test_commits_soon_after_one_another_cause_one_look(store: EventStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(followers, "REST_MIN_S", NEVER_S)
    diary = Diary()
    follower = following(store, diary)
    async with running(follower), asyncio.timeout(DEADLINE_S):
        await store.append([notes("a", ["one"])])
        await diary.written.wait()
        for version in range(1, 6):
            last = await store.append([notes("a", ["more"], expected_version=version)])
        assert diary.read == ["one"]

        assert await follower.wait_until(last, timeout_s=DEADLINE_S)

    assert diary.batches == [(1, 1), (5, 6)]


@pytest.mark.parametrize(("batch", "rests_s"), [(3, 1.0), (6, 0.5), (300, 0.01)])
async def test_follower_rests_after_a_batch_that_is_not_full_for_its_share_of_the_longest_rest(
    store: EventStore, monkeypatch: pytest.MonkeyPatch, batch: int, rests_s: float
):
    monkeypatch.setattr(followers, "BUSY_BATCH", 3)
    monkeypatch.setattr(followers, "REST_FACTOR", NEVER_S * 1e9)
    rests: list[float] = []

    async def rest(_: Follower, span_s: float) -> None:
        rests.append(span_s)

    monkeypatch.setattr(Follower, "_rest", rest)
    await store.append([notes("a", ["one", "two", "three"])])

    await following(store, Diary(), batch=batch).catch_up(at_ease=True)

    assert rests == [pytest.approx(rests_s)]


async def test_progress_is_told_while_catching_up(store: EventStore):
    await store.append([notes("a", ["one", "two", "three"])])
    heard: list[tuple[int, int]] = []

    await following(store, Diary(), batch=2).catch_up(lambda reached, last: heard.append((reached, last)))

    assert heard == [(2, 3), (3, 3)]
