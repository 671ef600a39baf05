"""A second process reads, decodes and folds for a rebuild: the rows and the parked events are those of a follower."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
from eventsourcing.persistence import StoredEvent

from access_policy.adapters.event_stores.locations import opens
from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.adapters.event_stores.sqlite import sqlite_event_store
from access_policy.adapters.read_models.runner import ReadModels
from access_policy.application.follower import Follower
from access_policy.application.projections import PROJECTIONS
from tests.support.attempts import allowed, denied, faulted, started
from tests.support.builders import depot_registered
from tests.support.histories import store_history
from tests.support.rows import log_of, rows_of
from tests.support.tables import as_content, content

ALL = [projection.name for projection in PROJECTIONS]
BATCH = 7


@pytest.fixture(autouse=True)
def small_batches_of_a_started_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access_policy.adapters.read_models.filling.BATCH", BATCH)
    monkeypatch.setattr("access_policy.adapters.read_models.filling.LONG", 1)
    monkeypatch.setattr("access_policy.adapters.read_models.filling.START_WAIT_S", 60.0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[RecorderEventStore]:
    store = sqlite_event_store(tmp_path / "events.sqlite")
    yield store
    await store.close()


def history(attempts: int = 10) -> list[Any]:
    events: list[Any] = [depot_registered()]  # which has columns of JSON
    for number in range(attempts):
        attempt_id = f"try-{number % 6}"
        events += [denied(attempt_id=attempt_id), allowed(attempt_id=attempt_id), started(attempt_id=attempt_id)]
    return log_of(*events, faulted())


async def rebuild(models: ReadModels, store: RecorderEventStore, tmp_path: Path, **more: Any) -> int:
    return await models.rebuild(store, ALL, open_store=opens(tmp_path / "events.sqlite"), **more)


async def followed(models: ReadModels, store: RecorderEventStore) -> tuple[Any, Any]:
    """The rows and the parked events of a follower."""
    follower = Follower(
        "all", store, models.follow, models.followed_to, types=models.types, batch=5, with_unreadable=True
    )
    await follower.catch_up()
    return content(models), await models.parked()


async def test_rows_prepared_by_another_process_are_those_of_the_folds(
    models: ReadModels, store: RecorderEventStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    log = history()
    await store_history(store, log)

    def not_here(**_: object) -> NoReturn:
        raise AssertionError("this process reads the log itself")

    monkeypatch.setattr(store, "read_log", not_here)
    assert await rebuild(models, store, tmp_path) == len(log)

    assert content(models) == as_content(models, rows_of(PROJECTIONS, log))
    assert await models.followed_to() == len(log)
    assert await models.parked() == []
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("trouble", ["unreadable", "not storable"])
async def test_a_batch_in_trouble_is_left_to_this_process_which_parks_as_a_follower_does(
    models: ReadModels, store: RecorderEventStore, tmp_path: Path, trouble: str
):
    log = history()
    await store_history(store, log[:20])
    if trouble == "unreadable":
        store._recorder.insert_events([StoredEvent(log[0].stream, 99, "access.access_denied.v1", b"{}")])
    else:
        odd = log_of(denied(attempt_id="odd", connector_id=2**70), after=log[:20])
        await store_history(store, odd)
    await store_history(store, log[20:])
    expected = await followed(models, store)
    assert len(expected[1]) >= 1

    assert await rebuild(models, store, tmp_path) == len(log) + 1

    assert (content(models), await models.parked()) == expected


async def test_a_rebuild_folds_by_itself_until_the_other_process_has_started(
    models: ReadModels, store: RecorderEventStore, monkeypatch: pytest.MonkeyPatch
):
    log = history()
    await store_history(store, log)
    monkeypatch.setattr("access_policy.adapters.read_models.filling.START_WAIT_S", 0.0)

    opens_too_late = partial(time.sleep, 600.0)
    assert await models.rebuild(store, ALL, open_store=opens_too_late) == len(log)  # type: ignore[arg-type]

    assert content(models) == as_content(models, rows_of(PROJECTIONS, log))
    assert multiprocessing.active_children() == []


async def test_a_rebuild_goes_on_without_the_other_process_when_that_is_killed(
    models: ReadModels, store: RecorderEventStore, tmp_path: Path
):
    log = history()
    await store_history(store, log)

    def kill(*_: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()
            child.join()

    assert await rebuild(models, store, tmp_path, progress=kill) == len(log)

    assert content(models) == as_content(models, rows_of(PROJECTIONS, log))


async def test_an_interrupted_rebuild_ends_the_other_process_and_leaves_everything_as_it_was(
    models: ReadModels, store: RecorderEventStore, tmp_path: Path
):
    await store_history(store, history())
    expected = await followed(models, store)

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rebuild(models, store, tmp_path, progress=interrupt)

    assert (content(models), await models.parked()) == expected
    assert multiprocessing.active_children() == []
