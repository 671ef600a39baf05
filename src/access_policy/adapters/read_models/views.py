"""Queries on the tables (ports `Views` and `RecentPast`)."""

from __future__ import annotations

from sqlalchemy import or_, select

from access_policy.adapters.read_models.attempt_views import AttemptViews
from access_policy.adapters.read_models.charger_views import ChargerViews
from access_policy.adapters.read_models.energy_views import EnergyViews
from access_policy.adapters.read_models.registry_views import RegistryViews
from access_policy.adapters.read_models.reservation_views import ReservationViews
from access_policy.adapters.read_models.tables import AUDIT_ENTRIES, TENANTS
from access_policy.application.ports.identity import DepotScope
from access_policy.application.ports.views import AuditFilter, Page, Row
from access_policy.domain.ids import TenantId


class SqlViews(ChargerViews, AttemptViews, RegistryViews, ReservationViews, EnergyViews):
    def within(self, depots: DepotScope) -> SqlViews:
        return SqlViews(self._engine, depots)

    async def tenant(self, tenant_id: TenantId) -> Row | None:
        return await self._one(self._of(TENANTS, tenant_id))

    async def tenants(self, *, cursor: str | None, limit: int) -> Page:
        return await self._by_id(select(TENANTS), TENANTS, "tenant_id", cursor, limit)

    async def audit(self, tenant_id: TenantId, wanted: AuditFilter, *, cursor: str | None, limit: int) -> Page:
        entry, before = AUDIT_ENTRIES, AUDIT_ENTRIES.alias("before")
        earlier = select(before.c.new_values).where(
            before.c.tenant_id == tenant_id, before.c.thing == entry.c.thing, before.c.position < entry.c.position
        )
        earlier_values = earlier.order_by(before.c.position.desc()).limit(1).scalar_subquery()
        query = select(entry, earlier_values.label("earlier_values")).where(entry.c.tenant_id == tenant_id)
        for name in ("kind", "actor", "subject_kind", "subject_id"):
            if (value := getattr(wanted, name)) is not None:
                query = query.where(entry.c[name] == value)
        if wanted.operation is not None:
            query = query.where(or_(entry.c.operation == wanted.operation, entry.c.event == wanted.operation))
        page = await self._newest(query, entry, "recorded_at", wanted.since, wanted.until, cursor, limit)
        rows: list[Row] = [
            {**row, "old_values": row["old_values"] or row["earlier_values"] or {}} for row in page.items
        ]
        return Page(rows, page.next_cursor)
