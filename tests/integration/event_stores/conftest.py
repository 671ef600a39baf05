"""The adapters of the event store; each runs the whole contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from access_policy.adapters.event_stores.memory import memory_event_store
from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.adapters.event_stores.serde import DOMAIN_SERDE, EventSerde
from access_policy.adapters.event_stores.sqlite import sqlite_event_store

StoreFactory = Callable[[Path, EventSerde], RecorderEventStore]

ADAPTERS: dict[str, StoreFactory] = {
    "memory": lambda _, serde: memory_event_store(serde=serde),
    "sqlite": lambda directory, serde: sqlite_event_store(directory / "events.sqlite", serde=serde),
}


@pytest.fixture(params=ADAPTERS)
def make_store(request: pytest.FixtureRequest) -> StoreFactory:
    return ADAPTERS[request.param]


@pytest.fixture
async def store(make_store: StoreFactory, tmp_path: Path) -> AsyncIterator[RecorderEventStore]:
    opened = make_store(tmp_path, DOMAIN_SERDE)
    yield opened
    await opened.close()
