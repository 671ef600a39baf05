"""The runner: rows and positions together, faults of an event apart from faults of the file."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event as sqlalchemy_events
from sqlalchemy.exc import OperationalError

from access_policy.adapters.read_models.batch import BEHIND
from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.sql import databases
from access_policy.application.ports.event_store import EventStore, Recorded, StoreUnavailable
from access_policy.application.projections import PROJECTIONS
from access_policy.application.projections.access_log import ACCESS_LOG
from access_policy.application.projections.changes import Projection, Put, RowChange
from access_policy.application.projections.faults import FAULTS
from tests.integration.read_models.follow_for_ever import events_from
from tests.support.attempts import ANOTHER_TRY, TRY, allowed, denied, ended, faulted, started
from tests.support.histories import store_history
from tests.support.places import Place, locked, read_models_at
from tests.support.rows import log_of, rows_of
from tests.support.tables import as_content, content


def attempts_in(models: ReadModels) -> list[str]:
    return [row["attempt_id"] for row in content(models)["access_log"]]


# --- rows and position ----------------------------------------------------------------------------------------------


async def test_nothing_has_been_followed_in_a_new_file(models: ReadModels):
    assert await models.followed_to() == 0


async def test_the_position_covers_events_that_no_projection_reads(models: ReadModels):
    await models.follow(log_of(denied()), 17)

    assert await models.followed_to() == 17


async def test_rows_and_position_survive_together(place: Place):
    models = read_models_at(place)
    await models.follow(log_of(denied()), 1)
    await models.close()

    models = read_models_at(place)
    assert (await models.followed_to(), attempts_in(models)) == (1, [TRY])
    await models.close()


async def test_a_failed_commit_leaves_neither_rows_nor_position(models: ReadModels):
    def fail(connection: object) -> None:
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    history = log_of(denied())
    sqlalchemy_events.listen(models.engine, "commit", fail)
    with pytest.raises(StoreUnavailable):
        await models.follow(history, 1)
    sqlalchemy_events.remove(models.engine, "commit", fail)
    assert (await models.followed_to(), attempts_in(models)) == (0, [])

    await models.follow(history, 1)
    assert (await models.followed_to(), attempts_in(models)) == (1, [TRY])


async def test_events_that_were_taken_before_change_nothing(models: ReadModels):
    history = log_of(allowed(), denied(), started(), ended())
    await models.follow(history, 4)
    before = content(models)

    await models.follow(history[:2], 2)

    assert (content(models), await models.followed_to()) == (before, 4)


async def test_a_process_that_is_killed_leaves_the_rows_of_its_position(place: Place):
    follow_for_ever = Path(__file__).with_name("follow_for_ever.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])}
    for killed_after in (1, 4):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(follow_for_ever),
            str(place),
            stdout=subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parents[3],
        )
        assert process.stdout is not None
        async with asyncio.timeout(60):
            for _ in range(killed_after):
                said = int(await process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        await process.communicate()

        models = read_models_at(place)
        reached = await models.followed_to()
        assert reached >= said
        assert content(models) == as_content(models, rows_of(PROJECTIONS, events_from(0, reached)))
        await models.close()


# --- faults of an event ---------------------------------------------------------------------------------------------


def fails_for(attempt_id: str, how: str) -> Projection:
    """The access log with a fold that fails for an attempt: by raising, or with rows that cannot be stored."""

    def fold(recorded: Recorded) -> list[RowChange]:
        changes = ACCESS_LOG.fold(recorded)
        if attempt_id not in recorded.stream:
            return changes
        if how == "raises":
            raise KeyError("a fold with a mistake")
        first = changes[0]
        assert isinstance(first, Put)
        return [replace(first, values={**first.values, "occurred_at": "yesterday"})]

    return replace(ACCESS_LOG, fold=fold)


@pytest.mark.parametrize("how", ["raises", "makes rows that cannot be stored"])
async def test_a_poisonous_event_is_parked_and_holds_up_its_own_stream_only(place: Place, how: str):
    models = read_models_at(place, [fails_for("try-1", how), FAULTS])
    history = log_of(denied(), allowed(attempt_id=ANOTHER_TRY), started(), faulted(), ended())

    await models.follow(history[:4], 4)
    await models.follow(history[4:], 5)

    parked = await models.parked()
    assert [(row["projection"], row["position"], row["event_type"]) for row in parked] == [
        ("access_log", 1, "access.access_denied.v1"),
        ("access_log", 3, "access.charging_started.v1"),
        ("access_log", 5, "access.charging_ended.v1"),
    ]
    assert parked[0]["reason"] != BEHIND
    assert [row["reason"] for row in parked[1:]] == [BEHIND, BEHIND]
    assert attempts_in(models) == [ANOTHER_TRY]
    assert len(content(models)["faults"]) == 1
    assert await models.followed_to() == 5
    await models.close()


async def test_a_stream_stays_held_up_over_a_restart(place: Place):
    poisoned = [fails_for("try-1", "raises")]
    history = log_of(denied(), started())
    models = read_models_at(place, poisoned)
    await models.follow(history[:1], 1)
    await models.close()

    mended = read_models_at(place, [ACCESS_LOG])
    await mended.follow(history[1:], 2)

    assert attempts_in(mended) == []
    assert [row["position"] for row in await mended.parked()] == [1, 2]
    await mended.close()


async def test_a_rebuild_with_the_mended_fold_takes_in_what_was_parked(place: Place, store: EventStore):
    history = log_of(denied(), allowed(attempt_id=ANOTHER_TRY), started())
    await store_history(store, history)
    models = read_models_at(place, [fails_for("try-1", "raises")])
    await models.follow(history, 3)
    await models.close()

    mended = read_models_at(place, [ACCESS_LOG])
    await mended.rebuild(store, ["access_log"])

    assert await mended.parked() == []
    assert content(mended) == as_content(mended, rows_of([ACCESS_LOG], history))
    await mended.close()


# --- faults of the file ---------------------------------------------------------------------------------------------


async def test_a_locked_database_parks_nothing_and_the_batch_can_come_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(databases, "BUSY_TIMEOUT_S", 0.01)
    monkeypatch.setattr(databases, "STATEMENT_TIMEOUT_S", 0.1)
    models = read_models_at(place)

    with locked(place), pytest.raises(StoreUnavailable):
        await models.follow(log_of(denied()), 1)

    await models.follow(log_of(denied()), 1)
    assert (await models.parked(), attempts_in(models)) == ([], [TRY])
    await models.close()


async def test_a_statement_that_fails_by_the_files_fault_parks_nothing(models: ReadModels):
    def full(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.startswith("INSERT INTO access_log"):
            raise OperationalError(statement, {}, sqlite3.OperationalError("database or disk is full"))

    sqlalchemy_events.listen(models.engine, "before_cursor_execute", full)
    with pytest.raises(StoreUnavailable):
        await models.follow(log_of(denied()), 1)
    sqlalchemy_events.remove(models.engine, "before_cursor_execute", full)

    assert (await models.parked(), await models.followed_to()) == ([], 0)


# --- projections that are new ---------------------------------------------------------------------------------------


async def test_a_projection_that_is_new_begins_at_the_start_and_the_others_go_on(place: Place):
    history = log_of(denied(), faulted(), allowed(attempt_id=ANOTHER_TRY))
    models = read_models_at(place, [ACCESS_LOG])
    await models.follow(history[:2], 2)
    await models.close()

    models = read_models_at(place, [ACCESS_LOG, FAULTS])
    assert await models.followed_to() == 0
    await models.follow(history, 3)

    assert content(models) == as_content(models, rows_of([ACCESS_LOG, FAULTS], history))
    assert await models.followed_to() == 3
    await models.close()


async def test_rows_of_another_edition_of_a_fold_are_dropped_and_folded_anew(place: Place):
    history = log_of(denied(), faulted())
    models = read_models_at(place, [ACCESS_LOG, FAULTS])
    await models.follow(history, 2)
    await models.close()

    models = read_models_at(place, [replace(ACCESS_LOG, edition=2), FAULTS])
    assert (attempts_in(models), len(content(models)["faults"])) == ([], 1)
    assert await models.followed_to() == 0

    await models.follow(history, 2)
    assert attempts_in(models) == [TRY]
    await models.close()
