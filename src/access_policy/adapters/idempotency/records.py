"""Answers kept for a day (port `IdempotencyRecords`), so that a repeated command is answered as the first one was."""

from __future__ import annotations

import hmac
import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

from access_policy.adapters.secrets.key_files import derived_key
from access_policy.adapters.secrets.sqlite_file import SecretsFile
from access_policy.application.ports.idempotency import StoredAnswer

KEPT_FOR = timedelta(days=1)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
  scope TEXT NOT NULL, key TEXT NOT NULL, kept_at REAL NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
  headers TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (scope, key)
)
"""


class SqliteIdempotencyRecords:
    def __init__(self, path: Path, master_key: bytes) -> None:
        self._key = derived_key(master_key, "idempotency fingerprints")
        self._file = SecretsFile(path, _SCHEMA)

    def fingerprint_of(self, request: bytes) -> str:
        return hmac.digest(self._key, request, "sha256").hex()

    async def find(self, scope: str, key: str, *, now: datetime) -> StoredAnswer | None:
        oldest = (now - KEPT_FOR).timestamp()

        def read(connection: sqlite3.Connection) -> StoredAnswer | None:
            row = connection.execute(
                "SELECT fingerprint, status, headers, body FROM answers WHERE scope=? AND key=? AND kept_at>?",
                (scope, key, oldest),
            ).fetchone()
            return None if row is None else StoredAnswer(row[0], row[1], json.loads(row[2]), row[3])

        return await self._file.run(read)

    async def keep(self, scope: str, key: str, answer: StoredAnswer, *, now: datetime) -> None:
        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM answers WHERE kept_at<=?", ((now - KEPT_FOR).timestamp(),))
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?,?,?)",
                (
                    scope,
                    key,
                    now.timestamp(),
                    answer.fingerprint,
                    answer.status,
                    json.dumps(dict(answer.headers)),
                    answer.body,
                ),
            )

        await self._file.run(write)

    async def close(self) -> None:
        await self._file.close()
