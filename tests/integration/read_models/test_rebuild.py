"""Live, rebuilt and told without SQL: the same rows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.application.ports.event_store import EventStore, Recorded
from access_policy.application.projections import PROJECTIONS
from tests.support.attempts import allowed, denied, faulted
from tests.support.builders import registered
from tests.support.histories import histories, store_history
from tests.support.rows import log_of, rows_of
from tests.support.stores import memory_store
from tests.support.tables import as_content, content

ALL = [projection.name for projection in PROJECTIONS]


async def follow(models: ReadModels, history: Sequence[Recorded], batch: int = 500) -> None:
    for start in range(0, len(history), batch):
        part = history[start : start + batch]
        await models.follow(part, part[-1].position)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories(), batch=st.integers(1, 30), rebuilt=st.lists(st.sampled_from(ALL), min_size=1, unique=True))
def test_rows_are_the_same_live_rebuilt_and_without_sql(history: list[Recorded], batch: int, rebuilt: list[str]):
    async def check(directory: Path) -> None:
        models, store = ReadModels(directory / "views.sqlite"), memory_store()
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

    with TemporaryDirectory() as directory:
        asyncio.run(check(Path(directory)))


async def test_a_rebuild_takes_in_what_nobody_followed_yet_and_says_how_far_it_is(
    models: ReadModels, store: EventStore
):
    await store_history(store, log_of(registered(), denied(), faulted()))
    heard: list[tuple[int, int]] = []

    assert await models.rebuild(store, ALL, lambda done, of: heard.append((done, of))) == 3

    assert heard == [(3, 3)]
    assert await models.followed_to() == 3
    assert [len(rows) for rows in content(models).values() if rows] == [1] * 5


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


async def test_batches_that_come_during_a_rebuild_wait_for_its_end(models: ReadModels, store: EventStore):
    history = log_of(denied(), faulted(), allowed(attempt_id="try-2"))
    await store_history(store, history[:2])
    await follow(models, history[:2])

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(models.rebuild(store, ALL))
        tasks.create_task(models.follow(history[2:], 3))

    assert content(models) == as_content(models, rows_of(PROJECTIONS, history))
    assert await models.followed_to() == 3


async def test_a_projection_that_nobody_has_cannot_be_rebuilt(models: ReadModels, store: EventStore):
    with pytest.raises(ValueError, match="no projection nobody"):
        await models.rebuild(store, ["nobody", "faults"])
