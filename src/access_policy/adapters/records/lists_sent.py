"""The local list last sent to each charger (port `ListsSent`), one row per charger, so that a restarted process does not send
the lists again.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, select

from access_policy.adapters.records.tables import RecordTables
from access_policy.adapters.sql.databases import TEXT, upsert_into
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.local_lists import ListSent
from access_policy.domain.ids import ChargerKey

log = logging.getLogger(__name__)

METADATA = MetaData()
_SENT = Table(
    "local_list_sent",
    METADATA,
    Column("tenant_id", TEXT, primary_key=True),
    Column("charger_id", TEXT, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("digest", TEXT, nullable=False),
)


class SqlListsSent:
    """Implements `ListsSent`. `remember` queues the list; one task writes everything queued in one transaction."""

    def __init__(self, where: Path | str) -> None:
        self._tables = RecordTables(where, METADATA)
        self._pending: dict[ChargerKey, ListSent] = {}
        self._writing: asyncio.Task[None] | None = None

    async def latest(self, key: ChargerKey) -> ListSent | None:
        if (pending := self._pending.get(key)) is not None:
            return pending
        asked = select(_SENT).where(_SENT.c.tenant_id == key[0], _SENT.c.charger_id == key[1])
        row = await self._tables.read(lambda connection: connection.execute(asked).first())
        return None if row is None else ListSent(row.version, row.digest)

    def remember(self, key: ChargerKey, sent: ListSent) -> None:
        self._pending[key] = sent
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_pending(), name="local lists sent")

    async def close(self) -> None:
        if self._writing is not None:
            await self._writing
        await self._tables.close()

    async def _write_pending(self) -> None:
        try:
            while self._pending:
                sent, self._pending = self._pending, {}
                try:
                    await self._write(sent)
                except StoreUnavailable as trouble:
                    log.warning("%d local lists will be sent again after a restart: %s", len(sent), trouble)
        finally:
            self._writing = None

    async def _write(self, sent: dict[ChargerKey, ListSent]) -> None:
        rows = [
            {"tenant_id": tenant_id, "charger_id": charger_id, "version": each.version, "digest": each.digest}
            for (tenant_id, charger_id), each in sorted(
                sent.items()
            )  # gateways lock rows in the same order, to avoid deadlocks
        ]

        def write(connection: Connection) -> None:
            put = upsert_into(_SENT, connection.dialect)
            then = {name: put.excluded[name] for name in ("version", "digest")}
            connection.execute(put.on_conflict_do_update(index_elements=["tenant_id", "charger_id"], set_=then), rows)

        await self._tables.write(write)
