"""Reservations with their outcomes, and their history."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, or_

from access_policy.adapters.read_models.reading import Reads
from access_policy.adapters.read_models.tables import RESERVATION_HISTORY, RESERVATIONS
from access_policy.application.ports.views import ReservationFilter, Row
from access_policy.domain.ids import ReservationId, TenantId


class ReservationViews(Reads):
    async def reservations(
        self, tenant_id: TenantId, wanted: ReservationFilter, *, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Row]:
        of = RESERVATIONS.c
        query = self._of(RESERVATIONS, tenant_id)
        for name in ("depot_id", "group_id", "block_id"):
            if (value := getattr(wanted, name)) is not None:
                query = query.where(of[name] == value)
        if wanted.charger_id is not None:
            query = query.where(or_(of.charger_id == wanted.charger_id, of.used_charger_id == wanted.charger_id))
        if wanted.since is not None:
            query = query.where(of.ends_at > wanted.since)
        if wanted.until is not None:
            query = query.where(of.starts_at < wanted.until)
        if after is not None:
            at, last = after
            query = query.where(or_(of.starts_at > at, and_(of.starts_at == at, of.reservation_id > last)))
        return await self._all(query.order_by(of.starts_at, of.reservation_id).limit(limit))

    async def reservations_of(self, tenant_id: TenantId, reservation_ids: Collection[str]) -> Sequence[Row]:
        query = self._of(RESERVATIONS, tenant_id)
        return await self._with_ids(query, RESERVATIONS.c.reservation_id, reservation_ids)

    async def reservation_steps(
        self, tenant_id: TenantId, kind: str, since: datetime, until: datetime
    ) -> Sequence[Row]:
        step = RESERVATION_HISTORY.c
        query = self._of(RESERVATION_HISTORY, tenant_id)
        query = query.where(step.kind == kind, step.at >= since, step.at < until)
        return await self._all(query.order_by(step.position))

    async def reservation_history(self, tenant_id: TenantId, reservation_id: ReservationId) -> Sequence[Row]:
        step = RESERVATION_HISTORY.c
        query = self._of(RESERVATION_HISTORY, tenant_id).where(step.reservation_id == reservation_id)
        return await self._all(query.order_by(step.position))
