"""Erase a tenant's events from the log. All other events keep their positions.

The log is otherwise append-only: only this module removes events (ADR 0033).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import bindparam, text

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_stores.locations import StoreLocation
from access_policy.adapters.sql.databases import database_at
from access_policy.adapters.sql.wiping import wipe_file, wipe_tables
from access_policy.application.ports.tenant_holdings import Claims
from access_policy.application.streams import CHARGE_POINT_STREAMS
from access_policy.domain.ids import TenantId
from access_policy.domain.tenants.erasure import RemovedFrom

TABLE: Final = "stored_events"
ANEW: Final = "stored_events_without_tenant"
BUSY_TIMEOUT_S: Final = 30.0
POSITION: Final = {"sqlite": "rowid", "postgresql": "notification_id"}


class CannotErase(Exception):
    """A store of this kind keeps its log in a form from which events cannot be removed."""


class _Of(msgspec.Struct):
    tenant_id: str


class _Stored(msgspec.Struct):
    envelope: _Of
    data: dict[str, Any]


class _Range(NamedTuple):
    begin: str
    end: str


def _streams(prefix: str) -> _Range:
    """Return the range of all names that begin with the prefix, which ends with `/`; `0` is the character after `/`."""
    return _Range(prefix, f"{prefix[:-1]}0")


def claims_of(location: StoreLocation, tenant_id: TenantId) -> Claims:
    """Return the tenant's events in the streams of charge point ids, which belong to the installation. Raises `CannotErase`,
    `sqlite3.Error` or `SQLAlchemyError`.
    """
    if isinstance(location, AwsAddress):
        raise CannotErase(
            f"{tenant_id} cannot be erased from a DynamoDB store, whose log cannot have gaps. Nothing was erased. "
            "Remove its vehicles (vehicles remove), which deletes the keys of their identifiers, and its webhooks and API "
            "keys; docs/operations.md says how to remove the rest."
        )
    database = database_at(location, "tenant erasure", waits=True)
    position = POSITION["sqlite" if database.is_file else "postgresql"]
    asked = f"SELECT {position}, state FROM {TABLE} WHERE originator_id >= :begin AND originator_id < :end"  # noqa: S608
    try:
        with database.reading.connect() as connection:
            rows = connection.execute(text(asked), _streams(CHARGE_POINT_STREAMS)._asdict())
            return _claims(((row[0], bytes(row[1])) for row in rows), tenant_id)
    finally:
        database.close()


def _claims(rows: Iterable[tuple[int, bytes]], tenant_id: TenantId) -> Claims:
    decoder = msgspec.json.Decoder(_Stored)
    found = [(at, event) for at, state in rows if (event := decoder.decode(state)).envelope.tenant_id == tenant_id]
    points = frozenset(str(event.data["charge_point_id"]) for _, event in found)
    return Claims(positions=tuple(sorted(at for at, _ in found)), charge_points=points)


def erase_events(location: StoreLocation, tenant_id: TenantId, claims: Iterable[int]) -> RemovedFrom:
    """Remove the tenant's streams and the events at the positions `claims`. Can be repeated. Raises as `claims_of` does."""
    if isinstance(location, Path):
        return _erase_from_file(location, tenant_id, tuple(claims))
    assert isinstance(location, str)
    return _erase_from_server(location, tenant_id, tuple(claims))


def _erase_from_server(url: str, tenant_id: TenantId, claims: tuple[int, ...]) -> RemovedFrom:
    removing = text(
        "DELETE FROM public.stored_events WHERE (originator_id >= :begin AND originator_id < :end)"
        " OR notification_id IN :claims"
    ).bindparams(bindparam("claims", expanding=True))
    database = database_at(url, "tenant erasure", waits=True)
    try:
        with database.writing.begin() as connection:
            connection.execute(text("LOCK TABLE public.stored_events IN EXCLUSIVE MODE"))
            rows = connection.execute(removing, {**_streams(f"{tenant_id}/")._asdict(), "claims": claims}).rowcount
        wipe_tables(database, TABLE)
        return RemovedFrom(place=TABLE, rows=rows)
    finally:
        database.close()


def _erase_from_file(path: Path, tenant_id: TenantId, claims: tuple[int, ...]) -> RemovedFrom:
    """Rewrite the table, with the same row ids, in one transaction. Deleting rows is not enough: VACUUM may renumber the
    others, and a page from which SQLite moved rows can still hold their bytes.
    """
    with closing(sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S)) as connection:
        connection.execute("PRAGMA secure_delete=ON").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        try:
            rows = _write_anew(connection, _streams(f"{tenant_id}/"), claims)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    database = database_at(path, "tenant erasure")
    try:
        wipe_file(database)
    finally:
        database.close()
    return RemovedFrom(place=TABLE, rows=rows)


def _write_anew(connection: sqlite3.Connection, streams: _Range, claims: tuple[int, ...]) -> int:
    (table,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (TABLE,)).fetchone()
    (before,) = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()  # noqa: S608
    columns = "originator_id, originator_version, topic, state"
    connection.execute(table.replace(TABLE, ANEW, 1))
    connection.execute("CREATE TEMP TABLE claimed (position INTEGER PRIMARY KEY)")
    connection.executemany("INSERT INTO temp.claimed VALUES (?)", ((each,) for each in claims))
    connection.execute(
        f"INSERT INTO {ANEW} (rowid, {columns}) SELECT rowid, {columns} FROM {TABLE}"  # noqa: S608
        " WHERE NOT (originator_id >= ? AND originator_id < ?)"
        " AND rowid NOT IN (SELECT position FROM temp.claimed) ORDER BY rowid",
        streams,
    )
    (after,) = connection.execute(f"SELECT count(*) FROM {ANEW}").fetchone()  # noqa: S608
    connection.execute("DROP TABLE temp.claimed")
    connection.execute(f"DROP TABLE {TABLE}")
    connection.execute(f"ALTER TABLE {ANEW} RENAME TO {TABLE}")
    return int(before) - int(after)
