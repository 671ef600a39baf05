"""Queries on the read models of a tenant, limited to the depots that the reader may see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, and_, or_, select
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.read_models.cursors import bad_cursor, from_id, instant_in, page_of, read_cursor
from access_policy.adapters.read_models.tables import CHARGER_STATUS
from access_policy.adapters.sql.postgres_connections import deadline
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import DepotScope
from access_policy.application.ports.views import Page, Row
from access_policy.domain.ids import TenantId

Answer = TypeVar("Answer")

IDS_AT_ONCE: Final = 500
READ_TIMEOUT_S: Final = 20.0
POSITION_MAX: Final = 2**63 - 1  # SQLite's largest integer


class Reads:
    """Runs each query in one transaction on a thread. If `depots` is None, all depots are visible."""

    def __init__(self, engine: Engine, depots: DepotScope = None) -> None:
        self._engine = engine
        self._depots = depots

    def _of(self, table: Table, tenant_id: TenantId) -> Select[Any]:
        return select(table).where(self._is_within(table, tenant_id))

    def _is_within(self, table: Table, tenant_id: TenantId) -> ColumnElement[bool]:
        """Select the tenant's rows; in tables with rows of depots or chargers, only those of the visible depots."""
        of_tenant = table.c.tenant_id == tenant_id
        if self._depots is None:
            return of_tenant
        if "depot_id" in table.c:
            return and_(of_tenant, table.c.depot_id.in_(sorted(self._depots)))
        if "charger_id" in table.c:
            status = CHARGER_STATUS.c
            there = select(status.charger_id).where(self._is_within(CHARGER_STATUS, tenant_id))
            return and_(of_tenant, table.c.charger_id.in_(there))
        return of_tenant

    async def _newest(
        self,
        query: Select[Any],
        table: Table,
        time_name: str,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> Page:
        """Return a page by time, newest first; at equal times, the event recorded later comes first. The cursor is the last
        row's time and position.
        """
        time, position = table.c[time_name], table.c.position
        if since is not None:
            query = query.where(time >= since)
        if until is not None:
            query = query.where(time < until)
        if cursor is not None:
            at_text, last = read_cursor(cursor, str, int)
            at = instant_in(at_text)
            if abs(last) > POSITION_MAX:
                raise bad_cursor()
            query = query.where(or_(time < at, and_(time == at, position < last)))
        rows = await self._all(query.order_by(time.desc(), position.desc()).limit(limit + 1))
        return page_of(rows, limit, lambda row: [row[time_name].isoformat(), row["position"]])

    async def _by_id(self, query: Select[Any], table: Table, name: str, cursor: str | None, limit: int) -> Page:
        rows = await self._all(from_id(query, table, name, cursor, limit))
        return page_of(rows, limit, lambda row: [row[name]])

    async def _with_ids(self, query: Select[Any], column: ColumnElement[Any], ids: Collection[str]) -> list[Row]:
        wanted, found = list(ids), list[Row]()
        for begin in range(0, len(wanted), IDS_AT_ONCE):
            found += await self._all(query.where(column.in_(wanted[begin : begin + IDS_AT_ONCE])))
        return found

    async def _one(self, query: Select[Any]) -> Row | None:
        rows = await self._all(query)
        return rows[0] if rows else None

    async def _all(self, query: Select[Any]) -> list[Row]:
        return await self._answer(lambda connection: rows(connection, query))

    async def _answer(self, read: Callable[[Connection], Answer]) -> Answer:
        def in_one_transaction() -> Answer:
            with deadline(READ_TIMEOUT_S), self._engine.connect() as connection:
                return read(connection)

        try:
            return await asyncio.to_thread(in_one_transaction)
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the read models failed: {error}") from error


def rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]
