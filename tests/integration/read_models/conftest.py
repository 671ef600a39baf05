"""Read models in an SQLite file and in a PostgreSQL database, and the event store that they follow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.read_models.views import SqlViews
from access_policy.application.ports.event_store import EventStore
from tests.support.places import Place, Places, a_file, databases_of, read_models_at
from tests.support.stores import memory_store


@pytest.fixture(params=["sqlite", "postgres"])
def places(request: pytest.FixtureRequest) -> Places:
    """Each time a new one, empty."""
    return a_file if request.param == "sqlite" else databases_of(request.getfixturevalue("postgres_server"))


@pytest.fixture
def thoroughness(request: pytest.FixtureRequest) -> float:
    """Share of a property's examples: PostgreSQL needs ten times as long as SQLite, so it repeats a part of them."""
    return 1.0 if request.node.callspec.params["places"] == "sqlite" else 0.15


@pytest.fixture
def place(places: Places) -> Iterator[Place]:
    with places() as opened:
        yield opened


@pytest.fixture
async def models(place: Place) -> AsyncIterator[ReadModels]:
    opened = read_models_at(place)
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
