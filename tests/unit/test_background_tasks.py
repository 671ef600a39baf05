"""Tasks that no caller awaits."""

from __future__ import annotations

import logging

import pytest

from access_policy.application.background_tasks import BackgroundTasks


async def test_task_that_fails_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("broken")

    tasks = BackgroundTasks()
    tasks.begin(fail(), "display CP1")
    await tasks.finish()

    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "display CP1 failed")
    assert "broken" in caplog.text


async def test_finish_waits_also_for_tasks_that_began_meanwhile() -> None:
    tasks, done = BackgroundTasks(), []

    async def last() -> None:
        done.append("last")

    async def first() -> None:
        tasks.begin(last(), "last")
        done.append("first")

    tasks.begin(first(), "first")
    assert len(tasks) == 1
    await tasks.finish()

    assert done == ["first", "last"]
    assert len(tasks) == 0
