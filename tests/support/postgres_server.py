"""A real PostgreSQL server for tests: the packaged one on a free port, or an existing one.

`ACCESS_POLICY_TEST_POSTGRES_URL` names an existing server, with a user who may create databases. Only the packaged server
can be stopped and paused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Final

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from access_policy.entrypoints.demo.postgres import PASSWORD, PostgresServer, postgres_url, settings_for
from tests.support.command_line import access_policy

__all__ = ["PASSWORD", "postgres_url"]

GIVEN: Final = "ACCESS_POLICY_TEST_POSTGRES_URL"

_numbers = count(1)


class GivenServer:
    """An existing server, which tests do not start or stop."""

    def __init__(self, url: str) -> None:
        self._url = url

    def server_url(self, database: str) -> str:
        known = conninfo_to_dict(self._url)
        return postgres_url(
            str(known.get("host", "127.0.0.1")),
            int(known.get("port") or 5432),
            database,
            user=str(known.get("user", "postgres")),
            password=str(known.get("password", "")),
        )

    def end(self) -> None:
        pass


Server = PostgresServer | GivenServer


def a_server(environment: Mapping[str, str] = os.environ) -> Server:
    return GivenServer(environment[GIVEN]) if environment.get(GIVEN) else PostgresServer()


@contextmanager
def new_database(server: Server, template: str = "template1") -> Iterator[str]:
    """The URL of an empty database, or of a copy of `template`. It is dropped afterwards, whoever is still connected to it."""
    name = f"access_policy_test_{os.getpid()}_{next(_numbers)}"
    admin = server.server_url("postgres")
    with psycopg.connect(admin, autocommit=True) as connection:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield server.server_url(name)
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One server for all tests of this worker."""
    server = a_server()
    yield server
    server.end()


@pytest.fixture
def postgres_database(postgres_server: Server) -> Iterator[str]:
    with new_database(postgres_server) as url:
        yield url


def migrated(url: str) -> None:
    """Migrate the database as operators do."""
    done = access_policy("migrate", environment={**os.environ, **settings_for(url)})
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def migrated_template(postgres_server: Server) -> Iterator[str]:
    """The name of a database as `access-policy migrate` leaves it, which takes longer than to copy it."""
    with new_database(postgres_server) as url:
        migrated(url)
        yield url.rpartition("/")[2]


@pytest.fixture
def migrated_database(postgres_server: Server, migrated_template: str) -> Iterator[str]:
    with new_database(postgres_server, migrated_template) as url:
        yield url


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that the test may stop."""
    server = PostgresServer()
    yield server
    server.end()


@pytest.fixture(scope="module")
def own_migrated_template(own_server: PostgresServer) -> Iterator[str]:
    with new_database(own_server) as url:
        migrated(url)
        yield url.rpartition("/")[2]


@pytest.fixture(params=["sqlite", "postgres", "dynamodb"])
def databases(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings for this process and its children: files, a migrated PostgreSQL database for everything, or a DynamoDB table
    for the events."""
    if request.param == "dynamodb":
        monkeypatch.setenv("ACCESS_POLICY_STORE_URL", request.getfixturevalue("dynamodb_url"))
    if request.param == "postgres":
        keep_everything_in(request.getfixturevalue("migrated_database"), monkeypatch)
    return str(request.param)


def keep_everything_in(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process and its children settings for the migrated database."""
    for name, value in settings_for(url).items():
        monkeypatch.setenv(name, value)
