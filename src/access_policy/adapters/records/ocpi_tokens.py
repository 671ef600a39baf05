"""Tokens of drivers that partners pushed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, select

from access_policy.adapters.records.ocpi_tables import DRIVER_TOKENS, METADATA, PURPOSE
from access_policy.adapters.records.sealing import Sealing
from access_policy.adapters.records.tables import RecordTables, as_text, only_one
from access_policy.adapters.sql.databases import upsert_into
from access_policy.application.ports.ocpi import DriverToken
from access_policy.application.ports.partners import PartnerKey
from access_policy.domain.identifiers import IdentifierRef

ASKED_MAX: Final = 500  # per statement


class SqlOcpiTokens:
    """Implements `OcpiTokens`."""

    def __init__(self, where: Path | str, master_key: bytes) -> None:
        self._tables = RecordTables(where, METADATA)
        self._sealing = Sealing(master_key, DriverToken, PURPOSE)

    async def find(self, key: PartnerKey, ref: IdentifierRef) -> DriverToken | None:
        asked = select(DRIVER_TOKENS).where(*_this(key, ref))
        row = await self._tables.read(lambda connection: connection.execute(asked).first())
        return None if row is None else self._sealing.open(row.sealed, *key, ref.kind.value, ref.pseudonym)

    async def find_many(self, key: PartnerKey, refs: Sequence[IdentifierRef]) -> list[DriverToken]:
        def read(connection: Connection) -> list[Any]:
            rows: list[Any] = []
            for begin in range(0, len(refs), ASKED_MAX):
                asked = [each.pseudonym for each in refs[begin : begin + ASKED_MAX]]
                some = select(DRIVER_TOKENS).where(*_of(key), DRIVER_TOKENS.c.pseudonym.in_(asked))
                rows += connection.execute(some)
            return rows

        found = await self._tables.read(read)
        tokens = [self._sealing.open(each.sealed, *key, each.kind, each.pseudonym) for each in found]
        wanted = {(each.kind, each.pseudonym) for each in refs}
        return [each for each in tokens if (each.ref.kind, each.ref.pseudonym) in wanted]

    async def put(self, token: DriverToken, *, tokens_max: int) -> bool:
        key, ref = token.key, token.ref
        content = {
            "updated_at": as_text(token.updated_at),
            "sealed": self._sealing.seal(token, *key, ref.kind.value, ref.pseudonym),
        }
        row = {"tenant_id": key[0], "partner_id": key[1], "kind": ref.kind.value, "pseudonym": ref.pseudonym, **content}

        def write(connection: Connection) -> bool:
            only_one(connection, "ocpi tokens", *key)
            is_new = connection.execute(select(DRIVER_TOKENS.c.kind).where(*_this(key, ref))).first() is None
            counted = select(func.count()).select_from(DRIVER_TOKENS).where(*_of(key))
            if is_new and connection.execute(counted).scalar_one() >= tokens_max:
                return False
            new = upsert_into(DRIVER_TOKENS, connection.dialect).values(**row)
            named = [DRIVER_TOKENS.c[each] for each in ("tenant_id", "partner_id", "kind", "pseudonym")]
            connection.execute(new.on_conflict_do_update(index_elements=named, set_=content))
            return True

        return await self._tables.write(write)

    async def close(self) -> None:
        await self._tables.close()


def _of(key: PartnerKey) -> tuple[Any, Any]:
    return DRIVER_TOKENS.c.tenant_id == key[0], DRIVER_TOKENS.c.partner_id == key[1]


def _this(key: PartnerKey, ref: IdentifierRef) -> tuple[Any, ...]:
    return *_of(key), DRIVER_TOKENS.c.kind == ref.kind.value, DRIVER_TOKENS.c.pseudonym == ref.pseudonym
