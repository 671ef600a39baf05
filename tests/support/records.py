"""Locations of records: the files of a directory, or a migrated PostgreSQL database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import MetaData

from access_policy.adapters.records import (
    api_keys,
    audit_chains,
    charger_credentials,
    console_sessions,
    heartbeats,
    idempotency,
    import_plans,
    intake,
    key_check,
    lists_sent,
    login_links,
    ocpi_tables,
    oscp_tables,
    relay_positions,
    unknown_identifiers,
    vehicle_vault,
    webhooks,
)
from access_policy.adapters.sql.databases import database_at
from access_policy.adapters.sql.migrations import Part, migrate
from access_policy.application.ports.event_store import StreamId
from access_policy.application.ports.pending_events import PendingEvent
from tests.support.builders import NOON
from tests.support.places import Place
from tests.support.postgres_server import Server, new_database
from tests.support.stores import happened

MODULES = (
    audit_chains,
    api_keys,
    charger_credentials,
    console_sessions,
    heartbeats,
    idempotency,
    import_plans,
    intake,
    key_check,
    lists_sent,
    login_links,
    ocpi_tables,
    oscp_tables,
    relay_positions,
    unknown_identifiers,
    vehicle_vault,
    webhooks,
)
METADATA: list[MetaData] = [module.METADATA for module in MODULES]
_TABLES = [name for metadata in METADATA for name in metadata.tables]


@pytest.fixture(scope="session")
def migrated_records(postgres_server: Server) -> Iterator[str]:
    with new_database(postgres_server) as url:
        migrated_for_records(url)
        yield url


@pytest.fixture
def records_database(migrated_records: str) -> str:
    """A migrated database whose tables are empty."""
    with psycopg.connect(migrated_records) as connection:
        connection.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(map(sql.Identifier, _TABLES))))
    return migrated_records


@pytest.fixture(params=["files", "postgres"])
def records_location(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A directory, or the URL of a database."""
    return tmp_path if request.param == "files" else str(request.getfixturevalue("records_database"))


def migrated_for_records(url: str) -> None:
    """Migrate the database as `access-policy migrate` does."""
    database = database_at(url, "tests")
    with database.writing.begin() as connection:
        migrate(connection, Part.RECORDS)
    database.close()


@cache
def _empty_records() -> bytes:
    with TemporaryDirectory() as directory:
        file = Path(directory) / "records.sqlite"
        database = database_at(file, "tests")
        with database.writing.begin() as connection:
            for metadata in METADATA:
                metadata.create_all(connection)
        database.close()
        return file.read_bytes()


def prepare_records(file: Path) -> Path:
    """Write all record tables there, empty: a copy takes a tenth of the time in which a world of a few tables makes its own."""
    file.write_bytes(_empty_records())
    return file


def inside(place: Place, name: str) -> Place:
    """The file of that name in a directory; the database has no parts."""
    return place / f"{name}.sqlite" if isinstance(place, Path) else place


def rows(place: Place, name: str, query: str) -> list[tuple[Any, ...]]:
    """The rows that another process reads; changes by the query are committed."""
    if isinstance(place, str):
        with psycopg.connect(place) as connection:
            cursor = connection.execute(query)
            return cursor.fetchall() if cursor.description else []
    with closing(sqlite3.connect(place / f"{name}.sqlite")) as file, file:
        return file.execute(query).fetchall()


def pending(event: object, stream: str = "acme/records/one") -> PendingEvent:
    return PendingEvent(stream=StreamId(stream), event=happened(event, at=NOON))


def files_holding(place: Place, content: bytes) -> list[str]:
    """The files of the directory, or of the database after a checkpoint, that contain `content`. (The server's write-ahead log
    is left out: it keeps what was written until it is rotated.)"""
    if isinstance(place, Path):
        return [file.name for file in place.iterdir() if content in file.read_bytes()]
    return [name for name, held in files_of(place).items() if content in held]


def files_of(url: str) -> dict[str, bytes]:
    """The files of the database by name, after a checkpoint."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        found = connection.execute(
            "SELECT name, pg_read_binary_file('base/' || oid || '/' || name, 0, 1000000000, true)"
            " FROM pg_database, pg_ls_dir('base/' || oid) AS name WHERE datname = current_database()"
        )
        return {name: bytes(content) for name, content in found if content is not None}


@contextmanager
def locked(place: Place, name: str, table: str) -> Iterator[None]:
    """Hold a write lock from another connection for the length of the block."""
    if isinstance(place, str):
        with psycopg.connect(place) as other:
            other.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.Identifier(table)))
            yield
    else:
        with closing(sqlite3.connect(place / f"{name}.sqlite", isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")
