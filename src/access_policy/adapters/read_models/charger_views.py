"""Depots and chargers: their state, mode changes, faults and enrolment sessions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, and_, select

from access_policy.adapters.read_models.cursors import cursor_of
from access_policy.adapters.read_models.reading import Reads
from access_policy.adapters.read_models.tables import (
    CHARGER_STATUS,
    DENIED_IDENTIFIER_CHARGERS,
    DENIED_IDENTIFIERS,
    DEPOTS,
    ENROLMENT_SESSIONS,
    FAULTS,
    MODE_CHANGES,
    VEHICLE_IDENTIFIERS,
)
from access_policy.application.ports.views import Page, Row
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import ChargerId, DepotId, TenantId

OTHER_MAC_WITHIN: Final = timedelta(minutes=30)  # after the offer: long enough to plug in again, and again


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
        sessions = self._of(ENROLMENT_SESSIONS, tenant_id).where(ENROLMENT_SESSIONS.c.charger_id == charger_id)
        if (session := await self._one(sessions)) is None:
            return None
        return {**session, "other_mac": await self._other_mac(session)}

    async def _other_mac(self, session: Row) -> Row | None:
        """Return the first new MAC that was denied at the charger after the session's, while that is unverified."""
        if session["offered_kind"] != IdentifierKind.MAC or session["enrolled_vehicle_id"] is None:
            return None
        if not await self._all(_unverified(session)):
            return None
        found = await self._all(_new_macs_after(session))
        return found[0] if found else None


def _unverified(session: Row) -> Select[Any]:
    enrolled = VEHICLE_IDENTIFIERS.c
    return select(VEHICLE_IDENTIFIERS).where(
        enrolled.tenant_id == session["tenant_id"],
        enrolled.vehicle_id == session["enrolled_vehicle_id"],
        enrolled.kind == session["offered_kind"],
        enrolled.pseudonym == session["offered_pseudonym"],
        enrolled.verified_at.is_(None),
    )


def _new_macs_after(session: Row) -> Select[Any]:
    """Select MACs first seen after the offer. One that was denied before belongs to another vehicle."""
    group, place = DENIED_IDENTIFIERS.c, DENIED_IDENTIFIER_CHARGERS.c
    same = and_(group.tenant_id == place.tenant_id, group.kind == place.kind, group.pseudonym == place.pseudonym)
    after = session["offered_at"]
    return (
        select(DENIED_IDENTIFIERS)
        .join(DENIED_IDENTIFIER_CHARGERS, same)
        .where(
            place.tenant_id == session["tenant_id"],
            place.kind == session["offered_kind"],
            place.charger_id == session["charger_id"],
            place.last_seen_at <= after + OTHER_MAC_WITHIN,
            group.first_seen_at > after,
        )
        .order_by(group.first_seen_at, group.position)
        .limit(1)
    )
