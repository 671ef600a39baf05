"""Passwords of chargers: keyed hashes in an SQLite file, the key beside it in a file of its own."""

from __future__ import annotations

import hmac
import re
import sqlite3
from pathlib import Path
from typing import Final

from access_policy.adapters.secrets.sqlite_file import TIMEOUT_S, SecretsFile
from access_policy.domain.ids import ChargePointId

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS charger_password (
    charge_point_id TEXT PRIMARY KEY, of_text BLOB NOT NULL, of_bytes BLOB NOT NULL)
"""
_SCHEMA_OF_PROPOSED: Final = """
CREATE TABLE IF NOT EXISTS proposed_password (
    charge_point_id TEXT PRIMARY KEY, of_text BLOB NOT NULL, of_bytes BLOB NOT NULL)
"""
_CURRENT: Final = "SELECT of_text, of_bytes FROM charger_password WHERE charge_point_id = ?"
_PROPOSED: Final = "SELECT of_text, of_bytes FROM proposed_password WHERE charge_point_id = ?"
_NOTHING: Final = (b"", b"")

# OCPP 1.6's AuthorizationKey: 20 bytes, written as 40 hex digits. Chargers present the bytes or the digits.
_AUTHORIZATION_KEY: Final = re.compile(r"[0-9A-Fa-f]{40}")


class SqliteChargerCredentials:
    """Implements `ChargerCredentials`. Passwords are random keys of high entropy, so a fast keyed hash serves
    (OWASP, password storage). Raises `StoreUnavailable`."""

    def __init__(self, path: Path, key: bytes, *, timeout_s: float = TIMEOUT_S) -> None:
        self._key = key
        self._file = SecretsFile(path, _SCHEMA, _SCHEMA_OF_PROPOSED, timeout_s=timeout_s)

    async def set_password(self, charge_point_id: ChargePointId, password: str) -> None:
        """Text as it is presented, or 40 hex digits, then also accepted as the 20 bytes they spell."""
        row = self._row(charge_point_id, password)

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO charger_password VALUES (?, ?, ?)", row)
            connection.execute("DELETE FROM proposed_password WHERE charge_point_id = ?", (charge_point_id,))

        await self._file.run(write)

    async def propose(self, charge_point_id: ChargePointId, password: str) -> None:
        row = self._row(charge_point_id, password)
        await self._file.run(
            lambda connection: connection.execute("INSERT OR REPLACE INTO proposed_password VALUES (?, ?, ?)", row)
        )

    async def withdraw(self, charge_point_id: ChargePointId) -> None:
        await self._file.run(
            lambda connection: connection.execute(
                "DELETE FROM proposed_password WHERE charge_point_id = ?", (charge_point_id,)
            )
        )

    async def clear(self, charge_point_id: ChargePointId) -> None:
        def delete(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM charger_password WHERE charge_point_id = ?", (charge_point_id,))
            connection.execute("DELETE FROM proposed_password WHERE charge_point_id = ?", (charge_point_id,))

        await self._file.run(delete)

    async def verify(self, charge_point_id: ChargePointId, presented: bytes | None) -> bool | None:
        """An unknown charger takes as long as a wrong password. A proposed password that is used takes the old one's place."""
        current, proposed = await self._file.run(
            lambda connection: (
                connection.execute(_CURRENT, (charge_point_id,)).fetchone(),
                connection.execute(_PROPOSED, (charge_point_id,)).fetchone(),
            )
        )
        hashed = self._hash(charge_point_id, presented or b"")
        fits = _fits(hashed, current or _NOTHING)
        fits_proposed = _fits(hashed, proposed or _NOTHING) and presented is not None
        if fits_proposed:
            await self._promote(charge_point_id)
        if current is None and proposed is None:
            return None
        return fits_proposed or (fits and presented is not None)

    async def _promote(self, charge_point_id: ChargePointId) -> None:
        def promote(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO charger_password SELECT * FROM proposed_password WHERE charge_point_id = ?",
                (charge_point_id,),
            )
            connection.execute("DELETE FROM proposed_password WHERE charge_point_id = ?", (charge_point_id,))

        await self._file.run(promote)

    def _row(self, charge_point_id: ChargePointId, password: str) -> tuple[str, bytes, bytes]:
        as_text = password.encode()
        as_bytes = bytes.fromhex(password) if _AUTHORIZATION_KEY.fullmatch(password) else as_text
        return (charge_point_id, self._hash(charge_point_id, as_text), self._hash(charge_point_id, as_bytes))

    async def close(self) -> None:
        await self._file.close()

    def _hash(self, charge_point_id: ChargePointId, password: bytes) -> bytes:
        return hmac.digest(self._key, charge_point_id.encode() + b"\0" + password, "sha256")


def _fits(hashed: bytes, known: tuple[bytes, bytes]) -> bool:
    of_text, of_bytes = known
    return hmac.compare_digest(hashed, of_text) | hmac.compare_digest(hashed, of_bytes)
