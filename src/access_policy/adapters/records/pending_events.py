"""Events stored in the transaction of a record's change until they are in the log."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    delete,
    insert,
    select,
)

from access_policy.adapters.event_stores.serde import DOMAIN_SERDE, UnreadableEvent
from access_policy.adapters.records.tables import RecordTables
from access_policy.adapters.sql.databases import TEXT
from access_policy.application.ports.event_store import NewEvent, StoreUnavailable, StreamId
from access_policy.application.ports.pending_events import PendingEvent

NAME_ENDS: Final = "_event_pending"


def pending_events_table(metadata: MetaData, of: str) -> Table:
    """Define the table of pending events for the records `of`."""
    name = f"{of}{NAME_ENDS}"
    return Table(
        name,
        metadata,
        Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("tenant_id", TEXT, nullable=False),
        Column("stream", TEXT, nullable=False),
        Column("name", TEXT, nullable=False),
        Column("event", LargeBinary, nullable=False),
        Index(f"{name}_of_stream", "stream", "number"),
        sqlite_autoincrement=True,
    )


def add_pending(connection: Connection, table: Table, pending: PendingEvent | None) -> None:
    """Store the event in the change's transaction. If `pending` is None, the change has no event."""
    if pending is None:
        return
    name, state = DOMAIN_SERDE.encode(pending.event.event, pending.event.envelope)
    row = {"tenant_id": pending.event.envelope.tenant_id, "stream": pending.stream, "name": name, "event": state}
    connection.execute(insert(table).values(row))


class SqlPendingEvents:
    """Implements `PendingEvents` over the tables of the records."""

    def __init__(self, tables: RecordTables, table: Table) -> None:
        self._tables = tables
        self._table = table

    async def oldest(self, limit: int, stream: StreamId | None = None) -> list[PendingEvent]:
        asked = select(self._table).order_by(self._table.c.number).limit(limit)
        if stream is not None:
            asked = asked.where(self._table.c.stream == stream)
        return [_pending(row) for row in await self._tables.read(lambda connection: connection.execute(asked).all())]

    async def forget(self, number: int) -> None:
        gone = delete(self._table).where(self._table.c.number == number)
        await self._tables.write(lambda connection: connection.execute(gone))


def _pending(row: Any) -> PendingEvent:
    try:
        event, envelope = DOMAIN_SERDE.decode(row.name, row.event)
    except UnreadableEvent as error:
        raise StoreUnavailable(f"a pending event cannot be read because a newer program wrote it: {error}") from error
    return PendingEvent(stream=StreamId(row.stream), event=NewEvent(event, envelope), number=row.number)
