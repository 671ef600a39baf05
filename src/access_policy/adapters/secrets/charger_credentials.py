"""Passwords of chargers: keyed hashes in an SQLite file, the key beside it in a file of its own."""

from __future__ import annotations

import hmac
import re
from pathlib import Path
from typing import Final

from access_policy.adapters.secrets.sqlite_file import TIMEOUT_S, SecretsFile
from access_policy.domain.ids import ChargePointId

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS charger_password (
    charge_point_id TEXT PRIMARY KEY, of_text BLOB NOT NULL, of_bytes BLOB NOT NULL)
"""
_NOTHING: Final = (b"", b"")

# OCPP 1.6's AuthorizationKey: 20 bytes, written as 40 hex digits. Chargers present the bytes or the digits.
_AUTHORIZATION_KEY: Final = re.compile(r"[0-9A-Fa-f]{40}")


class SqliteChargerCredentials:
    """Implements `ChargerCredentials`. Passwords are random keys of high entropy, so a fast keyed hash serves
    (OWASP, password storage). Raises `StoreUnavailable`."""

    def __init__(self, path: Path, key: bytes, *, timeout_s: float = TIMEOUT_S) -> None:
        self._key = key
        self._file = SecretsFile(path, _SCHEMA, timeout_s=timeout_s)

    async def set_password(self, charge_point_id: ChargePointId, password: str) -> None:
        """Text as it is presented, or 40 hex digits, then also accepted as the 20 bytes they spell."""
        as_text = password.encode()
        as_bytes = bytes.fromhex(password) if _AUTHORIZATION_KEY.fullmatch(password) else as_text
        row = (charge_point_id, self._hash(charge_point_id, as_text), self._hash(charge_point_id, as_bytes))
        await self._file.run(
            lambda connection: connection.execute("INSERT OR REPLACE INTO charger_password VALUES (?, ?, ?)", row)
        )

    async def clear(self, charge_point_id: ChargePointId) -> None:
        await self._file.run(
            lambda connection: connection.execute(
                "DELETE FROM charger_password WHERE charge_point_id = ?", (charge_point_id,)
            )
        )

    async def verify(self, charge_point_id: ChargePointId, presented: bytes | None) -> bool | None:
        """An unknown charger takes as long as a wrong password."""
        row = await self._file.run(
            lambda connection: connection.execute(
                "SELECT of_text, of_bytes FROM charger_password WHERE charge_point_id = ?", (charge_point_id,)
            ).fetchone()
        )
        of_text, of_bytes = row or _NOTHING
        hashed = self._hash(charge_point_id, presented or b"")
        fits = hmac.compare_digest(hashed, of_text) | hmac.compare_digest(hashed, of_bytes)
        if row is None:
            return None
        return fits and presented is not None

    async def close(self) -> None:
        await self._file.close()

    def _hash(self, charge_point_id: ChargePointId, password: bytes) -> bytes:
        return hmac.digest(self._key, charge_point_id.encode() + b"\0" + password, "sha256")
