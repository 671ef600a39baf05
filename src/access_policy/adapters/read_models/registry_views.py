"""Vehicles with their identifiers, and agreements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select

from access_policy.adapters.read_models.cursors import from_id, page_of
from access_policy.adapters.read_models.reading import Reads, rows
from access_policy.adapters.read_models.tables import AGREEMENTS, CHARGER_STATUS, VEHICLE_IDENTIFIERS, VEHICLES
from access_policy.application.ports.views import Page, Row
from access_policy.application.projections.vehicle_directory import folded
from access_policy.domain.ids import AgreementId, TenantId, VehicleId


class RegistryViews(Reads):
    async def vehicle(self, tenant_id: TenantId, vehicle_id: VehicleId) -> Row | None:
        query = self._of(VEHICLES, tenant_id).where(VEHICLES.c.vehicle_id == vehicle_id)
        found = await self._answer(lambda connection: _with_identifiers(connection, tenant_id, rows(connection, query)))
        return found[0] if found else None

    async def vehicles(
        self,
        tenant_id: TenantId,
        *,
        pseudonyms: Collection[str] | None = None,
        name: str | None = None,
        access_class: str | None = None,
        agreement_id: str | None = None,
        cursor: str | None = None,
        limit: int = 200,
    ) -> Page:
        query = self._of(VEHICLES, tenant_id)
        if pseudonyms is not None:
            holders = select(VEHICLE_IDENTIFIERS.c.vehicle_id).where(
                VEHICLE_IDENTIFIERS.c.tenant_id == tenant_id, VEHICLE_IDENTIFIERS.c.pseudonym.in_(list(pseudonyms))
            )
            query = query.where(VEHICLES.c.vehicle_id.in_(holders))
        if name is not None:
            query = query.where(VEHICLES.c.name_folded.contains(folded(name), autoescape=True))
        if access_class is not None:
            query = query.where(VEHICLES.c.access_class == access_class)
        if agreement_id is not None:
            query = query.where(VEHICLES.c.agreement_id == agreement_id)
        query = from_id(query, VEHICLES, "vehicle_id", cursor, limit)

        def read(connection: Connection) -> Page:
            page = page_of(rows(connection, query), limit, lambda row: [row["vehicle_id"]])
            return Page(_with_identifiers(connection, tenant_id, page.items), page.next_cursor)

        return await self._answer(read)

    async def sealed_identifiers(self, tenant_id: TenantId, pseudonyms: Collection[str]) -> list[Row]:
        query = self._of(VEHICLE_IDENTIFIERS, tenant_id)
        return await self._with_ids(query, VEHICLE_IDENTIFIERS.c.pseudonym, pseudonyms)

    async def agreement(self, tenant_id: TenantId, agreement_id: AgreementId) -> Row | None:
        row = await self._one(self._of(AGREEMENTS, tenant_id).where(AGREEMENTS.c.agreement_id == agreement_id))
        return None if row is None else next(iter(await self._agreements_within(tenant_id, [row])), None)

    async def agreements(self, tenant_id: TenantId, *, cursor: str | None, limit: int) -> Page:
        page = await self._by_id(self._of(AGREEMENTS, tenant_id), AGREEMENTS, "agreement_id", cursor, limit)
        return Page(await self._agreements_within(tenant_id, page.items), page.next_cursor)

    async def _agreements_within(self, tenant_id: TenantId, rows: list[Row]) -> list[Row]:
        """Omit agreements that cover only other depots and chargers, and from the rest, omit the names of those depots and
        chargers.
        """
        if self._depots is None:
            return rows
        status = CHARGER_STATUS
        there = select(status.c.charger_id).where(self._is_within(status, tenant_id))
        own: dict[str, Collection[str]] = {
            "depot_ids": self._depots,
            "charger_ids": {each["charger_id"] for each in await self._all(there)},
        }
        narrowed = [{**row, **{name: [id_ for id_ in row[name] if id_ in own[name]] for name in own}} for row in rows]
        return [
            new
            for row, new in zip(rows, narrowed, strict=True)
            if not any(row[name] for name in own) or any(new[name] for name in own)
        ]


def _with_identifiers(connection: Connection, tenant_id: TenantId, vehicles: Sequence[Row]) -> list[Row]:
    ids = [vehicle["vehicle_id"] for vehicle in vehicles]
    identifiers_of = VEHICLE_IDENTIFIERS.c
    query = select(VEHICLE_IDENTIFIERS).where(identifiers_of.tenant_id == tenant_id, identifiers_of.vehicle_id.in_(ids))
    query = query.order_by(VEHICLE_IDENTIFIERS.c.position, VEHICLE_IDENTIFIERS.c.pseudonym)
    identifiers: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows(connection, query):
        identifiers[row["vehicle_id"]].append(row)
    return [{**vehicle, "identifiers": identifiers[vehicle["vehicle_id"]]} for vehicle in vehicles]
