"""Planned imports in an SQLite file; the rows encrypted with a key of the installation, deleted without a trace."""

from __future__ import annotations

import hmac
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from access_policy.adapters.secrets.key_files import derived_key
from access_policy.adapters.secrets.sqlite_file import SecretsFile, wipe_deleted
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.registry_import.plan import ImportPlan, PlanRecord, PlanRow, PlanState
from access_policy.domain.ids import TenantId

TIMEOUT_S: Final = 30.0  # the rows of a large file are some 20 MB
NONCE_BYTES: Final = 12
CHUNK: Final = 200  # rows encoded or decoded in one call: while it lasts, no other thread gets a turn

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS import_plan (
    tenant_id TEXT NOT NULL, plan_id TEXT NOT NULL, state TEXT NOT NULL, expires_at TEXT NOT NULL, record BLOB NOT NULL,
    body BLOB, PRIMARY KEY (tenant_id, plan_id))
"""


class SqliteImportPlans:
    """Implements `ImportPlans`. Rows written by a program of another shape cannot be applied: `StoreUnavailable` says so."""

    def __init__(self, path: Path, master_key: bytes, *, timeout_s: float = TIMEOUT_S) -> None:
        self._cipher = AESGCM(derived_key(master_key, "import plans"))
        self._fingerprint_key = derived_key(master_key, "import fingerprints")
        self._file = SecretsFile(path, _SCHEMA, timeout_s=timeout_s)
        self._records = msgspec.json.Decoder(PlanRecord)
        self._plans = msgspec.json.Decoder(ImportPlan)
        self._rows = msgspec.json.Decoder(tuple[PlanRow, ...])

    def fingerprint_of(self, tenant_id: TenantId, file: bytes) -> str:
        return hmac.digest(self._fingerprint_key, f"{tenant_id}\0".encode() + file, "sha256").hex()

    async def keep(self, record: PlanRecord, plan: ImportPlan) -> None:
        def write(connection: sqlite3.Connection) -> None:
            row = (*_columns(record), self._encrypted(plan))
            connection.execute("INSERT OR REPLACE INTO import_plan VALUES (?, ?, ?, ?, ?, ?)", row)

        await self._file.run(write)

    async def find(self, tenant_id: TenantId, plan_id: str, *, now: datetime) -> PlanRecord | None:
        row = await self._file.run(
            lambda connection: connection.execute(
                "SELECT record FROM import_plan WHERE tenant_id = ? AND plan_id = ? AND (expires_at > ? OR state = ?)",
                (tenant_id, plan_id, _text(now), PlanState.APPLYING.value),
            ).fetchone()
        )
        return None if row is None else self._records.decode(row[0])

    async def rows(self, record: PlanRecord) -> ImportPlan | None:
        def read(connection: sqlite3.Connection) -> ImportPlan | None:
            row = connection.execute(
                "SELECT body FROM import_plan WHERE tenant_id = ? AND plan_id = ?", (record.tenant_id, record.plan_id)
            ).fetchone()
            return None if row is None or row[0] is None else self._decrypted(record, row[0])

        try:
            return await self._file.run(read)
        except (InvalidTag, zlib.error, msgspec.DecodeError) as error:
            raise StoreUnavailable(f"the rows of import plan {record.plan_id} cannot be read: plan it anew") from error

    async def update(self, record: PlanRecord) -> None:
        tenant_id, plan_id, *columns = _columns(record)

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE import_plan SET state = ?, expires_at = ?, record = ? WHERE tenant_id = ? AND plan_id = ?",
                (*columns, tenant_id, plan_id),
            )

        await self._file.run(write)

    async def end(self, record: PlanRecord) -> None:
        tenant_id, plan_id, *columns = _columns(record)

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE import_plan SET state = ?, expires_at = ?, record = ?, body = NULL "
                "WHERE tenant_id = ? AND plan_id = ?",
                (*columns, tenant_id, plan_id),
            )
            wipe_deleted(connection)

        await self._file.run(write)

    async def unfinished(self) -> Sequence[PlanRecord]:
        found = await self._file.run(
            lambda connection: connection.execute(
                "SELECT record FROM import_plan WHERE state = ?", (PlanState.APPLYING.value,)
            ).fetchall()
        )
        return [self._records.decode(row[0]) for row in found]

    async def forget_old(self, *, now: datetime) -> int:
        def delete(connection: sqlite3.Connection) -> int:
            gone = connection.execute(
                "DELETE FROM import_plan WHERE expires_at <= ? AND state <> ?", (_text(now), PlanState.APPLYING.value)
            ).rowcount
            if gone:
                wipe_deleted(connection)
            return gone

        return await self._file.run(delete)

    async def close(self) -> None:
        await self._file.close()

    def _encrypted(self, plan: ImportPlan) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        lines = [msgspec.json.encode(replace(plan, rows=()))]
        lines += [msgspec.json.encode(chunk) for chunk in _chunks(plan.rows)]
        plain = zlib.compress(b"\n".join(lines), 1)
        return nonce + self._cipher.encrypt(nonce, plain, _bound_to(plan.tenant_id, plan.plan_id))

    def _decrypted(self, record: PlanRecord, sealed: bytes) -> ImportPlan:
        bound_to = _bound_to(record.tenant_id, record.plan_id)
        plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to)
        lines = zlib.decompress(plain).split(b"\n")
        rows = tuple(row for line in lines[1:] for row in self._rows.decode(line))
        return replace(self._plans.decode(lines[0]), rows=rows)


def _chunks(rows: tuple[PlanRow, ...]) -> Iterator[tuple[PlanRow, ...]]:
    for begin in range(0, len(rows), CHUNK):
        yield rows[begin : begin + CHUNK]


def _columns(record: PlanRecord) -> tuple[str, str, str, str, bytes]:
    encoded = msgspec.json.encode(record)
    return (record.tenant_id, record.plan_id, record.state.value, _text(record.expires_at), encoded)


def _bound_to(tenant_id: TenantId, plan_id: str) -> bytes:
    return f"{tenant_id}\0{plan_id}".encode()


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
