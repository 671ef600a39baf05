"""Attempts, their sessions, reports about them, and denied identifiers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    String,
    Table,
    and_,
    case,
    cast,
    exists,
    func,
    or_,
    select,
    type_coerce,
)

from access_policy.adapters.read_models.reading import Reads
from access_policy.adapters.read_models.tables import (
    ACCESS_LOG,
    DENIED_IDENTIFIER_CHARGERS,
    DENIED_IDENTIFIER_ENTRANCES,
    DENIED_IDENTIFIERS,
    PIN_LOCKOUTS,
    VEHICLE_IDENTIFIERS,
)
from access_policy.application.ports.views import AttemptFilter, Page, ReportFilter, Row
from access_policy.domain.access.reasons import Reason
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AttemptId, TenantId

UNKNOWN: Final = Reason.UNKNOWN_IDENTIFIER.value


class AttemptViews(Reads):
    async def attempt(self, tenant_id: TenantId, attempt_id: AttemptId) -> Row | None:
        return await self._one(self._of(ACCESS_LOG, tenant_id).where(ACCESS_LOG.c.attempt_id == attempt_id))

    async def attempts(self, tenant_id: TenantId, wanted: AttemptFilter, *, cursor: str | None, limit: int) -> Page:
        query = self._of(ACCESS_LOG, tenant_id)
        for name in ("decision", "reason", "would_deny", "access_class", "charger_id", "entrance_id", "depot_id"):
            value = getattr(wanted, name)
            if value is not None:
                query = query.where(ACCESS_LOG.c[name] == value)
        if wanted.vehicle_ids or wanted.pseudonyms:
            of_vehicle = ACCESS_LOG.c.vehicle_id.in_(sorted(wanted.vehicle_ids))
            query = query.where(or_(of_vehicle, ACCESS_LOG.c.identifier_pseudonym.in_(sorted(wanted.pseudonyms))))
        if wanted.id_prefix is not None:
            query = query.where(ACCESS_LOG.c.attempt_id.startswith(wanted.id_prefix, autoescape=True))
        return await self._newest(query, ACCESS_LOG, "occurred_at", wanted.since, wanted.until, cursor, limit)

    async def attempts_of(self, tenant_id: TenantId, attempt_ids: Collection[str]) -> Sequence[Row]:
        return await self._with_ids(self._of(ACCESS_LOG, tenant_id), ACCESS_LOG.c.attempt_id, attempt_ids)

    async def attempts_since(self, since: datetime) -> Sequence[Row]:
        return await self._all(
            select(ACCESS_LOG).where(ACCESS_LOG.c.decided_for >= since).order_by(ACCESS_LOG.c.position)
        )

    async def open_sessions(self) -> Sequence[Row]:
        return await self._all(select(ACCESS_LOG).where(is_under_way()).order_by(ACCESS_LOG.c.position))

    async def sessions_under_way(self, tenant_id: TenantId, charger_ids: Collection[str]) -> Sequence[Row]:
        query = self._of(ACCESS_LOG, tenant_id).where(is_under_way()).order_by(ACCESS_LOG.c.position)
        wanted = frozenset(charger_ids)
        return [row for row in await self._all(query) if row["charger_id"] in wanted]

    async def access_counts(
        self, tenant_id: TenantId, columns: Sequence[str], *, by_quarter: bool, within: ReportFilter
    ) -> Sequence[Row]:
        log = ACCESS_LOG.c
        would_deny = _shown_denial(log.would_deny, within)
        shown = {"would_deny": would_deny.label("would_deny")}
        grouped: list[Any] = [shown.get(name, log[name]) for name in dict.fromkeys([*columns, "depot_id"])]
        if by_quarter:
            at = type_coerce(log.occurred_at, String)  # 2026-11-20T06:00:00.000000Z
            quarter = cast(func.substr(at, 15, 2), Integer) // 15 * 15
            grouped += [func.substr(at, 1, 13).label("hour"), quarter.label("minute")]
        names = [
            each.name for each in grouped
        ]  # an expression with parameters differs at each use, so group by its name
        query = select(
            *grouped,
            func.count().label("attempts"),
            func.sum(case((log.decision == "allowed", 1), else_=0)).label("allowed"),
            func.sum(case((log.decision == "denied", 1), else_=0)).label("denied"),
            func.count(would_deny).label("would_deny_count"),
            func.count(log.session_started_at).label("sessions"),
            cast(func.sum(log.session_energy_wh), BigInteger).label("energy_wh"),
            func.min(log.occurred_at).label("first_attempt_at"),
            func.max(log.occurred_at).label("last_attempt_at"),
        ).where(*self._reported(tenant_id, within))
        rows = await self._all(query.group_by(*names))
        if not by_quarter:
            return rows
        return [{**row, "quarter": datetime.fromisoformat(f"{row['hour']}:{row['minute']:02}Z")} for row in rows]

    async def unenrolled_identifiers(self, tenant_id: TenantId, within: ReportFilter, *, limit: int) -> Sequence[Row]:
        log, held = ACCESS_LOG.c, VEHICLE_IDENTIFIERS.c
        refused = or_(log.reason == UNKNOWN, log.would_deny == UNKNOWN)
        is_held = exists().where(
            held.tenant_id == log.tenant_id,
            held.kind == log.identifier_kind,
            held.pseudonym == log.identifier_pseudonym,
        )
        query = (
            select(
                log.tenant_id,
                log.identifier_kind,
                log.identifier_pseudonym,
                log.depot_id,
                func.max(log.identifier_masked).label("masked"),
                func.count().label("attempts"),
                func.sum(case((log.decision == "denied", 1), else_=0)).label("denied"),
                func.count(log.charger_id.distinct()).label("chargers"),
                func.min(log.occurred_at).label("first_seen_at"),
                func.max(log.occurred_at).label("last_seen_at"),
            )
            .where(*self._reported(tenant_id, within), refused, log.vehicle_id.is_(None))
            .where(log.identifier_pseudonym.is_not(None), log.identifier_kind != IdentifierKind.PIN.value, ~is_held)
            .group_by(log.tenant_id, log.identifier_kind, log.identifier_pseudonym, log.depot_id)
        )
        return await self._all(query.limit(limit))

    def _reported(self, tenant_id: TenantId, within: ReportFilter) -> list[ColumnElement[bool]]:
        log = ACCESS_LOG.c
        found = [
            self._is_within(ACCESS_LOG, tenant_id),
            log.occurred_at >= within.since,
            log.occurred_at < within.until,
        ]
        named = {
            name: getattr(within, name)
            for name in ("depot_id", "charger_id", "entrance_id", "vehicle_id", "agreement_id")
        }
        found += [log[name] == value for name, value in named.items() if value is not None]
        if within.denials_at is not None:
            found.append(or_(log.decision != "denied", log.depot_id.in_(sorted(within.denials_at))))
        return found

    async def pin_lockouts(
        self,
        tenant_id: TenantId,
        *,
        charger_id: str | None,
        entrance_id: str | None = None,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> Page:
        query = self._of(PIN_LOCKOUTS, tenant_id)
        if charger_id is not None:
            query = query.where(PIN_LOCKOUTS.c.charger_id == charger_id)
        if entrance_id is not None:
            query = query.where(PIN_LOCKOUTS.c.entrance_id == entrance_id)
        return await self._newest(query, PIN_LOCKOUTS, "locked_at", since, until, cursor, limit)

    async def denied_identifiers(
        self, tenant_id: TenantId, *, since: datetime | None, until: datetime | None, cursor: str | None, limit: int
    ) -> Page:
        query = self._of(DENIED_IDENTIFIERS, tenant_id)
        page = await self._newest(query, DENIED_IDENTIFIERS, "last_seen_at", since, until, cursor, limit)
        pseudonyms = [row["pseudonym"] for row in page.items]
        chargers = await self._seen_at(DENIED_IDENTIFIER_CHARGERS, "charger_id", tenant_id, pseudonyms)
        entrances = await self._seen_at(DENIED_IDENTIFIER_ENTRANCES, "entrance_id", tenant_id, pseudonyms)
        items: list[Row] = [
            {**row, "charger_ids": chargers[row["pseudonym"]], "entrance_ids": entrances[row["pseudonym"]]}
            for row in page.items
        ]
        return Page(items, page.next_cursor)

    async def _seen_at(
        self, sightings: Table, place: str, tenant_id: TenantId, pseudonyms: Collection[str]
    ) -> defaultdict[str, list[str]]:
        """Return the ids of the depots, chargers or entrances in the column `place`, in order, by pseudonym."""
        seen = self._of(sightings, tenant_id).where(sightings.c.pseudonym.in_(pseudonyms)).order_by(sightings.c[place])
        found: defaultdict[str, list[str]] = defaultdict(list)
        for row in await self._all(seen):
            found[row["pseudonym"]].append(row[place])
        return found

    async def was_denied(self, tenant_id: TenantId, pseudonym: str) -> bool:
        groups = self._of(DENIED_IDENTIFIERS, tenant_id).where(DENIED_IDENTIFIERS.c.pseudonym == pseudonym)
        return bool(await self._all(groups.limit(1)))


def _shown_denial(would_deny: ColumnElement[Any], within: ReportFilter) -> ColumnElement[Any]:
    """Return the suppressed refusal, or null at a depot where the report must not show it."""
    if within.denials_at is None:
        return would_deny
    return case((ACCESS_LOG.c.depot_id.in_(sorted(within.denials_at)), would_deny), else_=None)


def is_under_way() -> ColumnElement[bool]:
    return and_(ACCESS_LOG.c.session_started_at.is_not(None), ACCESS_LOG.c.session_ended_at.is_(None))
