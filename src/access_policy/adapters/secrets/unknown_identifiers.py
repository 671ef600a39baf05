"""Values of identifiers that nobody has, encrypted in an SQLite file with a retention period (ADR 0007)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from access_policy.adapters.secrets.key_files import derived_key
from access_policy.adapters.secrets.sqlite_file import TIMEOUT_S, SecretsFile, wipe_deleted
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.identifiers import Identifier, IdentifierKind, IdentifierRef
from access_policy.domain.ids import TenantId

logger = logging.getLogger(__name__)

WRITTEN_AGAIN_AFTER: Final = timedelta(hours=1)  # the retention period counts from the last attempt, to the hour
PENDING_MAX: Final = 1_000
RECENT_MAX: Final = 10_000
ROWS_MAX: Final = 10_000  # of a tenant; the ones seen longest ago go first
NONCE_BYTES: Final = 12

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS unknown_identifier (
    tenant_id TEXT NOT NULL, pseudonym TEXT NOT NULL, kind TEXT NOT NULL, sealed BLOB NOT NULL, seen_at TEXT NOT NULL,
    PRIMARY KEY (tenant_id, pseudonym))
"""


@dataclass(frozen=True, slots=True)
class _Row:
    tenant_id: TenantId
    pseudonym: str
    kind: IdentifierKind
    sealed: bytes
    seen_at: str


class SqliteUnknownIdentifiers:
    """Implements `UnknownIdentifiers`. `remember` hands over to one task that writes what has come together."""

    def __init__(self, path: Path, master_key: bytes, *, retention: timedelta, timeout_s: float = TIMEOUT_S) -> None:
        self._cipher = AESGCM(derived_key(master_key, "unknown identifiers"))
        self._retention = retention
        self._file = SecretsFile(path, _SCHEMA, timeout_s=timeout_s)
        self._pending: dict[tuple[TenantId, str], _Row] = {}
        self._recent: OrderedDict[tuple[TenantId, str], datetime] = OrderedDict()
        self._writing: asyncio.Task[None] | None = None

    def remember(self, tenant_id: TenantId, ref: IdentifierRef, value: Identifier, *, at: datetime) -> None:
        key = (tenant_id, ref.pseudonym)
        written = self._recent.get(key)
        too_soon = written is not None and at - written < WRITTEN_AGAIN_AFTER
        if value.kind is IdentifierKind.PIN or too_soon or len(self._pending) >= PENDING_MAX:
            return
        self._recent[key] = at
        self._recent.move_to_end(key)
        if len(self._recent) > RECENT_MAX:
            self._recent.popitem(last=False)
        self._pending[key] = _Row(*key, value.kind, self._seal(tenant_id, ref.pseudonym, value), _text(at))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_pending(), name="unknown identifiers")

    async def values(
        self, tenant_id: TenantId, pseudonyms: Collection[str], *, now: datetime
    ) -> Mapping[str, Identifier]:
        await self._written()
        since = _text(now - self._retention)

        def read(connection: sqlite3.Connection) -> list[tuple[str, str, bytes]]:
            query = "SELECT pseudonym, kind, sealed FROM unknown_identifier WHERE tenant_id=? AND pseudonym=? AND seen_at>=?"
            found = [connection.execute(query, (tenant_id, each, since)).fetchone() for each in pseudonyms]
            return [row for row in found if row is not None]

        rows = await self._file.run(read)
        opened = {
            pseudonym: self._open(tenant_id, pseudonym, IdentifierKind(kind), sealed)
            for pseudonym, kind, sealed in rows
        }
        return {pseudonym: value for pseudonym, value in opened.items() if value is not None}

    async def forget(self, tenant_id: TenantId, pseudonym: str) -> None:
        await self._written()
        self._recent.pop((tenant_id, pseudonym), None)

        def delete(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM unknown_identifier WHERE tenant_id = ? AND pseudonym = ?", (tenant_id, pseudonym)
            )
            wipe_deleted(connection)

        await self._file.run(delete)

    async def forget_old(self, *, now: datetime) -> int:
        before = _text(now - self._retention)

        def delete(connection: sqlite3.Connection) -> int:
            gone = connection.execute("DELETE FROM unknown_identifier WHERE seen_at < ?", (before,)).rowcount
            if gone:
                wipe_deleted(connection)
            return gone

        return await self._file.run(delete)

    async def close(self) -> None:
        await self._written()
        await self._file.close()

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.shield(self._writing)

    async def _write_pending(self) -> None:
        try:
            while self._pending:
                rows, self._pending = list(self._pending.values()), {}
                await self._write(rows)
        finally:
            self._writing = None

    async def _write(self, rows: list[_Row]) -> None:
        def write(connection: sqlite3.Connection) -> None:
            values = [(row.tenant_id, row.pseudonym, row.kind.value, row.sealed, row.seen_at) for row in rows]
            connection.execute("BEGIN")
            try:
                connection.executemany("INSERT OR REPLACE INTO unknown_identifier VALUES (?, ?, ?, ?, ?)", values)
                for tenant_id in {row.tenant_id for row in rows}:
                    connection.execute(_DELETE_BEYOND, (tenant_id, tenant_id, ROWS_MAX))
                connection.execute("COMMIT")
            except sqlite3.Error:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

        try:
            await self._file.run(write)
        except StoreUnavailable as trouble:  # the next attempt brings the value again
            logger.warning("values of %d unknown identifiers are not kept: %s", len(rows), trouble)
            for row in rows:
                self._recent.pop((row.tenant_id, row.pseudonym), None)

    def _seal(self, tenant_id: TenantId, pseudonym: str, value: Identifier) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value.value.encode(), f"{tenant_id}\0{pseudonym}".encode())

    def _open(self, tenant_id: TenantId, pseudonym: str, kind: IdentifierKind, sealed: bytes) -> Identifier | None:
        """None for a value that was sealed with another key."""
        try:
            plain = self._cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], f"{tenant_id}\0{pseudonym}".encode()
            )
        except (InvalidTag, ValueError):
            logger.warning("the value of an unknown identifier does not open; it is treated as not kept")
            return None
        return Identifier(kind, plain.decode())


_DELETE_BEYOND: Final = """
DELETE FROM unknown_identifier WHERE tenant_id = ? AND pseudonym IN (
    SELECT pseudonym FROM unknown_identifier WHERE tenant_id = ? ORDER BY seen_at DESC LIMIT -1 OFFSET ?)
"""


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
