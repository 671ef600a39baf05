"""Values of unknown identifiers, encrypted, in separate tables with a retention period (ADR 0007)."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table, delete, select

from access_policy.adapters.records.tables import TIMEOUT_S, RecordTables, as_text, only_one
from access_policy.adapters.secrets.key_files import derived_key
from access_policy.adapters.sql.databases import TEXT, upsert_into
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.domain.identifiers import (
    Identifier,
    IdentifierInvalid,
    IdentifierKind,
    IdentifierRef,
    identifier,
)
from access_policy.domain.ids import TenantId

logger = logging.getLogger(__name__)

WRITTEN_AGAIN_AFTER: Final = timedelta(hours=1)  # the retention period counts from the last attempt, within an hour
PENDING_MAX: Final = 1_000
RECENT_MAX: Final = 10_000
ROWS_MAX: Final = 10_000  # per tenant; the least recently seen are dropped first
NONCE_BYTES: Final = 12

METADATA = MetaData()
_VALUES = Table(
    "unknown_identifier",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("pseudonym", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("seen_at", TEXT, nullable=False),
)


@dataclass(frozen=True, slots=True)
class _Row:
    tenant_id: TenantId
    pseudonym: str
    kind: IdentifierKind
    sealed: bytes
    seen_at: str


class SqlUnknownIdentifiers:
    """Implements `UnknownIdentifiers`. `remember` queues the value; one task writes everything queued in one transaction."""

    def __init__(
        self, where: Path | str, master_key: bytes, *, retention: timedelta, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._cipher = AESGCM(derived_key(master_key, "unknown identifiers"))
        self._retention = retention
        self._tables = RecordTables(where, METADATA, timeout_s=timeout_s)
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
        self._pending[key] = _Row(*key, value.kind, self._seal(tenant_id, ref.pseudonym, value), as_text(at))
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_pending(), name="unknown identifiers")

    async def values(
        self, tenant_id: TenantId, pseudonyms: Collection[str], *, now: datetime
    ) -> Mapping[str, Identifier]:
        await self._written()
        asked = select(_VALUES).where(
            _VALUES.c.tenant_id == tenant_id,
            _VALUES.c.pseudonym.in_(list(pseudonyms)),
            _VALUES.c.seen_at >= as_text(now - self._retention),
        )
        rows = await self._tables.read(lambda connection: connection.execute(asked).all())
        opened = {
            row.pseudonym: self._open(tenant_id, row.pseudonym, IdentifierKind(row.kind), row.sealed) for row in rows
        }
        return {pseudonym: value for pseudonym, value in opened.items() if value is not None}

    async def forget(self, tenant_id: TenantId, pseudonym: str) -> None:
        await self._written()
        self._recent.pop((tenant_id, pseudonym), None)

        forgotten = delete(_VALUES).where(_VALUES.c.tenant_id == tenant_id, _VALUES.c.pseudonym == pseudonym)
        await self._tables.write(lambda connection: connection.execute(forgotten))
        await self._tables.wipe(_VALUES)

    async def forget_old(self, *, now: datetime) -> int:
        old = delete(_VALUES).where(_VALUES.c.seen_at < as_text(now - self._retention))
        gone = await self._tables.write(lambda connection: connection.execute(old).rowcount)
        if gone:
            await self._tables.wipe(_VALUES)
        return gone

    async def close(self) -> None:
        await self._written()
        await self._tables.close()

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
        def write(connection: Connection) -> None:
            only_one(connection, "unknown_identifier")  # one process at a time counts the excess
            put = upsert_into(_VALUES, connection.dialect)
            then = {name: put.excluded[name] for name in ("kind", "sealed", "seen_at")}
            put = put.on_conflict_do_update(index_elements=["tenant_id", "pseudonym"], set_=then)
            connection.execute(put, [asdict(row) for row in rows])
            for tenant_id in {row.tenant_id for row in rows}:
                _delete_beyond(connection, tenant_id)

        try:
            await self._tables.write(write)
        except StoreUnavailable as trouble:  # the next attempt queues the value again
            logger.warning("values of %d unknown identifiers could not be stored: %s", len(rows), trouble)
            for row in rows:
                self._recent.pop((row.tenant_id, row.pseudonym), None)

    def _seal(self, tenant_id: TenantId, pseudonym: str, value: Identifier) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value.as_spelled.encode(), f"{tenant_id}\0{pseudonym}".encode())

    def _open(self, tenant_id: TenantId, pseudonym: str, kind: IdentifierKind, sealed: bytes) -> Identifier | None:
        """Decrypt a value; None if it was sealed with another key."""
        try:
            plain = self._cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], f"{tenant_id}\0{pseudonym}".encode()
            )
        except (InvalidTag, ValueError):
            logger.warning("the value of an unknown identifier cannot be decrypted; it is treated as not stored")
            return None
        try:
            return identifier(kind, plain.decode())
        except IdentifierInvalid:
            logger.warning(
                "the value of an unknown identifier is no longer valid for its kind; it is treated as not stored"
            )
            return None


def _delete_beyond(connection: Connection, tenant_id: TenantId) -> None:
    seen_longest_ago = (
        select(_VALUES.c.pseudonym)
        .where(_VALUES.c.tenant_id == tenant_id)
        .order_by(_VALUES.c.seen_at.desc(), _VALUES.c.pseudonym)
        .offset(ROWS_MAX)
    )
    connection.execute(
        delete(_VALUES).where(_VALUES.c.tenant_id == tenant_id, _VALUES.c.pseudonym.in_(seen_longest_ago))
    )
