"""The audit chain in SQL tables (port `AuditChains`): links, a head for each tenant, and the position reached."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, DateTime, LargeBinary, MetaData, Table, delete, select

from access_policy.adapters.records.tables import RecordTables, as_stored, only_one
from access_policy.adapters.sql.databases import TEXT, upsert_into
from access_policy.application.ports.audit_chains import Chained, ChainHead, ChainState, Link, StoredHead
from access_policy.domain.ids import TenantId

ENTRY: Final = struct.Struct(">Q32s")
LOG: Final = "log"  # the only row of `audit_position`

METADATA = MetaData()
_LINKS = Table(
    "audit_links",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("entries", LargeBinary, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("chained_at", DateTime, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
_HEADS = Table(
    "audit_heads",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)
_POSITION = Table(
    "audit_position",
    METADATA,
    Column("name", TEXT, primary_key=True),
    Column("position", BigInteger, nullable=False),
)


class SqlAuditChains:
    """Implements `AuditChains`. Other code does not write these tables, and the decision path does not use them."""

    def __init__(self, where: Path | str) -> None:
        self._tables = RecordTables(where, METADATA)

    async def state(self) -> ChainState:
        def read(connection: Connection) -> ChainState:
            heads = {TenantId(row.tenant_id): _stored_head(row) for row in connection.execute(select(_HEADS))}
            return ChainState(reached=_reached(connection), heads=heads)

        return await self._tables.read(read)

    async def tenants(self) -> frozenset[TenantId]:
        asked = select(_LINKS.c.tenant_id).distinct()
        found = await self._tables.read(lambda connection: connection.execute(asked).scalars().all())
        return frozenset(map(TenantId, found))

    async def extend(self, links: Sequence[Link], heads: Sequence[StoredHead], *, after: int, reached: int) -> bool:
        def write(connection: Connection) -> bool:
            only_one(connection, "audit_chain")
            if _reached(connection) != after:
                return False
            if links:
                connection.execute(_LINKS.insert(), [_link_row(each) for each in links])
                put = upsert_into(_HEADS, connection.dialect)
                then = {name: put.excluded[name] for name in ("number", "total", "position", "hash", "seal")}
                put = put.on_conflict_do_update(index_elements=["tenant_id"], set_=then)
                connection.execute(put, [_head_row(each) for each in heads])
            at = upsert_into(_POSITION, connection.dialect).values(name=LOG, position=reached)
            connection.execute(at.on_conflict_do_update(index_elements=["name"], set_={"position": reached}))
            return True

        return await self._tables.write(write)

    async def links(self, tenant_id: TenantId, *, after: int, limit: int) -> list[Link]:
        asked = select(_LINKS).where(_LINKS.c.tenant_id == tenant_id, _LINKS.c.number > after)
        asked = asked.order_by(_LINKS.c.number).limit(limit)
        return await self._tables.read(lambda connection: [_link(row) for row in connection.execute(asked)])

    async def erase(self, tenant_id: TenantId) -> None:
        def write(connection: Connection) -> None:
            only_one(connection, "audit_chain")
            for table in (_LINKS, _HEADS):
                connection.execute(delete(table).where(table.c.tenant_id == tenant_id))

        await self._tables.write(write)

    async def close(self) -> None:
        await self._tables.close()


def _reached(connection: Connection) -> int:
    return int(connection.execute(select(_POSITION.c.position).where(_POSITION.c.name == LOG)).scalar() or 0)


def _link_row(link: Link) -> dict[str, object]:
    return {
        "tenant_id": link.tenant_id,
        "number": link.number,
        "entries": b"".join(ENTRY.pack(*each) for each in link.entries),
        "total": link.total,
        "chained_at": as_stored(link.chained_at),
        "hash": link.hash,
    }


def _link(row: Any) -> Link:
    """Read a link. Incomplete entries at the end are dropped; the hash then does not match."""
    whole = len(row.entries) // ENTRY.size * ENTRY.size
    return Link(
        tenant_id=TenantId(row.tenant_id),
        number=row.number,
        entries=tuple(Chained(*each) for each in ENTRY.iter_unpack(bytes(row.entries)[:whole])),
        total=row.total,
        chained_at=row.chained_at.replace(tzinfo=UTC),
        hash=bytes(row.hash),
    )


def _head_row(stored: StoredHead) -> dict[str, object]:
    head = stored.head
    return {
        "tenant_id": head.tenant_id,
        "number": head.number,
        "total": head.total,
        "position": head.position,
        "hash": head.hash,
        "seal": stored.seal,
    }


def _stored_head(row: Any) -> StoredHead:
    head = ChainHead(
        tenant_id=TenantId(row.tenant_id),
        number=row.number,
        total=row.total,
        position=row.position,
        hash=bytes(row.hash),
    )
    return StoredHead(head=head, seal=bytes(row.seal))
