"""The energy of sites: envelopes, changes, demand, gate changes, and the starts that a gate evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, or_, select

from access_policy.adapters.read_models.reading import Reads
from access_policy.adapters.read_models.tables import (
    ENERGY_CHANGES,
    ENERGY_DEMAND,
    ENERGY_ENVELOPES,
    ENERGY_GATES,
    ENERGY_IGNORED_ENVELOPES,
    ENERGY_SILENCES,
    ENERGY_STARTS,
)
from access_policy.application.ports.views import Page, Row
from access_policy.application.projections.energy_changes import ChangeKind
from access_policy.domain.ids import ChargerId, DepotId, EnergyNodeId, EnvelopeId, TenantId


class EnergyViews(Reads):
    async def envelope(self, tenant_id: TenantId, envelope_id: EnvelopeId) -> Row | None:
        query = self._of(ENERGY_ENVELOPES, tenant_id).where(ENERGY_ENVELOPES.c.envelope_id == envelope_id)
        return await self._one(query)

    async def envelopes(
        self, tenant_id: TenantId, depot_id: DepotId, node_id: EnergyNodeId | None, *, cursor: str | None, limit: int
    ) -> Page:
        of = ENERGY_ENVELOPES.c
        query = self._of(ENERGY_ENVELOPES, tenant_id).where(of.depot_id == depot_id)
        if node_id is not None:
            query = query.where(of.node_id == node_id)
        return await self._newest(query, ENERGY_ENVELOPES, "received_at", None, None, cursor, limit)

    async def ignored_envelopes(
        self, tenant_id: TenantId, depot_id: DepotId, *, cursor: str | None, limit: int
    ) -> Page:
        of = ENERGY_IGNORED_ENVELOPES
        query = self._of(of, tenant_id).where(of.c.depot_id == depot_id)
        return await self._newest(query, of, "ignored_at", None, None, cursor, limit)

    async def energy_changes(
        self, tenant_id: TenantId, depot_id: DepotId, since: datetime, until: datetime, *, after: int, limit: int
    ) -> Sequence[Row]:
        of = ENERGY_CHANGES.c
        of_depot = and_(self._is_within(ENERGY_CHANGES, tenant_id), of.depot_id == depot_id)
        heard = of.kind == ChangeKind.HEARD
        latest = select(func.max(of.position)).where(of_depot, heard, of.at < since).group_by(of.source)
        counts = or_(
            of.kind.not_in((ChangeKind.ENVELOPE, ChangeKind.HEARD)),
            and_(of.kind == ChangeKind.ENVELOPE, of.counts_until >= since),
            and_(heard, or_(of.at >= since, of.position.in_(latest))),
        )
        query = select(ENERGY_CHANGES).where(of_depot, of.position > after, of.at <= until, counts)
        return await self._all(query.order_by(of.position).limit(limit))

    async def first_feed(self, tenant_id: TenantId, depot_id: DepotId) -> Row | None:
        of = ENERGY_CHANGES.c
        query = self._of(ENERGY_CHANGES, tenant_id).where(of.depot_id == depot_id, of.kind == ChangeKind.FEED)
        return await self._one(query.where(of.position == 0))

    async def energy_demand(
        self, tenant_id: TenantId, depot_id: DepotId, node_id: EnergyNodeId, since: datetime, until: datetime
    ) -> Sequence[Row]:
        of = ENERGY_DEMAND.c
        query = self._of(ENERGY_DEMAND, tenant_id).where(of.depot_id == depot_id, of.node_id == node_id)
        return await self._all(query.where(of.minute >= since, of.minute < until).order_by(of.minute))

    async def energy_demand_at(
        self, tenant_id: TenantId, depot_id: DepotId, since: datetime, at: datetime
    ) -> Sequence[Row]:
        of = ENERGY_DEMAND.c
        of_depot = and_(self._is_within(ENERGY_DEMAND, tenant_id), of.depot_id == depot_id)
        within = and_(of_depot, of.minute >= since, of.minute <= at, of.observed_at <= at)
        last = select(of.node_id, func.max(of.minute).label("minute")).where(within).group_by(of.node_id).subquery()
        is_last = and_(of.node_id == last.c.node_id, of.minute == last.c.minute)
        return await self._all(select(ENERGY_DEMAND).join(last, is_last).where(of_depot))

    async def energy_levels_at(self, tenant_id: TenantId, depot_id: DepotId, at: datetime) -> Sequence[Row]:
        of = ENERGY_GATES.c
        of_depot = and_(self._is_within(ENERGY_GATES, tenant_id), of.depot_id == depot_id)
        last = select(of.charger_id, func.max(of.position).label("position")).where(of_depot, of.at <= at)
        latest = last.group_by(of.charger_id).subquery()
        is_latest = and_(of.charger_id == latest.c.charger_id, of.position == latest.c.position)
        return await self._all(select(ENERGY_GATES).join(latest, is_latest).where(of_depot))

    async def energy_silences(
        self, tenant_id: TenantId, depot_id: DepotId, since: datetime, until: datetime
    ) -> Sequence[Row]:
        of = ENERGY_SILENCES.c
        meets = and_(of.depot_id == depot_id, of.since < until, or_(of.restored_at.is_(None), of.restored_at > since))
        return await self._all(self._of(ENERGY_SILENCES, tenant_id).where(meets).order_by(of.position))

    async def gate_changes(
        self, tenant_id: TenantId, charger_id: ChargerId, since: datetime, until: datetime
    ) -> Sequence[Row]:
        of = ENERGY_GATES.c
        query = self._of(ENERGY_GATES, tenant_id).where(of.charger_id == charger_id)
        before = query.where(of.at < since).order_by(of.at.desc(), of.position.desc()).limit(1)
        within = query.where(of.at >= since, of.at < until).order_by(of.at, of.position)
        return [*await self._all(before), *await self._all(within)]

    async def energy_starts(
        self,
        tenant_id: TenantId,
        since: datetime,
        until: datetime,
        *,
        depot_id: str | None = None,
        charger_id: str | None = None,
        after: tuple[datetime, int] | None = None,
        limit: int,
    ) -> Sequence[Row]:
        of = ENERGY_STARTS.c
        query = self._of(ENERGY_STARTS, tenant_id).where(of.occurred_at >= since, of.occurred_at < until)
        if depot_id is not None:
            query = query.where(of.depot_id == depot_id)
        if charger_id is not None:
            query = query.where(of.charger_id == charger_id)
        if after is not None:
            at, last = after
            query = query.where(or_(of.occurred_at > at, and_(of.occurred_at == at, of.position > last)))
        return await self._all(query.order_by(of.occurred_at, of.position).limit(limit))
