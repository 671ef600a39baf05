"""Migrations of the databases: Alembic revisions, in order, for each part (ADR 0019).

A part (events, read models, records) may have a separate database. Each part has a directory of revisions beside this file and
a version table, so that several parts can share one database. The revisions of a part form one line, in the order of their file
names. Alembic is imported only to migrate, because importing it takes much of the time of a start.
"""

from __future__ import annotations

import logging
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

log = logging.getLogger(__name__)

DIRECTORY: Final = Path(__file__).parent
LOCK_KEY: Final = 7_305_118_026_520_301  # PostgreSQL advisory lock: one migration at a time


class Part(StrEnum):
    EVENTS = "events"  # PostgreSQL only: the library creates SQLite's table
    READ_MODELS = "read_models"
    RECORDS = "records"  # PostgreSQL only: each SQLite file creates its own tables

    @property
    def version_table(self) -> str:
        return f"alembic_version_{self.value}"


class MigrationNeeded(RuntimeError):
    """The database's tables have another version than this program expects; the message says what to do."""


def migrate(connection: Connection, part: Part) -> bool:
    """Migrate the part to this program's version in the caller's transaction. Return whether anything changed.

    Raises `MigrationNeeded` for a database that a newer program has migrated.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    version = version_of(connection, part)
    if version == latest(part):
        return False
    _refuse_newer(part, version)
    _upgrade(connection, part)
    log.info("%s: migrated from %s to %s", part, version or "nothing", latest(part))
    return True


def require_migrated(connection: Connection, part: Part) -> None:
    """Raise `MigrationNeeded` unless the part has this program's version."""
    version = version_of(connection, part)
    if version != latest(part):
        _refuse_newer(part, version)
        raise MigrationNeeded(
            f"The database of the {part.replace('_', ' ')} is at version {version or 'none'}, but this program needs"
            f" {latest(part)}. Run `access-policy migrate` with the same settings, then start again."
        )


def version_of(connection: Connection, part: Part) -> str | None:
    if not inspect(connection).has_table(part.version_table):
        return None
    version: str | None = connection.execute(text(f"SELECT version_num FROM {part.version_table}")).scalar()  # noqa: S608
    return version


def latest(part: Part) -> str:
    return revisions(part)[-1]


@cache
def revisions(part: Part) -> tuple[str, ...]:
    """Return the versions of the part, oldest first."""
    numbers = sorted(file.name.removeprefix("r")[:4] for file in (DIRECTORY / part).glob("r[0-9]*_*.py"))
    return tuple(f"{part}_{number}" for number in numbers)


def _refuse_newer(part: Part, version: str | None) -> None:
    if version is not None and version not in revisions(part):
        raise MigrationNeeded(
            f"The database of the {part.replace('_', ' ')} is at version {version}, which this program does not know:"
            " a newer program has migrated it. Start that program."
        )


def _upgrade(connection: Connection, part: Part) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    for name, value in {
        "script_location": str(DIRECTORY),
        "path_separator": "newline",
        "version_locations": str(DIRECTORY / part),
    }.items():
        config.set_main_option(name, value.replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["part"] = part
    command.upgrade(config, "head")
