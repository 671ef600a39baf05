"""Delivery is at least once and a rebuild may come at any time: the rows stay those that the folds say."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.application.ports.event_store import EventStore, Recorded
from access_policy.application.projections import PROJECTIONS
from tests.support.attempts import allowed, denied, faulted
from tests.support.builders import depot_registered, registered
from tests.support.histories import histories, store_history
from tests.support.lengths import Length
from tests.support.places import Place, Places, read_models_at
from tests.support.rows import log_of, rows_of
from tests.support.stores import memory_store
from tests.support.tables import as_content, content

HISTORIES = Length(ci=8, soak=250, of="histories in SQLite, and a part of them in PostgreSQL")

ALL = [projection.name for projection in PROJECTIONS]


async def taken(models: ReadModels, history: list[Recorded], batch: int) -> None:
    """Each batch comes twice, and every event of it twice as well."""
    for start in range(0, len(history), batch):
        part = history[start : start + batch]
        for _ in range(2):
            await models.follow([each for each in part for _ in range(2)], part[-1].position)


@pytest.mark.soak(HISTORIES)
def test_events_that_come_twice_make_the_same_rows_and_so_does_each_rebuild(places: Places, thoroughness: float):
    @settings(
        max_examples=round(HISTORIES.count * thoroughness), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @given(history=histories(), batch=st.integers(1, 30))
    def same_rows(history: list[Recorded], batch: int) -> None:
        with places() as place:
            asyncio.run(check(place, history, batch))

    async def check(place: Place, history: list[Recorded], batch: int) -> None:
        models, store = read_models_at(place), memory_store()
        try:
            await taken(models, history, batch)
            expected = as_content(models, rows_of(PROJECTIONS, history))
            assert content(models) == expected
            await store_history(store, history)
            for names in (*([name] for name in ALL), ALL):
                await models.rebuild(store, names)
                assert content(models) == expected, f"after rebuilding {names}"
            assert await models.parked() == []
        finally:
            await models.close()
            await store.close()

    same_rows()


async def test_readers_see_the_old_rows_until_a_rebuild_has_all_of_them(
    models: ReadModels, store: EventStore, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("access_policy.adapters.read_models.filling.BATCH", 1)
    history = log_of(depot_registered(), registered(), denied(), faulted())
    await store_history(store, history)
    await models.follow(history, 4)
    before, heard = content(models), []

    def progress(done: int, of: int) -> None:
        heard.append((done, of))
        assert content(models) == before

    await models.rebuild(store, ALL, progress)

    assert heard == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert content(models) == before


async def test_a_cancelled_rebuild_leaves_everything_as_it_was_and_holds_up_nobody(
    models: ReadModels, store: EventStore, monkeypatch: pytest.MonkeyPatch
):
    history = log_of(denied(), allowed(), faulted())
    await store_history(store, history)
    await models.follow(history[:2], 2)
    before, reading, read_log = content(models), asyncio.Event(), store.read_log

    async def stands_still(**wanted: object) -> list[Recorded]:
        reading.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(store, "read_log", stands_still)
    rebuilding = asyncio.create_task(models.rebuild(store, ALL))
    await reading.wait()
    rebuilding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rebuilding

    assert (content(models), await models.followed_to()) == (before, 2)
    await models.follow(history[2:], 3)
    monkeypatch.setattr(store, "read_log", read_log)
    assert await models.rebuild(store, ALL) == 3
    assert content(models) == as_content(models, rows_of(PROJECTIONS, history))
