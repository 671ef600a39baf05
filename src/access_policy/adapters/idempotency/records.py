"""Answers kept for a day (port `IdempotencyRecords`), so that a repeated command is answered as the first one was."""

from __future__ import annotations

import hmac
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, Float, Index, Integer, LargeBinary, MetaData, Table, delete, select

from access_policy.adapters.databases import TEXT, upsert_into
from access_policy.adapters.secrets.key_files import derived_key
from access_policy.adapters.small_tables import SmallTables
from access_policy.application.ports.idempotency import StoredAnswer

KEPT_FOR: Final = timedelta(days=1)

METADATA = MetaData()
_ANSWERS = Table(
    "answers",
    METADATA,
    Column("scope", TEXT, primary_key=True),
    Column("key", TEXT, primary_key=True),
    Column("kept_at", Float, nullable=False),  # seconds since 1970
    Column("fingerprint", TEXT, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", TEXT, nullable=False),  # JSON
    Column("body", LargeBinary, nullable=False),
)
Index("answers_by_age", _ANSWERS.c.kept_at)


class SqlIdempotencyRecords:
    """Implements `IdempotencyRecords`. Raises `StoreUnavailable`."""

    def __init__(self, where: Path | str, master_key: bytes) -> None:
        self._key = derived_key(master_key, "idempotency fingerprints")
        self._tables = SmallTables(where, METADATA)

    def fingerprint_of(self, request: bytes) -> str:
        return hmac.digest(self._key, request, "sha256").hex()

    async def find(self, scope: str, key: str, *, now: datetime) -> StoredAnswer | None:
        this = (_ANSWERS.c.scope == scope, _ANSWERS.c.key == key)
        asked = select(_ANSWERS).where(*this, _ANSWERS.c.kept_at > (now - KEPT_FOR).timestamp())
        row = await self._tables.read(lambda connection: connection.execute(asked).first())
        return None if row is None else StoredAnswer(row.fingerprint, row.status, json.loads(row.headers), row.body)

    async def keep(self, scope: str, key: str, answer: StoredAnswer, *, now: datetime) -> None:
        row = {
            "scope": scope,
            "key": key,
            "kept_at": now.timestamp(),
            "fingerprint": answer.fingerprint,
            "status": answer.status,
            "headers": json.dumps(dict(answer.headers)),
            "body": answer.body,
        }
        old = delete(_ANSWERS).where(_ANSWERS.c.kept_at <= (now - KEPT_FOR).timestamp())

        def write(connection: Connection) -> None:
            connection.execute(old)
            put = upsert_into(_ANSWERS, connection.dialect).values(row)
            connection.execute(put.on_conflict_do_update(index_elements=["scope", "key"], set_=row))

        await self._tables.write(write)

    async def close(self) -> None:
        await self._tables.close()
