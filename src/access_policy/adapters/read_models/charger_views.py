"""Depots and chargers: their state, mode changes, faults and enrolment sessions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, select

from access_policy.adapters.read_models.cursors import cursor_of
from access_policy.adapters.read_models.reading import Reads
from access_policy.adapters.read_models.tables import CHARGER_STATUS, DEPOTS, ENROLMENT_SESSIONS, FAULTS, MODE_CHANGES
from access_policy.application.ports.views import Page, Row
from access_policy.domain.ids import ChargerId, DepotId, TenantId


class ChargerViews(Reads):
    async def depot(self, tenant_id: TenantId, depot_id: DepotId) -> Row | None:
        return await self._one(self._of(DEPOTS, tenant_id).where(DEPOTS.c.depot_id == depot_id))

    async def depots(self, tenant_id: TenantId, *, cursor: str | None, limit: int) -> Page:
        return await self._by_id(self._of(DEPOTS, tenant_id), DEPOTS, "depot_id", cursor, limit)

    async def charger(self, tenant_id: TenantId, charger_id: ChargerId) -> Row | None:
        return await self._one(self._of(CHARGER_STATUS, tenant_id).where(CHARGER_STATUS.c.charger_id == charger_id))

    async def chargers(self, tenant_id: TenantId, *, depot_id: str | None, cursor: str | None, limit: int) -> Page:
        wanted = self._of(CHARGER_STATUS, tenant_id)
        if depot_id is not None:
            wanted = wanted.where(CHARGER_STATUS.c.depot_id == depot_id)
        return await self._by_id(wanted, CHARGER_STATUS, "charger_id", cursor, limit)

    async def chargers_of(self, tenant_id: TenantId, charger_ids: Collection[str]) -> Sequence[Row]:
        return await self._with_ids(self._of(CHARGER_STATUS, tenant_id), CHARGER_STATUS.c.charger_id, charger_ids)

    async def connected_chargers(self) -> Sequence[Row]:
        return await self._all(select(CHARGER_STATUS).where(CHARGER_STATUS.c.connected.is_(True)))

    def cursor_after_charger(self, charger_id: ChargerId) -> str:
        return cursor_of([charger_id])

    async def mode_changes(
        self,
        tenant_id: TenantId,
        *,
        charger_id: str | None,
        depot_id: str | None = None,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> Page:
        query = self._of(MODE_CHANGES, tenant_id)
        if charger_id is not None:
            query = query.where(MODE_CHANGES.c.charger_id == charger_id)
        if depot_id is not None:
            status = CHARGER_STATUS.c
            there = select(status.charger_id).where(status.tenant_id == tenant_id, status.depot_id == depot_id)
            query = query.where(MODE_CHANGES.c.charger_id.in_(there))
        return await self._newest(query, MODE_CHANGES, "requested_at", since, until, cursor, limit)

    async def mode_changes_of(self, tenant_id: TenantId, requests: Collection[tuple[str, int]]) -> Sequence[Row]:
        change, status = MODE_CHANGES.c, CHARGER_STATUS.c
        at_depot = and_(status.tenant_id == change.tenant_id, status.charger_id == change.charger_id)
        query = self._of(MODE_CHANGES, tenant_id).add_columns(status.depot_id).join(CHARGER_STATUS, at_depot)
        query = query.where(change.generation.in_({generation for _, generation in requests}))
        rows = await self._with_ids(query, change.charger_id, {charger_id for charger_id, _ in requests})
        return [row for row in rows if (row["charger_id"], row["generation"]) in requests]

    async def faults(
        self,
        tenant_id: TenantId,
        *,
        charger_id: str | None,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> Page:
        query = self._of(FAULTS, tenant_id)
        if charger_id is not None:
            query = query.where(FAULTS.c.charger_id == charger_id)
        return await self._newest(query, FAULTS, "occurred_at", since, until, cursor, limit)

    async def enrolment_session(self, tenant_id: TenantId, charger_id: ChargerId) -> Row | None:
        return await self._one(
            self._of(ENROLMENT_SESSIONS, tenant_id).where(ENROLMENT_SESSIONS.c.charger_id == charger_id)
        )
