"""Erase a tenant's rows from all tables of a database, so that its files no longer contain their bytes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, MetaData, Table, delete, event, inspect, or_, select

from access_policy.adapters.sql.databases import database_at
from access_policy.adapters.sql.wiping import wipe_file, wipe_tables
from access_policy.domain.ids import TenantId
from access_policy.domain.tenants.erasure import RemovedFrom

OF_TENANT: Final = "tenant_id"
OF_NO_TENANT: Final = frozenset(
    {
        "audit_position",
        "console_sign_in",
        "gateway_heartbeat",
        "key_check",
        "projection_positions",
        "relays",
        "stored_events",
    }
)
"""Tables without rows of a tenant; the event store erases its own. A sign-in does not name a person until it is complete."""
ROWS_AT_ONCE: Final = 500
VERSIONS: Final = "alembic_version_"
OF_SCOPE: Final = frozenset({"answers", "begun_commands"})
OF_STREAM: Final = frozenset({"held_streams", "parked_events", "parked_events__next"})
OF_CHARGE_POINT: Final = frozenset({"charger_password", "proposed_password"})


class UnknownTable(Exception):
    """No rule says which rows of the table belong to a tenant. Nothing was erased."""


def erase_rows(where: Path | str, tenant_id: TenantId, charge_points: Collection[str]) -> list[RemovedFrom]:
    """Erase the tenant's rows. Can be repeated. `charge_points` are the ids that the tenant's chargers have or had. Deletes in
    one transaction, then rewrites every table with rows of tenants. Raises `UnknownTable` or `SQLAlchemyError`.
    """
    database = database_at(where, "tenant erasure", waits=True)
    if database.is_file:
        event.listen(database.reading, "connect", _overwriting)
    try:
        with database.writing.begin() as connection:
            conditions = _conditions(connection, tenant_id, charge_points)
            removed = [
                RemovedFrom(place=str(table.name), rows=connection.execute(delete(table).where(condition)).rowcount)
                for table, condition in conditions.items()
            ]
        if database.is_file:
            connection_of_file = database.reading.raw_connection()
            connection_of_file.cursor().execute("VACUUM")
            connection_of_file.close()
            wipe_file(database)
        else:
            wipe_tables(database, *(str(table.name) for table in conditions))
        return removed
    finally:
        database.close()


def rows_of(where: Path | str, tenant_id: TenantId, only: Collection[str] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tenant's rows as table and columns, table by table; if `only` is not empty, only from those tables. Raises
    `SQLAlchemyError`.
    """
    database = database_at(where, "tenant export", waits=True)
    try:
        with database.reading.connect() as connection:
            for table in _tables(connection):
                if OF_TENANT in table.c and (not only or table.name in only):
                    asked = select(table).where(table.c[OF_TENANT] == tenant_id)
                    for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(asked).mappings():
                        yield str(table.name), dict(row)
    finally:
        database.close()


def _overwriting(connection: Any, _: object) -> None:
    connection.execute("PRAGMA secure_delete=ON").fetchall()


def _conditions(
    connection: Connection, tenant_id: TenantId, charge_points: Collection[str]
) -> Mapping[Table, ColumnElement[bool]]:
    return {table: _condition(table, tenant_id, charge_points) for table in _tables(connection)}


def _tables(connection: Connection) -> list[Table]:
    names = [each for each in inspect(connection).get_table_names() if not each.startswith((VERSIONS, "sqlite_"))]
    metadata = MetaData()
    return [Table(name, metadata, autoload_with=connection) for name in sorted(set(names) - OF_NO_TENANT)]


def _condition(table: Table, tenant_id: TenantId, charge_points: Collection[str]) -> ColumnElement[bool]:
    if OF_TENANT in table.c:
        return table.c[OF_TENANT] == tenant_id
    if table.name in OF_SCOPE:
        return table.c.scope == tenant_id
    if table.name in OF_STREAM:
        return table.c.stream.startswith(f"{tenant_id}/", autoescape=True)
    if table.name in OF_CHARGE_POINT:
        held = table.c.charge_point_id
        holder = json.dumps([tenant_id], ensure_ascii=False, separators=(",", ":"))[:-1] + ","
        return or_(held.startswith(holder, autoescape=True), held.in_(charge_points))
    raise UnknownTable(f"No rule says which rows of the table {table.name} belong to a tenant; nothing was erased.")
