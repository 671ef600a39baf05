"""The adapters of the event store; each runs the whole contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from access_policy.adapters.event_stores.dynamodb.store import dynamodb_event_store
from access_policy.adapters.event_stores.memory import memory_event_store
from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.adapters.event_stores.serde import DOMAIN_SERDE, EventSerde
from access_policy.adapters.event_stores.sqlite import sqlite_event_store
from tests.support.stores import postgres_store

StoreFactory = Callable[[Path, EventSerde], RecorderEventStore]
"""Opens the store of one test, empty at first; called again, it opens the same one once more."""


def memory(_: pytest.FixtureRequest) -> StoreFactory:
    return lambda _, serde: memory_event_store(serde=serde)


def sqlite(_: pytest.FixtureRequest) -> StoreFactory:
    return lambda directory, serde: sqlite_event_store(directory / "events.sqlite", serde=serde)


def postgres(request: pytest.FixtureRequest) -> StoreFactory:
    url = request.getfixturevalue("postgres_database")
    return lambda _, serde: postgres_store(url, serde=serde)


def dynamodb(request: pytest.FixtureRequest) -> StoreFactory:
    table = request.getfixturevalue("dynamodb_table")
    return lambda _, serde: dynamodb_event_store(table, serde=serde)


ADAPTERS: dict[str, Callable[[pytest.FixtureRequest], StoreFactory]] = {
    "memory": memory,
    "sqlite": sqlite,
    "postgres": postgres,
    "dynamodb": dynamodb,
}


@pytest.fixture(params=ADAPTERS)
def make_store(request: pytest.FixtureRequest) -> StoreFactory:
    return ADAPTERS[request.param](request)


@pytest.fixture
async def store(make_store: StoreFactory, tmp_path: Path) -> AsyncIterator[RecorderEventStore]:
    opened = make_store(tmp_path, DOMAIN_SERDE)
    yield opened
    await opened.close()
