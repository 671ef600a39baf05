"""Heartbeats of gateways: one row each, with a counter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, delete, select

from access_policy.adapters.records.tables import RecordTables
from access_policy.adapters.sql.databases import TEXT, upsert_into

METADATA = MetaData()
_BEATS = Table(
    "gateway_heartbeat",
    METADATA,
    Column("name", TEXT, primary_key=True),
    Column("beats", BigInteger, nullable=False),
)


class SqlHeartbeats:
    """Implements `Heartbeats`."""

    def __init__(self, where: Path | str) -> None:
        self._tables = RecordTables(where, METADATA)

    async def beat(self, name: str) -> None:
        def write(connection: Connection) -> None:
            put = upsert_into(_BEATS, connection.dialect).values(name=name, beats=1)
            count = {"beats": _BEATS.c.beats + 1}
            connection.execute(put.on_conflict_do_update(index_elements=["name"], set_=count))

        await self._tables.write(write)

    async def counts(self) -> Mapping[str, int]:
        rows = await self._tables.read(lambda connection: connection.execute(select(_BEATS)).all())
        return {row.name: row.beats for row in rows}

    async def forget(self, name: str, *, at_count: int | None = None) -> None:
        gone = delete(_BEATS).where(_BEATS.c.name == name)
        if at_count is not None:
            gone = gone.where(_BEATS.c.beats <= at_count)
        await self._tables.write(lambda connection: connection.execute(gone))

    async def close(self) -> None:
        await self._tables.close()
