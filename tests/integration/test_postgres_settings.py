"""The command line and a PostgreSQL database: what has to be migrated says so, and nobody is told a password."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psycopg
import pytest
from pydantic import ValidationError

from access_policy.adapters.sql.migrations import Part, latest
from access_policy.settings import Settings
from tests.support import command_line
from tests.support.postgres_server import PASSWORD, Server, new_database

SECRET = "hunter2-the-password"


def access_policy(url: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ACCESS_POLICY_STORE_URL": url, "ACCESS_POLICY_READ_MODELS_URL": url, **more}
    return command_line.access_policy(*arguments, environment=environment)


def told(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def test_a_database_that_was_not_migrated_is_refused_until_it_is(postgres_database: str, tmp_path: Path) -> None:
    refused = access_policy(postgres_database, "serve", "--data", str(tmp_path))
    assert refused.returncode == 1
    assert "Run `access-policy migrate`" in refused.stderr
    assert "Traceback" not in refused.stderr

    for _ in range(2):
        migrated = access_policy(postgres_database, "migrate", "--data", str(tmp_path))
        assert migrated.returncode == 0
        assert migrated.stdout.splitlines() == [f"{part}: at version {latest(part)}" for part in Part]

    rebuilt = access_policy(postgres_database, "rebuild-read-models", "--data", str(tmp_path))
    assert rebuilt.returncode == 0
    assert rebuilt.stdout.splitlines()[-1].endswith("0 events applied")
    parked = access_policy(postgres_database, "rebuild-read-models", "--parked", "--data", str(tmp_path))
    assert (parked.returncode, parked.stdout.strip()) == (0, "no events are parked")
    listed = access_policy(postgres_database, "parked", "--data", str(tmp_path))
    assert (listed.returncode, listed.stdout) == (0, "")
    assert PASSWORD not in told(refused) + told(migrated) + told(rebuilt)


def test_records_have_a_database_of_their_own_if_they_are_given_one(
    postgres_server: Server, postgres_database: str, tmp_path: Path
) -> None:
    with new_database(postgres_server) as other:
        migrated = access_policy(postgres_database, "migrate", "--data", str(tmp_path), ACCESS_POLICY_RECORDS_URL=other)

        assert migrated.returncode == 0
        assert "vehicle_key" in tables_of(other)
        assert "stored_events" not in tables_of(other)
        assert "vehicle_key" not in tables_of(postgres_database)


def test_a_service_whose_records_were_not_migrated_says_so(
    postgres_server: Server, postgres_database: str, tmp_path: Path
) -> None:
    assert access_policy(postgres_database, "migrate", "--data", str(tmp_path)).returncode == 0
    with new_database(postgres_server) as other:
        refused = access_policy(postgres_database, "serve", "--data", str(tmp_path), ACCESS_POLICY_RECORDS_URL=other)

    assert refused.returncode == 1
    assert "The database of the records is at version none" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_files_need_no_migration(tmp_path: Path) -> None:
    done = access_policy("", "migrate", "--data", str(tmp_path))

    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(Part)
    assert done.stdout.count("when it is opened") == len(Part)


def tables_of(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        listed = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in listed}


@pytest.mark.parametrize(
    ("store", "records", "place"),
    [
        ("", "", Path("data")),
        ("sqlite:///elsewhere/events.sqlite", "", Path("data")),
        ("postgresql://db/events", "", "postgresql://db/events"),
        ("postgresql://db/events", "postgresql://db/keys", "postgresql://db/keys"),
        ("", "postgresql://db/keys", "postgresql://db/keys"),
    ],
)
def test_records_lie_beside_the_events_of_a_server_or_where_they_are_told(
    store: str, records: str, place: Path | str
) -> None:
    assert Settings(store_url=store, records_url=records).records_location == place


def test_records_are_many_files_or_one_database() -> None:
    with pytest.raises(ValidationError, match="or nothing"):
        Settings(records_url="sqlite:///records.sqlite")


def test_a_server_that_is_away_is_one_line_without_the_password(tmp_path: Path) -> None:
    url = f"postgresql://operator:{SECRET}@127.0.0.1:1/nothing"

    for command in ("serve", "migrate", "rebuild-read-models", "parked"):
        done = access_policy(url, command, "--data", str(tmp_path), ACCESS_POLICY_LOG_LEVEL="DEBUG")
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert SECRET not in told(done)


def test_settings_never_show_a_url_with_its_password() -> None:
    settings = Settings(
        store_url=f"postgresql://operator:{SECRET}@db/events",
        read_models_url=f"postgres://a:{SECRET}@b/c",
        records_url=f"postgresql://a:{SECRET}@b/d",
    )

    assert SECRET not in repr(settings) + str(settings)
    assert settings.store_location == f"postgresql://operator:{SECRET}@db/events"


@pytest.mark.parametrize(
    "url", [f"postgresql://operator:{SECRET}%zz@db/events", f"postgresql://o:{SECRET}@db:x%/e", f"mysql://{SECRET}"]
)
def test_a_url_that_cannot_be_read_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(store_url=url)

    assert SECRET not in str(refused.value)
