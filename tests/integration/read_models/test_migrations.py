"""Migrations make exactly the tables that the program uses, from whatever version a database is at."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from access_policy.adapters.read_models.runner import ReadModels, prepare
from access_policy.adapters.read_models.table_sets import BOOKKEEPING, NEXT
from access_policy.adapters.read_models.tables import METADATA
from access_policy.adapters.sql import migrations
from access_policy.adapters.sql.databases import Database, database_at
from access_policy.adapters.sql.migrations import (
    MigrationNeeded,
    Part,
    latest,
    migrate,
    require_migrated,
    revisions,
    version_of,
)
from access_policy.application.projections import PROJECTIONS
from tests.support.attempts import denied
from tests.support.places import Place, Places, a_file, databases_of, migrated, read_models_at
from tests.support.rows import log_of, rows_of
from tests.support.stores import memory_store
from tests.support.tables import as_content, content


@pytest.fixture(params=["sqlite", "postgres"])
def places(request: pytest.FixtureRequest) -> Places:
    """Each time a new one, which nothing has migrated."""
    return a_file if request.param == "sqlite" else databases_of(request.getfixturevalue("postgres_server"))


def differences(connection: Connection) -> list[object]:
    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or not str(name).startswith(("alembic_version_", "stored_events"))

    context = MigrationContext.configure(
        connection, opts={"include_name": ours, "target_metadata": [METADATA, BOOKKEEPING]}
    )
    return compare_metadata(context, [METADATA, BOOKKEEPING])  # type: ignore[arg-type]


def tables_in(database: Database) -> set[str]:
    with database.reading.connect() as connection:
        return set(inspect(connection).get_table_names())


def test_the_migrations_make_exactly_the_tables_that_are_used(place: Place):
    database = migrated(place)

    with database.reading.connect() as connection:
        assert differences(connection) == []
        assert version_of(connection, Part.READ_MODELS) == latest(Part.READ_MODELS)
    database.close()


def test_a_missing_column_would_be_seen(place: Place):
    """The test above can fail."""
    database = migrated(place)
    with database.writing.begin() as connection:
        connection.execute(text("DROP INDEX faults_open"))
        connection.execute(text("ALTER TABLE faults DROP COLUMN info"))

    with database.reading.connect() as connection:
        assert {difference[0] for difference in differences(connection)} == {"add_index", "add_column"}  # type: ignore[index]
    database.close()


async def test_after_a_rebuild_the_tables_are_the_same_ones_as_before(place: Place):
    models, store = read_models_at(place), memory_store()
    for _ in range(2):
        await models.rebuild(store, [projection.name for projection in PROJECTIONS])

    with models.engine.connect() as connection:
        assert differences(connection) == []
        assert not set(NEXT.metadata.tables) & set(inspect(connection).get_table_names())
        indexed = {index["name"] for index in inspect(connection).get_indexes("access_log")}
        assert "access_log_open_sessions" in indexed
    await models.close()
    await store.close()


def test_migrating_again_changes_nothing(place: Place):
    database = migrated(place)
    with database.writing.begin() as connection:
        assert not migrate(connection, Part.READ_MODELS)
        prepare(connection)
    database.close()


def test_a_server_s_database_that_was_not_migrated_is_refused_and_not_touched(postgres_database: str):
    with pytest.raises(MigrationNeeded, match="access-policy migrate"):
        ReadModels(postgres_database)

    database = database_at(postgres_database, "tests")
    assert tables_in(database) == set()
    database.close()


def test_a_server_s_database_with_rows_of_another_edition_is_refused(postgres_database: str):
    database = migrated(postgres_database)
    with database.writing.begin() as connection:
        connection.execute(text("UPDATE projection_positions SET shape = 'older' WHERE projection = 'faults'"))

    with pytest.raises(MigrationNeeded, match="rows of faults"):
        ReadModels(postgres_database)
    database.close()


def test_a_database_of_a_newer_program_is_refused(place: Place):
    database = migrated(place)
    with database.writing.begin() as connection:
        connection.execute(text(f"UPDATE {Part.READ_MODELS.version_table} SET version_num = 'from_the_future'"))

    with pytest.raises(MigrationNeeded, match="newer"):
        ReadModels(place)
    with database.writing.begin() as connection, pytest.raises(MigrationNeeded, match="newer"):
        migrate(connection, Part.READ_MODELS)
    database.close()


async def test_a_file_from_before_there_were_versions_is_made_anew_and_folded_again(tmp_path: Path):
    file = tmp_path / "views.sqlite"
    database = database_at(file, "tests")
    with database.writing.begin() as connection:
        connection.execute(text("CREATE TABLE access_log (tenant_id VARCHAR, attempt_id VARCHAR)"))
        connection.execute(
            text("CREATE TABLE projection_positions (projection VARCHAR, position INTEGER, shape VARCHAR)")
        )
        connection.execute(text("INSERT INTO projection_positions VALUES ('access_log', 17, 'older')"))
    database.close()

    models = ReadModels(file)
    assert await models.followed_to() == 0
    history = log_of(denied())
    await models.follow(history, 1)

    assert content(models) == as_content(models, rows_of(PROJECTIONS, history))
    with models.engine.connect() as connection:
        assert differences(connection) == []
    await models.close()


def test_events_have_their_table_in_a_server_s_database(postgres_database: str):
    database = database_at(postgres_database, "tests")
    with database.writing.begin() as connection:
        with pytest.raises(MigrationNeeded):
            require_migrated(connection, Part.EVENTS)
        migrate(connection, Part.EVENTS)
        require_migrated(connection, Part.EVENTS)

    assert tables_in(database) == {"stored_events", "alembic_version_events"}
    database.close()


@pytest.mark.parametrize("part", Part)
def test_each_part_has_one_line_of_revisions(part: Part):
    config = Config()
    config.set_main_option("script_location", str(migrations.DIRECTORY))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(migrations.DIRECTORY / part))
    scripts = ScriptDirectory.from_config(config)

    assert revisions(part) == tuple(script.revision for script in scripts.walk_revisions())[::-1]
    assert scripts.get_heads() == [latest(part)]
