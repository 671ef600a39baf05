"""Passwords of chargers as keyed hashes; the key lies in a file of the data directory."""

from __future__ import annotations

import hmac
import re
from pathlib import Path
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    MetaData,
    Table,
    bindparam,
    delete,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from access_policy.adapters.databases import TEXT, upsert_into
from access_policy.adapters.small_tables import TIMEOUT_S, SmallTables
from access_policy.domain.ids import ChargePointId

METADATA = MetaData()


def _passwords(name: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("charge_point_id", TEXT, primary_key=True),
        Column("of_text", LargeBinary, nullable=False),
        Column("of_bytes", LargeBinary, nullable=False),
    )


_CURRENT = _passwords("charger_password")
_PROPOSED = _passwords(
    "proposed_password"
)  # who changes both tables changes this one first: no two wait for each other
_BOTH: Final = union_all(
    *(
        select(literal_column(f"'{table.name}'").label("kept_in"), table.c.of_text, table.c.of_bytes).where(
            table.c.charge_point_id == bindparam("charger")
        )
        for table in (_CURRENT, _PROPOSED)
    )
)
_NOTHING: Final = (b"", b"")

# OCPP 1.6's AuthorizationKey: 20 bytes, written as 40 hex digits. Chargers present the bytes or the digits.
_AUTHORIZATION_KEY: Final = re.compile(r"[0-9A-Fa-f]{40}")


class SqlChargerCredentials:
    """Implements `ChargerCredentials`. Passwords are random keys of high entropy, so a fast keyed hash serves
    (OWASP, password storage). Raises `StoreUnavailable`."""

    def __init__(self, where: Path | str, key: bytes, *, timeout_s: float = TIMEOUT_S) -> None:
        self._key = key
        self._tables = SmallTables(where, METADATA, timeout_s=timeout_s)

    async def set_password(self, charge_point_id: ChargePointId, password: str) -> None:
        """Text as it is presented, or 40 hex digits, then also accepted as the 20 bytes they spell."""
        row = self._row(charge_point_id, password)

        def write(connection: Connection) -> None:
            connection.execute(delete(_PROPOSED).where(_of(_PROPOSED, charge_point_id)))
            _put(connection, _CURRENT, row)

        await self._tables.write(write)

    async def propose(self, charge_point_id: ChargePointId, password: str) -> None:
        row = self._row(charge_point_id, password)
        await self._tables.write(lambda connection: _put(connection, _PROPOSED, row))

    async def withdraw(self, charge_point_id: ChargePointId) -> None:
        withdrawn = delete(_PROPOSED).where(_of(_PROPOSED, charge_point_id))
        await self._tables.write(lambda connection: connection.execute(withdrawn))

    async def clear(self, charge_point_id: ChargePointId) -> None:
        def write(connection: Connection) -> None:
            for table in (_PROPOSED, _CURRENT):
                connection.execute(delete(table).where(_of(table, charge_point_id)))

        await self._tables.write(write)

    async def verify(self, charge_point_id: ChargePointId, presented: bytes | None) -> bool | None:
        """An unknown charger takes as long as a wrong password. A proposed password that is used takes the old one's place."""
        rows = await self._tables.read(lambda connection: connection.execute(_BOTH, {"charger": charge_point_id}).all())
        known = {row.kept_in: (row.of_text, row.of_bytes) for row in rows}
        current, proposed = known.get(_CURRENT.name), known.get(_PROPOSED.name)
        hashed = self._hash(charge_point_id, presented or b"")
        fits = _fits(hashed, current or _NOTHING)
        fits_proposed = _fits(hashed, proposed or _NOTHING) and presented is not None
        if fits_proposed and proposed is not None:
            await self._promote(charge_point_id, proposed)
        if current is None and proposed is None:
            return None
        return fits_proposed or (fits and presented is not None)

    async def _promote(self, charge_point_id: ChargePointId, used: tuple[bytes, bytes]) -> None:
        """Unless it was replaced, withdrawn or promoted meanwhile."""
        of_text, of_bytes = used
        taken = delete(_PROPOSED).where(_of(_PROPOSED, charge_point_id), _PROPOSED.c.of_text == of_text)
        row: dict[str, str | bytes] = {"charge_point_id": charge_point_id, "of_text": of_text, "of_bytes": of_bytes}

        def promote(connection: Connection) -> None:
            if connection.execute(taken).rowcount:
                _put(connection, _CURRENT, row)

        await self._tables.write(promote)

    async def close(self) -> None:
        await self._tables.close()

    def _row(self, charge_point_id: ChargePointId, password: str) -> dict[str, str | bytes]:
        as_text = password.encode()
        as_bytes = bytes.fromhex(password) if _AUTHORIZATION_KEY.fullmatch(password) else as_text
        return {
            "charge_point_id": charge_point_id,
            "of_text": self._hash(charge_point_id, as_text),
            "of_bytes": self._hash(charge_point_id, as_bytes),
        }

    def _hash(self, charge_point_id: ChargePointId, password: bytes) -> bytes:
        return hmac.digest(self._key, charge_point_id.encode() + b"\0" + password, "sha256")


def _of(table: Table, charge_point_id: ChargePointId) -> ColumnElement[bool]:
    return table.c.charge_point_id == charge_point_id


def _put(connection: Connection, table: Table, row: dict[str, str | bytes]) -> None:
    put = upsert_into(table, connection.dialect).values(row)
    connection.execute(put.on_conflict_do_update(index_elements=["charge_point_id"], set_=row))


def _fits(hashed: bytes, known: tuple[bytes, bytes]) -> bool:
    of_text, of_bytes = known
    return hmac.compare_digest(hashed, of_text) | hmac.compare_digest(hashed, of_bytes)
