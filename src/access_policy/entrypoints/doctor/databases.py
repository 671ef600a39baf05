"""The databases: versions of their tables, positions of the readers, the newest event. Only files that exist are opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, select, text

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_stores.serde import DOMAIN_SERDE
from access_policy.adapters.read_models.table_sets import PARKED, POSITIONS
from access_policy.adapters.sql.databases import database_at
from access_policy.adapters.sql.migrations import Part, latest, revisions, version_of
from access_policy.domain.plurals import counted
from access_policy.entrypoints.doctor.findings import Finding, act, ok, soon
from access_policy.settings import Settings

TIMEOUT_S: Final = 5.0
LAG_MAX: Final = 5_000  # positions, as for readiness
EVENTS: Final = "stored_events"


def migrations(settings: Settings) -> Iterator[Finding]:
    """Check the versions of the tables. The service migrates files when it opens them, except those that a newer
    program has migrated."""
    for part, where in (
        (Part.EVENTS, settings.store_location),
        (Part.READ_MODELS, settings.read_models_location),
        (Part.RECORDS, settings.records_location),
    ):
        if isinstance(where, AwsAddress) or (isinstance(where, Path) and part is not Part.READ_MODELS):
            continue
        with reading(where) as connection:
            if connection is not None:
                yield _migration(part, version_of(connection, part), is_file=isinstance(where, Path))


def lag(settings: Settings) -> Iterator[Finding]:
    """Report how far the read models are behind the log's end, and which events they could not apply."""
    last = _last_position(settings)
    with reading(settings.read_models_location) as connection:
        if connection is None or last is None or not inspect(connection).has_table(POSITIONS.name):
            return
        positions = {row.projection: row.position for row in connection.execute(select(POSITIONS))}
        parked = len(connection.execute(select(PARKED.c.position)).all())
    if parked:
        text = f"{counted(parked, 'event is', 'events are')} parked"
        yield act("read models", text, "List them with `access-policy parked`.")
    behind = {name: last - position for name, position in positions.items()}
    if ahead := sorted(name for name, lags in behind.items() if lags < 0):
        yield act(
            "read models",
            f"{', '.join(ahead)}: ahead of the log, which was restored to an older state",
            "Stop the service, run `access-policy rebuild-read-models`, start it again.",
        )
    elif (most := max(behind.values(), default=0)) > LAG_MAX:
        yield act(
            "read models",
            f"up to {counted(most, 'position')} behind the log",
            "Check that a process with the role projector is running.",
        )
    else:
        yield ok("read models", f"at most {counted(most, 'position')} behind the log")


def newest_event_at(settings: Settings) -> datetime | None:
    """Return when the newest event was recorded; None without events, or in DynamoDB."""
    if isinstance(settings.store_location, AwsAddress):
        return None
    with reading(settings.store_location) as connection:
        if connection is None or not inspect(connection).has_table(EVENTS):
            return None
        newest = f"SELECT topic, state FROM {EVENTS} ORDER BY {_position(connection)} DESC LIMIT 1"  # noqa: S608
        row = connection.execute(text(newest)).first()
    return None if row is None else DOMAIN_SERDE.decode(row.topic, bytes(row.state))[1].recorded_at


def server_time(url: str) -> datetime:
    with reading(url) as connection:
        assert connection is not None  # a server is not a file
        now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        return now


@contextmanager
def reading(where: Path | str) -> Iterator[Connection | None]:
    """Open a read transaction; yield None if the file does not exist. Raises `SQLAlchemyError`."""
    if isinstance(where, Path) and not where.is_file():
        yield None
        return
    database = database_at(where, "doctor", timeout_s=TIMEOUT_S)
    try:
        with database.reading.begin() as connection:
            yield connection
    finally:
        database.close()


def _migration(part: Part, version: str | None, *, is_file: bool) -> Finding:
    check = "migrations"
    if version == latest(part):
        return ok(check, f"{part}: at version {version}")
    if version is not None and version not in revisions(part):
        return act(
            check, f"{part}: version {version} belongs to a newer program", "Start that program, or restore a backup."
        )
    if is_file:
        return soon(
            check, f"{part}: at version {version or 'none'}", "The next start migrates the file; back it up first."
        )
    return act(check, f"{part}: at version {version or 'none'}, not {latest(part)}", "Run `access-policy migrate`.")


def _last_position(settings: Settings) -> int | None:
    if isinstance(settings.store_location, AwsAddress):
        return None
    with reading(settings.store_location) as connection:
        if connection is None or not inspect(connection).has_table(EVENTS):
            return None
        return int(connection.execute(text(f"SELECT max({_position(connection)}) FROM {EVENTS}")).scalar() or 0)  # noqa: S608


def _position(connection: Connection) -> str:
    return "rowid" if connection.dialect.name == "sqlite" else "notification_id"
