"""Live, rebuilt and told without SQL: the same rows."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect
from sqlalchemy.event import listens_for

from access_policy.adapters.read_models import filling
from access_policy.adapters.read_models.collecting import RARELY
from access_policy.adapters.read_models.rebuilding import RebuildOvertaken
from access_policy.adapters.read_models.runner import ReadModels
from access_policy.application.follower import Follower
from access_policy.application.ports.event_store import EventStore, Recorded, StoreUnavailable
from access_policy.application.projections import PROJECTIONS
from tests.support.attempts import allowed, denied, faulted, started
from tests.support.builders import registered
from tests.support.histories import histories, store_history
from tests.support.lengths import Length
from tests.support.places import Place, Places, read_models_at
from tests.support.rows import log_of, rows_of
from tests.support.stores import memory_store
from tests.support.tables import as_content, content

HISTORIES = Length(ci=12, soak=400, of="histories in SQLite, and a part of them in PostgreSQL")
ATTEMPTS = Length(ci=250, soak=3_000, of="attempts")

ALL = [projection.name for projection in PROJECTIONS]


async def follow(models: ReadModels, history: Sequence[Recorded], batch: int = 500) -> None:
    for start in range(0, len(history), batch):
        part = history[start : start + batch]
        await models.follow(part, part[-1].position)


@pytest.mark.soak(HISTORIES)
def test_rows_are_the_same_live_rebuilt_and_without_sql(places: Places, thoroughness: float):
    @settings(
        max_examples=round(HISTORIES.count * thoroughness), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(
        history=histories(), batch=st.integers(1, 30), rebuilt=st.lists(st.sampled_from(ALL), min_size=1, unique=True)
    )
    def same_rows(history: list[Recorded], batch: int, rebuilt: list[str]) -> None:
        with places() as place:
            asyncio.run(check(place, history, batch, rebuilt))

    async def check(place: Place, history: list[Recorded], batch: int, rebuilt: list[str]) -> None:
        models, store = read_models_at(place), memory_store()
        try:
            await follow(models, history, batch)
            live = content(models)
            assert live == as_content(models, rows_of(PROJECTIONS, history))

            await store_history(store, history)
            await models.rebuild(store, rebuilt)
            assert content(models) == live
            assert await models.followed_to() == history[-1].position
            assert await models.parked() == []
        finally:
            await models.close()
            await store.close()

    same_rows()


async def test_a_rebuild_takes_in_what_nobody_followed_yet_and_says_how_far_it_is(
    models: ReadModels, store: EventStore
):
    await store_history(store, log_of(registered(), denied(), faulted()))
    heard: list[tuple[int, int]] = []

    assert await models.rebuild(store, ALL, lambda done, of: heard.append((done, of))) == 3

    assert heard == [(3, 3)]
    assert await models.followed_to() == 3
    assert [len(rows) for rows in content(models).values() if rows] == [1] * 6


async def test_an_interrupted_rebuild_leaves_everything_as_it_was(models: ReadModels, store: EventStore):
    history = log_of(denied(), allowed())
    await store_history(store, history)
    await follow(models, history)
    before = content(models)

    def interrupt(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await models.rebuild(store, ALL, interrupt)

    assert content(models) == before
    assert await models.followed_to() == 2


class SlowStore:
    """Fails reads of the log as one does that takes too long: each position once, `always` every time."""

    def __init__(self, store: EventStore, *, always: bool = False) -> None:
        self._store = store
        self._always = always
        self.failed: list[object] = []

    async def last_position(self) -> int:
        self._fail("last position")
        return await self._store.last_position()

    async def read_log(self, *, after: int, **wanted: Any) -> list[Recorded]:
        self._fail(after)
        return await self._store.read_log(after=after, **wanted)

    def _fail(self, what: object) -> None:
        if self._always or what not in self.failed:
            self.failed.append(what)
            raise StoreUnavailable("the event store did not answer within 5 s")


async def test_rebuild_reads_the_log_again_after_a_read_that_took_too_long(
    models: ReadModels, store: EventStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(filling, "BATCH", 2)
    monkeypatch.setattr(filling, "RETRY_FIRST_S", 0.0)
    history = log_of(registered(), denied(), allowed(), faulted())
    await store_history(store, history)
    slow = SlowStore(store)

    folded = await models.rebuild(cast("EventStore", slow), ALL)

    assert (folded, slow.failed) == (4, ["last position", 0, 2, 4])
    assert content(models) == as_content(models, rows_of(PROJECTIONS, history))


async def test_rebuild_ends_when_a_read_of_the_log_fails_again_and_again(
    models: ReadModels, store: EventStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(filling, "RETRY_FIRST_S", 0.0)
    history = log_of(denied(), allowed())
    await store_history(store, history)
    await follow(models, history)
    slow = SlowStore(store, always=True)

    with pytest.raises(StoreUnavailable):
        await models.rebuild(cast("EventStore", slow), ALL)

    assert len(slow.failed) == filling.TRIES
    assert content(models) == as_content(models, rows_of(PROJECTIONS, history))


@pytest.mark.soak(ATTEMPTS)
@pytest.mark.parametrize("writers", [1, 3])
async def test_live_writes_go_on_during_rebuilds_and_nothing_is_lost_or_doubled(
    place: Place, store: EventStore, writers: int
):
    """Each of several processes follows the log into the same tables while one of them rebuilds all of them."""
    history = log_of(
        *(
            each
            for n in range(ATTEMPTS.count)
            for each in (denied(attempt_id=f"try-{n}"), started(attempt_id=f"try-{n}"))
        )
    )
    processes = [read_models_at(place) for _ in range(writers)]
    followers = [
        Follower(f"{n}", store, each.follow, each.followed_to, types=each.types, batch=7, poll_s=0.01)
        for n, each in enumerate(processes)
    ]
    following = [asyncio.create_task(follower.run()) for follower in followers]
    rebuilder = read_models_at(place)
    rebuilt_once = asyncio.Event()

    async def write() -> None:
        await store_history(store, history[: ATTEMPTS.count])
        await rebuilt_once.wait()
        await store_history(store, history[ATTEMPTS.count :])

    writing = asyncio.create_task(write())
    rebuilt_at = []
    while not writing.done():
        await rebuilder.rebuild(store, ALL)
        rebuilt_at.append(await rebuilder.followed_to())
        rebuilt_once.set()
    await writing
    for follower in followers:
        assert await follower.wait_until(len(history), timeout_s=60)
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)

    assert rebuilt_at == sorted(rebuilt_at)
    assert 0 < rebuilt_at[0] < len(history)
    assert content(rebuilder) == as_content(rebuilder, rows_of(PROJECTIONS, history))
    assert await rebuilder.parked() == []
    for each in (*processes, rebuilder):
        await each.close()


async def test_without_the_last_look_at_the_live_position_a_rebuild_would_go_back_in_time(
    models: ReadModels, store: EventStore, monkeypatch: pytest.MonkeyPatch
):
    """The test above can fail."""
    history = log_of(denied(), faulted())
    await store_history(store, history)
    await models.follow(history, 2)

    async def does_nothing(*_: object) -> None: ...

    monkeypatch.setattr("access_policy.adapters.read_models.filling.Filling.catch_up", does_nothing)
    monkeypatch.setattr("access_policy.adapters.read_models.rebuilding.hold", lambda *_: 0)
    await models.rebuild(store, ALL)

    assert await models.followed_to() == 0


async def test_of_two_rebuilds_at_once_the_later_one_counts(place: Place, store: EventStore):
    history = log_of(denied(), faulted())
    await store_history(store, history)
    first, second = read_models_at(place), read_models_at(place)
    await first.follow(history, 2)

    read_log, interrupted = store.read_log, []

    async def another_begins(**wanted: object) -> list[Recorded]:
        if not interrupted:
            interrupted.append(True)
            assert await second.rebuild(store, ALL) == 2
        return await read_log(**wanted)  # type: ignore[arg-type]

    store.read_log = another_begins  # type: ignore[method-assign]
    with pytest.raises(RebuildOvertaken):
        await first.rebuild(store, ALL)

    assert content(second) == as_content(second, rows_of(PROJECTIONS, history))
    assert await second.rebuild(store, ALL) == 2
    await first.close()
    await second.close()


async def test_rebuild_leaves_the_indexes_that_migrations_know(models: ReadModels, store: EventStore):
    await store_history(store, log_of(denied(), faulted()))
    before = {table: indexes_of(models, table) for table in ("access_log", "faults", "vehicle_identifiers")}

    await models.rebuild(store, ALL)

    assert {table: indexes_of(models, table) for table in before} == before
    assert len(before["access_log"]) == 5


async def test_swap_of_a_file_creates_no_index_and_leaves_a_sound_schema(tmp_path: Path, store: EventStore):
    models, reader = read_models_at(tmp_path / "views.sqlite"), sqlite3.connect(tmp_path / "views.sqlite")
    await store_history(store, log_of(denied(), faulted()))
    query = "SELECT attempt_id FROM access_log ORDER BY tenant_id, occurred_at, position"
    assert reader.execute(query).fetchall() == []
    schema = sorted(reader.execute("SELECT type, name, tbl_name FROM sqlite_schema"))
    statements: list[str] = []

    @listens_for(models.engine, "before_cursor_execute")
    def remember(*given: Any) -> None:
        statements.append(given[2])

    await models.rebuild(store, ALL)

    swap = statements[max(n for n, statement in enumerate(statements) if statement.startswith("BEGIN IMMEDIATE")) :]
    assert any("RENAME TO" in statement for statement in swap)
    assert not any(statement.lstrip().startswith("CREATE") for statement in swap)
    assert len(reader.execute(query).fetchall()) == 1
    assert "access_log_by_time" in reader.execute(f"EXPLAIN QUERY PLAN {query}").fetchone()[3]
    assert sorted(reader.execute("SELECT type, name, tbl_name FROM sqlite_schema")) == schema
    assert not [sql for (sql,) in reader.execute("SELECT sql FROM sqlite_schema") if "__next" in str(sql)]
    assert reader.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    reader.close()
    await models.close()


async def test_rebuild_restores_the_thresholds_of_the_garbage_collector(models: ReadModels, store: EventStore):
    before = gc.get_threshold()
    seen: list[tuple[int, int, int]] = []
    await store_history(store, log_of(denied()))

    await models.rebuild(store, ALL, lambda *_: seen.append(gc.get_threshold()))

    assert seen == [RARELY]
    assert gc.get_threshold() == before


def indexes_of(models: ReadModels, table: str) -> set[str | None]:
    return {index["name"] for index in inspect(models.engine).get_indexes(table)}


async def test_a_projection_that_nobody_has_cannot_be_rebuilt(models: ReadModels, store: EventStore):
    with pytest.raises(ValueError, match="unknown projection nobody"):
        await models.rebuild(store, ["nobody", "faults"])
