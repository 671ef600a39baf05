"""Read models in an SQLite file and in a PostgreSQL database, and the event store that they follow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg import sql

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.read_models.table_sets import PARKED
from access_policy.adapters.read_models.tables import METADATA
from access_policy.adapters.read_models.views import SqlViews
from access_policy.application.ports.event_store import EventStore
from tests.support.places import Place, Places, a_file, databases_of, migrated, read_models_at
from tests.support.postgres_server import Server, new_database
from tests.support.stores import memory_store


@pytest.fixture(scope="session")
def empty_read_models(postgres_server: Server) -> Iterator[str]:
    """The name of a database with empty read models: to copy it takes a fraction of the time of their migrations."""
    with new_database(postgres_server) as url:
        migrated(url).close()
        yield url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgres"])
def places(request: pytest.FixtureRequest) -> Places:
    """Each time a new one without rows: no file yet, or a migrated database."""
    if request.param == "sqlite":
        return a_file
    return databases_of(request.getfixturevalue("postgres_server"), request.getfixturevalue("empty_read_models"))


@pytest.fixture
def thoroughness(request: pytest.FixtureRequest) -> float:
    """Share of a property's examples: PostgreSQL needs ten times as long as SQLite, so it repeats a part of them."""
    return 1.0 if request.node.callspec.params["places"] == "sqlite" else 0.15


@pytest.fixture
def place(places: Places) -> Iterator[Place]:
    with places() as opened:
        yield opened


@pytest.fixture(scope="session")
def kept_database(postgres_server: Server, empty_read_models: str) -> Iterator[str]:
    with new_database(postgres_server, empty_read_models) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def kept_place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A place without rows for tests that only follow and read: of PostgreSQL the same database each time, because to copy one
    takes ten times as long as to empty it."""
    if request.param == "sqlite":
        with a_file() as opened:
            yield opened
    else:
        url = str(request.getfixturevalue("kept_database"))
        with psycopg.connect(url) as connection:
            for name in (*METADATA.tables, PARKED.name):
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
            connection.execute("UPDATE projection_positions SET position = 0")
        yield url


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
