"""Marks of a tenant in every place that can hold something of it: each table, and the spools of the service's processes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Boolean, DateTime, Float, Integer, LargeBinary, MetaData, String, Table, inspect

from access_policy.adapters.local_files.spool import SqliteSpool
from access_policy.adapters.sql.databases import database_at, upsert_into
from access_policy.adapters.sql.tenant_rows import OF_NO_TENANT, VERSIONS
from access_policy.application.ports.event_store import Append
from access_policy.application.ports.webhooks import DeliveryState
from access_policy.settings import Settings
from tests.support.stores import notes

SPOOLS = ("spool.sqlite", "gateway-2/spool.sqlite")


def plant_rows(settings: Settings, tenant: str, mark: str) -> list[str]:
    """A row of the tenant in each table that holds rows of tenants, with the mark in every text; one of each state in the
    queue of webhooks. Returns the names of the tables."""
    planted = []
    for database in _databases(settings):
        opened = database_at(database, "tests", waits=True)
        try:
            with opened.writing.begin() as connection:
                for name in sorted(set(inspect(connection).get_table_names()) - OF_NO_TENANT):
                    if name.startswith((VERSIONS, "sqlite_")):
                        continue
                    table = Table(name, MetaData(), autoload_with=connection)
                    new = upsert_into(table, connection.dialect).on_conflict_do_nothing()  # some tables have one row
                    connection.execute(new, list(_rows(table, tenant, mark)))
                    planted.append(name)
        finally:
            opened.close()
    return planted


async def plant_spools(settings: Settings, mark: str, *others: str) -> None:
    """In each spool, a row of each tenant alone, one of all together, and one that was set aside. `mark` marks the first."""
    for name in SPOOLS:
        (settings.data / name).parent.mkdir(exist_ok=True)
        spool = SqliteSpool(settings.data / name)
        appends = [_append("acme", mark), *(_append(each, f"fact of {each}") for each in others)]
        for together in (*([each] for each in appends), appends):
            await spool.append(together)
        for each in appends:
            await spool.set_aside(each, f"another event has the place of {each.events[0].event}")
        await spool.close()


async def spooled_streams(settings: Settings) -> dict[str, list[str]]:
    """The streams of all appends in each spool, those set aside included."""
    found = {}
    for name in SPOOLS:
        spool = SqliteSpool(settings.data / name)
        streams = [each.stream for entry in await spool.oldest(100) for each in entry.appends]
        await spool.close()
        with closing(sqlite3.connect(settings.data / name)) as file:
            rows = file.execute("SELECT append FROM set_aside").fetchall()
        found[name] = sorted([*streams, *(each[0] for (row,) in rows for each in json.loads(row))])
    return found


def _databases(settings: Settings) -> list[Path | str]:
    url = settings.store_url
    if isinstance(url, str) and url:
        return [url]
    return [file for file in sorted(settings.data.glob("*.sqlite")) if file.name != "spool.sqlite"]


def _rows(table: Table, tenant: str, mark: str) -> Iterator[dict[str, Any]]:
    states = list(DeliveryState) if table.name == "webhook_delivery" else [mark]
    for number, state in enumerate(states):
        row = {column.name: _value(column, tenant, mark, number) for column in table.columns}
        yield {**row, "state": state} if "state" in row else row


def _value(column: Any, tenant: str, mark: str, number: int) -> Any:
    match column.name:
        case "tenant_id" | "scope":
            return tenant
        case "stream":
            return f"{tenant}/depot/{mark}"
        case "charge_point_id" if "password" in column.table.name:
            return json.dumps([tenant, mark, "CP"], separators=(",", ":"))
    match column.type:
        case Boolean():
            return False
        case Integer():
            return 900_000 + number
        case Float():
            return 1.0
        case DateTime():
            return datetime(2026, 11, 20, 12)  # noqa: DTZ001  as it is stored
        case JSON():
            return {"text": mark}
        case LargeBinary():
            return f"{mark} {column.name} {number}".encode()
        case String(length=27):
            return "2026-11-20T12:00:00.000000Z"
        case kind if kind.python_type is str:
            return f"{mark}{number} {column.name}"[: column.type.length]
    raise AssertionError(f"no mark for {column}")


def _append(tenant: str, text: str) -> Append:
    return notes(f"{tenant}/charger_condition/bay-1", [text])
