"""The migration of a server makes exactly the tables that are used; files of earlier versions go on being used as they are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from access_policy.adapters.records.api_keys import SqlApiKeys
from access_policy.adapters.records.audit_chains import SqlAuditChains
from access_policy.adapters.records.charger_credentials import SqlChargerCredentials
from access_policy.adapters.records.console_sessions import SqlConsoleSessions
from access_policy.adapters.records.heartbeats import SqlHeartbeats
from access_policy.adapters.records.idempotency import SqlIdempotencyRecords
from access_policy.adapters.records.import_plans import SqlImportPlans
from access_policy.adapters.records.intake import SqlIntakeRecords
from access_policy.adapters.records.lists_sent import SqlListsSent
from access_policy.adapters.records.login_links import SqlLoginLinks
from access_policy.adapters.records.ocpi_bookings import SqlOcpiBookings
from access_policy.adapters.records.ocpi_partners import SqlOcpiPartners
from access_policy.adapters.records.ocpi_tokens import SqlOcpiTokens
from access_policy.adapters.records.oscp_forecasts import SqlOscpForecasts
from access_policy.adapters.records.oscp_providers import SqlOscpProviders
from access_policy.adapters.records.relay_positions import SqlRelayPositions
from access_policy.adapters.records.unknown_identifiers import SqlUnknownIdentifiers
from access_policy.adapters.records.vehicle_vault import SqlVehicleVault
from access_policy.adapters.records.webhook_queue import SqlWebhookQueue
from access_policy.adapters.records.webhooks import SqlWebhooks
from access_policy.adapters.sql.databases import database_at
from access_policy.adapters.sql.migrations import MigrationNeeded, Part, latest, migrate, version_of
from tests.support.builders import DAY
from tests.support.records import METADATA, migrated_for_records
from tests.support.stores import TEST_KEY

OPENED = {
    "api_keys": SqlApiKeys,
    "vault": lambda where: SqlVehicleVault(where, TEST_KEY),
    "credentials": lambda where: SqlChargerCredentials(where, TEST_KEY),
    "unknown_identifiers": lambda where: SqlUnknownIdentifiers(where, TEST_KEY, retention=30 * DAY),
    "idempotency": lambda where: SqlIdempotencyRecords(where, TEST_KEY),
    "import_plans": lambda where: SqlImportPlans(where, TEST_KEY),
    "relay": lambda where: SqlRelayPositions(where, "a bus"),
    "audit": SqlAuditChains,
    "console_sessions": lambda where: SqlConsoleSessions(where, TEST_KEY),
    "login_links": SqlLoginLinks,
    "intake": SqlIntakeRecords,
    "heartbeats": SqlHeartbeats,
    "local_lists": SqlListsSent,
    "webhooks": lambda where: SqlWebhooks(where, TEST_KEY),
    "webhook_queue": SqlWebhookQueue,
    "ocpi_partners": lambda where: SqlOcpiPartners(where, TEST_KEY),
    "ocpi_bookings": lambda where: SqlOcpiBookings(where, TEST_KEY),
    "ocpi_tokens": lambda where: SqlOcpiTokens(where, TEST_KEY),
    "oscp_providers": lambda where: SqlOscpProviders(where, TEST_KEY),
    "oscp_forecasts": lambda where: SqlOscpForecasts(where, TEST_KEY),
}


def test_the_migration_makes_exactly_the_tables_that_are_used(postgres_database: str) -> None:
    migrated_for_records(postgres_database)
    database = database_at(postgres_database, "tests")

    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or name != Part.RECORDS.version_table

    with database.reading.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": ours, "target_metadata": METADATA})
        assert compare_metadata(context, METADATA) == []  # type: ignore[arg-type]
        assert version_of(connection, Part.RECORDS) == latest(Part.RECORDS)
    with database.writing.begin() as connection:
        assert not migrate(connection, Part.RECORDS), "again, it changes nothing"
    database.close()


@pytest.mark.parametrize("name", OPENED)
def test_a_server_s_database_that_was_not_migrated_is_refused_and_not_touched(
    postgres_database: str, name: str
) -> None:
    with pytest.raises(MigrationNeeded, match="access-policy migrate"):
        OPENED[name](postgres_database)

    database = database_at(postgres_database, "tests")
    with database.reading.connect() as connection:
        assert inspect(connection).get_table_names() == []
    database.close()


def test_a_database_of_a_newer_program_is_refused(postgres_database: str) -> None:
    migrated_for_records(postgres_database)
    database = database_at(postgres_database, "tests")
    with database.writing.begin() as connection:
        connection.execute(text(f"UPDATE {Part.RECORDS.version_table} SET version_num = 'from_the_future'"))

    with pytest.raises(MigrationNeeded, match="newer"):
        OPENED["vault"](postgres_database)
    with database.writing.begin() as connection, pytest.raises(MigrationNeeded, match="newer"):
        migrate(connection, Part.RECORDS)
    database.close()


# --- files of versions that made their tables themselves -----------------------------------------------------------------

EARLIER = {
    "vault": [
        "CREATE TABLE vehicle_key (tenant_id TEXT NOT NULL, vehicle_id TEXT NOT NULL, key_id TEXT NOT NULL,"
        " wrapped BLOB NOT NULL, PRIMARY KEY (tenant_id, vehicle_id))"
    ],
    "credentials": [
        f"CREATE TABLE {name} (charge_point_id TEXT PRIMARY KEY, of_text BLOB NOT NULL, of_bytes BLOB NOT NULL)"
        for name in ("charger_password", "proposed_password")
    ],
    "unknown_identifiers": [
        "CREATE TABLE unknown_identifier (tenant_id TEXT NOT NULL, pseudonym TEXT NOT NULL, kind TEXT NOT NULL,"
        " sealed BLOB NOT NULL, seen_at TEXT NOT NULL, PRIMARY KEY (tenant_id, pseudonym))"
    ],
    "idempotency": [
        "CREATE TABLE answers (scope TEXT NOT NULL, key TEXT NOT NULL, kept_at REAL NOT NULL, fingerprint TEXT NOT NULL,"
        " status INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (scope, key))"
    ],
    "import_plans": [
        "CREATE TABLE import_plan (tenant_id TEXT NOT NULL, plan_id TEXT NOT NULL, state TEXT NOT NULL,"
        " expires_at TEXT NOT NULL, record BLOB NOT NULL, body BLOB, PRIMARY KEY (tenant_id, plan_id))"
    ],
}


@pytest.mark.parametrize("name", EARLIER)
async def test_a_file_of_an_earlier_version_goes_on_being_used_with_its_columns(tmp_path: Path, name: str) -> None:
    earlier, new = tmp_path / "earlier.sqlite", tmp_path / "new.sqlite"
    with closing(sqlite3.connect(earlier)) as file:
        for statement in EARLIER[name]:
            file.execute(statement)

    for path in (earlier, new):
        await OPENED[name](path).close()

    assert columns(earlier) == columns(new)


def columns(path: Path) -> dict[str, list[tuple[str, int, int]]]:
    """Of each table: name, whether it must have a value, and its place in the key; and the names of the indexes."""
    with closing(sqlite3.connect(path)) as file:
        names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'index')")]
        return {
            name: [
                (column, needed or in_key, in_key)
                for _, column, _, needed, _, in_key in file.execute(f"PRAGMA table_info({name})")
            ]
            for name in names
        }
