"""What tests of several adapters need: Amazon's interfaces on this machine, and the command line against a service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import aws_fixtures, dynamodb, records, served_cli
from tests.support import postgres_server as postgres
from tests.support.forks.programs import ForkedPrograms
from tests.support.shared_routes import forget_routes, routes_shared
from tests.support.shared_statements import share_statements

aws_credentials, faulty_aws, moto = aws_fixtures.aws_credentials, aws_fixtures.faulty_aws, aws_fixtures.moto
atomic_moto, dynamodb_endpoint = dynamodb.atomic_moto, dynamodb.dynamodb_endpoint
cli, cli_service = served_cli.cli, served_cli.cli_service
dynamodb_table, dynamodb_url = dynamodb.dynamodb_table, dynamodb.dynamodb_url
postgres_server, postgres_database = postgres.postgres_server, postgres.postgres_database
migrated_template, migrated_database = postgres.migrated_template, postgres.migrated_database
own_server, own_migrated_template, databases = postgres.own_server, postgres.own_migrated_template, postgres.databases
migrated_records, records_database = records.migrated_records, records.records_database
records_location = records.records_location


@pytest.fixture(scope="session")
def forked_programs() -> Iterator[ForkedPrograms]:
    programs = ForkedPrograms()
    yield programs
    programs.close()


@pytest.fixture(scope="session", autouse=True)
def shared_routes() -> Iterator[None]:
    with routes_shared():
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_statements() -> None:
    share_statements()


@pytest.fixture(autouse=True)
def started_programs(request: pytest.FixtureRequest, forked_programs: ForkedPrograms) -> Iterator[None]:
    """The service's programs are forks and routes are shared, unless the test is about how the service starts."""
    if request.node.get_closest_marker("started_anew") is not None:
        forget_routes()
        yield
    else:
        with forked_programs.in_use():
            yield


@pytest.fixture
def patient_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes of a cluster take their time to start: a busy machine starts six of them at once."""
    monkeypatch.setattr("access_policy.entrypoints.demo.cluster.START_S", 180.0)
