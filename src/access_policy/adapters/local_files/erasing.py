"""Erase a tenant from the files of the service's processes: the spool, and the snapshot of the decision view."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from access_policy.adapters.local_files.spool import SpooledAppend
from access_policy.domain.ids import TenantId
from access_policy.domain.tenants.erasure import RemovedFrom

_decoder = msgspec.json.Decoder(list[SpooledAppend])


def erase_from_files(directory: Path, tenant_id: TenantId) -> list[RemovedFrom]:
    """Erase the tenant from the files in `directory`, which belongs to one process. Can be repeated. The whole snapshot is
    removed, because it is a cache of all tenants. Raises `OSError` or `sqlite3.Error`.
    """
    for name in ("view.snapshot", "view.draft"):
        _remove(directory / name)
    spool = directory / "spool.sqlite"
    return [RemovedFrom(place=spool.name, rows=_erase_from_spool(spool, tenant_id))] if spool.exists() else []


def _remove(file: Path) -> None:
    """Overwrite the file before its blocks are freed, then remove it."""
    if not file.exists():
        return
    with file.open("r+b") as opened:
        opened.write(bytes(file.stat().st_size))
        opened.flush()
        os.fsync(opened.fileno())
    file.unlink()


def _erase_from_spool(path: Path, tenant_id: TenantId) -> int:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete=ON").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        rows = sum(
            _erase_from_table(connection, *names, tenant_id)
            for names in (("spooled", "number", "appends"), ("set_aside", "event_id", "append"))
        )
        connection.execute("COMMIT")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return rows


def _erase_from_table(connection: sqlite3.Connection, table: str, key: str, column: str, tenant_id: TenantId) -> int:
    """Remove the tenant's appends, and return their number. A row may contain appends of several tenants."""
    removed = 0
    for number, appends in connection.execute(f"SELECT {key}, {column} FROM {table}").fetchall():  # noqa: S608
        decoded = _decoder.decode(appends)
        kept = [each for each in decoded if not each.stream.startswith(f"{tenant_id}/")]
        if len(kept) == len(decoded):
            continue
        removed += len(decoded) - len(kept)
        if kept:
            change = f"UPDATE {table} SET {column} = ? WHERE {key} = ?"  # noqa: S608
            connection.execute(change, (msgspec.json.encode(kept), number))
        else:
            connection.execute(f"DELETE FROM {table} WHERE {key} = ?", (number,))  # noqa: S608
    return removed
