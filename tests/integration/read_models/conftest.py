"""Read models in a file of their own, and the event store that they follow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.read_models.views import SqlViews
from access_policy.application.ports.event_store import EventStore
from tests.support.stores import memory_store


@pytest.fixture
async def models(tmp_path: Path) -> AsyncIterator[ReadModels]:
    opened = ReadModels(tmp_path / "views.sqlite")
    yield opened
    await opened.close()


@pytest.fixture
def views(models: ReadModels) -> SqlViews:
    return SqlViews(models.engine)


@pytest.fixture
async def store() -> AsyncIterator[EventStore]:
    opened = memory_store()
    yield opened
    await opened.close()
