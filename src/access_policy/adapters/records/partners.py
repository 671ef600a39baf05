"""Partners, found by their id or by the hash of a token."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    Select,
    Table,
    delete,
    insert,
    select,
    update,
)

from access_policy.adapters.records.pending_events import SqlPendingEvents, add_pending
from access_policy.adapters.records.sealing import Sealing
from access_policy.adapters.records.tables import RecordTables, only_one
from access_policy.adapters.sql.databases import TEXT
from access_policy.application.ports.partners import PartnerKey
from access_policy.application.ports.pending_events import PendingEvent
from access_policy.domain.ids import TenantId

Of = TypeVar("Of")


def partners_table(metadata: MetaData, name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("tenant_id", TEXT, primary_key=True),
        Column("partner_id", TEXT, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
    )


def partner_tokens_table(metadata: MetaData, of: str) -> Table:
    """Define the table of the token hashes of the partners in the table `of`."""
    return Table(
        f"{of}_token",
        metadata,
        Column("digest", TEXT, primary_key=True),
        Column("tenant_id", TEXT, nullable=False),
        Column("partner_id", TEXT, nullable=False),
        Index(f"{of}_token_of_partner", "tenant_id", "partner_id"),
    )


class SqlPartners(Generic[Of]):
    """Implements `Partners`. `pending` contains the events of changes. Rows of the tables in `beside` are removed with their
    partner.
    """

    def __init__(
        self,
        where: Path | str,
        sealing: Sealing[Of],
        partners: Table,
        tokens: Table,
        pending: Table,
        beside: Sequence[Table] = (),
    ) -> None:
        self._tables = RecordTables(where, partners.metadata)
        self._sealing = sealing
        self._partners = partners
        self._tokens = tokens
        self._pending = pending
        self._beside = beside
        self.pending = SqlPendingEvents(self._tables, pending)

    async def all(self) -> list[Of]:
        return await self._read(select(self._partners))

    async def of_tenant(self, tenant_id: TenantId) -> list[Of]:
        return await self._read(select(self._partners).where(self._partners.c.tenant_id == tenant_id))

    async def find(self, key: PartnerKey) -> Of | None:
        found = await self._read(select(self._partners).where(*of_key(self._partners, key)))
        return found[0] if found else None

    async def with_token(self, digests: Sequence[str]) -> Of | None:
        tokens, partners = self._tokens.c, self._partners.c
        its = (partners.tenant_id == tokens.tenant_id) & (partners.partner_id == tokens.partner_id)
        asked = select(self._partners).join(self._tokens, its).where(tokens.digest.in_(list(digests)))
        found = await self._read(asked)
        return found[0] if found else None

    async def put(self, partner: Any, *, expected: int, event: PendingEvent | None) -> bool:
        key, table = partner.key, self._partners
        row = {"version": partner.version, "sealed": self._sealing.seal(partner, *key)}

        def write(connection: Connection) -> bool:
            only_one(connection, table.name, *key)
            current = connection.execute(select(table.c.version).where(*of_key(table, key))).scalar() or 0
            if current != expected:
                return False
            if current == 0:
                connection.execute(insert(table).values(tenant_id=key[0], partner_id=key[1], **row))
            else:
                connection.execute(update(table).where(*of_key(table, key)).values(**row))
            connection.execute(delete(self._tokens).where(*of_key(self._tokens, key)))
            for digest in partner.digests:
                connection.execute(insert(self._tokens).values(digest=digest, tenant_id=key[0], partner_id=key[1]))
            add_pending(connection, self._pending, event)
            return True

        return await self._tables.write(write)

    async def remove(self, key: PartnerKey, *, event: PendingEvent) -> None:
        def write(connection: Connection) -> None:
            removed = [
                connection.execute(delete(table).where(*of_key(table, key))).rowcount
                for table in (self._partners, self._tokens, *self._beside)
            ]
            if removed[0]:
                add_pending(connection, self._pending, event)

        await self._tables.write(write)
        for table in (self._partners, *self._beside):
            await self._tables.wipe(table)

    async def close(self) -> None:
        await self._tables.close()

    async def _read(self, asked: Select[Any]) -> list[Of]:
        ordered = asked.order_by(self._partners.c.tenant_id, self._partners.c.partner_id)
        rows = await self._tables.read(lambda connection: connection.execute(ordered).all())
        return [self._sealing.open(row.sealed, row.tenant_id, row.partner_id) for row in rows]


def of_key(table: Table, key: PartnerKey) -> tuple[Any, Any]:
    return table.c.tenant_id == key[0], table.c.partner_id == key[1]
