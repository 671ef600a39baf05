"""Locations of read models: a file, or a PostgreSQL database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from access_policy.adapters.read_models.runner import ReadModels, prepare
from access_policy.adapters.sql.databases import Database, database_at
from access_policy.application.projections import PROJECTIONS
from access_policy.application.projections.changes import Projection
from tests.support.postgres_server import Server, new_database

Place = Path | str
Places = Callable[[], AbstractContextManager[Place]]


@contextmanager
def a_file() -> Iterator[Place]:
    with TemporaryDirectory() as directory:
        yield Path(directory) / "views.sqlite"


def databases_of(server: Server, template: str = "template1") -> Places:
    return lambda: new_database(server, template)


def place_of(argument: str) -> Place:
    """The location that a process receives as an argument."""
    return argument if argument.startswith("postgresql://") else Path(argument)


def migrated(place: Place, projections: Sequence[Projection] = PROJECTIONS) -> Database:
    """Migrate as `access-policy migrate` does, and return the open database."""
    database = database_at(place, "tests")
    with database.writing.begin() as connection:
        prepare(connection, projections)
    return database


@cache
def _empty_read_models() -> bytes:
    with TemporaryDirectory() as directory:
        file = Path(directory) / "views.sqlite"
        migrated(file).close()
        return file.read_bytes()


def prepare_file(file: Path) -> None:
    """Write empty read models there, unless there are some: a copy takes a tenth of the time of their migrations."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(_empty_read_models())


def read_models_at(place: Place, projections: Sequence[Projection] = PROJECTIONS) -> ReadModels:
    if isinstance(place, str):
        migrated(place, projections).close()
    elif projections is PROJECTIONS:
        prepare_file(place)
    return ReadModels(place, projections)


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Hold a write lock from another connection for the length of the block."""
    if isinstance(place, str):
        with psycopg.connect(place) as other:
            other.execute("LOCK TABLE projection_positions IN EXCLUSIVE MODE")
            yield
    else:
        with closing(sqlite3.connect(place, isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")
