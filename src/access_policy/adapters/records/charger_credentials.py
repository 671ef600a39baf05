"""Chargers' passwords as keyed hashes; the key is a file in the data directory."""

from __future__ import annotations

import hmac
import json
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

from access_policy.adapters.records.tables import TIMEOUT_S, RecordTables
from access_policy.adapters.sql.databases import TEXT, upsert_into
from access_policy.application.ports.secrets import Holder
from access_policy.domain.ids import ChargePointId

METADATA = MetaData()


def _passwords(name: str) -> Table:
    """Define a table of passwords. `held` names the charge point id and its holder. The column's name dates from before
    passwords had holders. Such old rows contain only the charge point id; they are assigned to the holder at its next login.
    """
    return Table(
        name,
        METADATA,
        Column("charge_point_id", TEXT, primary_key=True, key="held"),
        Column("of_text", LargeBinary, nullable=False),
        Column("of_bytes", LargeBinary, nullable=False),
    )


_CURRENT = _passwords("charger_password")
_PROPOSED = _passwords("proposed_password")  # writers of both tables lock this one first, to avoid deadlocks
_BOTH: Final = (_PROPOSED, _CURRENT)
_ALL: Final = union_all(
    *(
        select(
            literal_column(f"'{table.name}'").label("kept_in"), table.c.held, table.c.of_text, table.c.of_bytes
        ).where(table.c.held.in_((bindparam("held"), bindparam("unheld"))))
        for table in _BOTH
    )
)
_NOTHING: Final = (b"", b"")

# OCPP 1.6's AuthorizationKey: 20 bytes, written as 40 hex digits. Chargers present the bytes or the digits.
_AUTHORIZATION_KEY: Final = re.compile(r"[0-9A-Fa-f]{40}")


class SqlChargerCredentials:
    """Implements `ChargerCredentials`. Passwords are random keys of high entropy, so a fast keyed hash is enough (OWASP,
    password storage). Raises `StoreUnavailable`.
    """

    def __init__(self, where: Path | str, key: bytes, *, timeout_s: float = TIMEOUT_S) -> None:
        self._key = key
        self._tables = RecordTables(where, METADATA, timeout_s=timeout_s)

    async def set_password(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        """Store the password as presented. If it is 40 hex digits, it also matches the 20 bytes that they encode."""
        row = self._row(charge_point_id, holder, password)

        def write(connection: Connection) -> None:
            connection.execute(delete(_PROPOSED).where(_PROPOSED.c.held.in_((row["held"], charge_point_id))))
            connection.execute(delete(_CURRENT).where(_CURRENT.c.held == charge_point_id))
            _put(connection, _CURRENT, row)

        await self._tables.write(write)

    async def propose(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> None:
        row = self._row(charge_point_id, holder, password)

        def write(connection: Connection) -> None:
            _adopt(connection, charge_point_id, holder)
            _put(connection, _PROPOSED, row)

        await self._tables.write(write)

    async def withdraw(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        withdrawn = delete(_PROPOSED).where(_PROPOSED.c.held.in_((_held(charge_point_id, holder), charge_point_id)))
        await self._tables.write(lambda connection: connection.execute(withdrawn))

    async def clear(self, charge_point_id: ChargePointId, holder: Holder) -> None:
        def write(connection: Connection) -> None:
            for table in _BOTH:
                connection.execute(
                    delete(table).where(table.c.held.in_((_held(charge_point_id, holder), charge_point_id)))
                )

        await self._tables.write(write)

    async def verify(self, charge_point_id: ChargePointId, holder: Holder, presented: bytes | None) -> bool | None:
        """Check the password. An unknown charger takes as long as a wrong password. Using a proposed password makes it the
        current one.
        """
        asked = {"held": _held(charge_point_id, holder), "unheld": charge_point_id}
        rows = await self._tables.read(lambda connection: connection.execute(_ALL, asked).all())
        is_adopted = any(row.held == asked["held"] for row in rows)
        known = {row.kept_in: (row.of_text, row.of_bytes) for row in rows if (row.held == asked["held"]) is is_adopted}
        current, proposed = known.get(_CURRENT.name), known.get(_PROPOSED.name)
        hashed = self._hash(charge_point_id, presented or b"")
        fits = _fits(hashed, current or _NOTHING) and presented is not None
        fits_proposed = _fits(hashed, proposed or _NOTHING) and presented is not None
        if (fits or fits_proposed) and not is_adopted:
            await self._tables.write(lambda connection: _adopt(connection, charge_point_id, holder))
        if fits_proposed and proposed is not None:
            await self._promote(asked["held"], proposed)
        if current is None and proposed is None:
            return None
        return fits_proposed or fits

    async def _promote(self, held: str, used: tuple[bytes, bytes]) -> None:
        """Promote the proposed password, unless it has been replaced, withdrawn or promoted."""
        of_text, of_bytes = used
        taken = delete(_PROPOSED).where(_PROPOSED.c.held == held, _PROPOSED.c.of_text == of_text)
        row: dict[str, str | bytes] = {"held": held, "of_text": of_text, "of_bytes": of_bytes}

        def promote(connection: Connection) -> None:
            if connection.execute(taken).rowcount:
                _put(connection, _CURRENT, row)

        await self._tables.write(promote)

    async def close(self) -> None:
        await self._tables.close()

    def _row(self, charge_point_id: ChargePointId, holder: Holder, password: str) -> dict[str, str | bytes]:
        as_text = password.encode()
        as_bytes = bytes.fromhex(password) if _AUTHORIZATION_KEY.fullmatch(password) else as_text
        return {
            "held": _held(charge_point_id, holder),
            "of_text": self._hash(charge_point_id, as_text),
            "of_bytes": self._hash(charge_point_id, as_bytes),
        }

    def _hash(self, charge_point_id: ChargePointId, password: bytes) -> bytes:
        return hmac.digest(self._key, charge_point_id.encode() + b"\0" + password, "sha256")


def _held(charge_point_id: ChargePointId, holder: Holder) -> str:
    return json.dumps([*holder, charge_point_id], ensure_ascii=False, separators=(",", ":"))


def _adopt(connection: Connection, charge_point_id: ChargePointId, holder: Holder) -> None:
    """Assign passwords stored before passwords had holders to the recorded holder."""
    for table in _BOTH:
        taken = delete(table).where(table.c.held == charge_point_id).returning(table.c.of_text, table.c.of_bytes)
        for of_text, of_bytes in connection.execute(taken).all():
            row = {"held": _held(charge_point_id, holder), "of_text": of_text, "of_bytes": of_bytes}
            connection.execute(upsert_into(table, connection.dialect).values(row).on_conflict_do_nothing())


def _put(connection: Connection, table: Table, row: dict[str, str | bytes]) -> None:
    put = upsert_into(table, connection.dialect).values(row)
    connection.execute(put.on_conflict_do_update(index_elements=[table.c.held], set_=row))


def _fits(hashed: bytes, known: tuple[bytes, bytes]) -> bool:
    of_text, of_bytes = known
    return hmac.compare_digest(hashed, of_text) | hmac.compare_digest(hashed, of_bytes)
