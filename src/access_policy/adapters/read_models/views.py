"""Answers from the tables (ports `Views` and `RecentPast`). Each query is one transaction on a thread."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Integer,
    Select,
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
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.read_models.tables import (
    ACCESS_LOG,
    AGREEMENTS,
    AUDIT_ENTRIES,
    CHARGER_STATUS,
    DENIED_IDENTIFIER_CHARGERS,
    DENIED_IDENTIFIERS,
    DEPOTS,
    ENROLMENT_SESSIONS,
    FAULTS,
    MODE_CHANGES,
    PIN_LOCKOUTS,
    TENANTS,
    VEHICLE_IDENTIFIERS,
    VEHICLES,
)
from access_policy.adapters.sql.postgres_connections import deadline
from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import DepotScope
from access_policy.application.ports.views import AttemptFilter, AuditFilter, CursorInvalid, Page, ReportFilter, Row
from access_policy.application.projections.vehicle_directory import folded
from access_policy.domain.access.reasons import Reason
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AgreementId, AttemptId, ChargerId, DepotId, TenantId, VehicleId

Answer = TypeVar("Answer")

CURSOR_LENGTH_MAX: Final = 500
IDS_AT_ONCE: Final = 500
READ_TIMEOUT_S: Final = 20.0
UNKNOWN: Final = Reason.UNKNOWN_IDENTIFIER.value
POSITION_MAX: Final = 2**63 - 1  # SQLite's largest integer


class SqlViews:
    def __init__(self, engine: Engine, depots: DepotScope = None) -> None:
        self._engine = engine
        self._depots = depots

    def within(self, depots: DepotScope) -> SqlViews:
        return SqlViews(self._engine, depots)

    # --- tenants -----------------------------------------------------------------------------------------------------

    async def tenant(self, tenant_id: TenantId) -> Row | None:
        return await self._one(self._of(TENANTS, tenant_id))

    async def tenants(self, *, cursor: str | None, limit: int) -> Page:
        return await self._by_id(select(TENANTS), TENANTS, "tenant_id", cursor, limit)

    # --- depots and chargers -----------------------------------------------------------------------------------------

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

    def cursor_after_charger(self, charger_id: ChargerId) -> str:
        return _cursor([charger_id])

    # --- attempts and faults -----------------------------------------------------------------------------------------

    async def attempt(self, tenant_id: TenantId, attempt_id: AttemptId) -> Row | None:
        return await self._one(self._of(ACCESS_LOG, tenant_id).where(ACCESS_LOG.c.attempt_id == attempt_id))

    async def attempts(self, tenant_id: TenantId, wanted: AttemptFilter, *, cursor: str | None, limit: int) -> Page:
        query = self._of(ACCESS_LOG, tenant_id)
        for name in ("decision", "reason", "would_deny", "access_class", "charger_id", "depot_id"):
            value = getattr(wanted, name)
            if value is not None:
                query = query.where(ACCESS_LOG.c[name] == value)
        if wanted.vehicle_ids or wanted.pseudonyms:
            of_vehicle = ACCESS_LOG.c.vehicle_id.in_(sorted(wanted.vehicle_ids))
            query = query.where(or_(of_vehicle, ACCESS_LOG.c.identifier_pseudonym.in_(sorted(wanted.pseudonyms))))
        if wanted.id_prefix is not None:
            query = query.where(ACCESS_LOG.c.attempt_id.startswith(wanted.id_prefix, autoescape=True))
        return await self._newest(query, ACCESS_LOG, "occurred_at", wanted.since, wanted.until, cursor, limit)

    async def access_counts(
        self, tenant_id: TenantId, columns: Sequence[str], *, by_quarter: bool, within: ReportFilter
    ) -> Sequence[Row]:
        log = ACCESS_LOG.c
        would_deny = _told(log.would_deny, within)
        shown = {"would_deny": would_deny.label("would_deny")}
        grouped: list[Any] = [shown.get(name, log[name]) for name in dict.fromkeys([*columns, "depot_id"])]
        if by_quarter:
            at = type_coerce(log.occurred_at, String)  # 2026-11-20T06:00:00.000000Z
            quarter = cast(func.substr(at, 15, 2), Integer) // 15 * 15
            grouped += [func.substr(at, 1, 13).label("hour"), quarter.label("minute")]
        names = [each.name for each in grouped]  # an expression with parameters is not the same twice
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
        named = {name: getattr(within, name) for name in ("depot_id", "charger_id", "vehicle_id", "agreement_id")}
        found += [log[name] == value for name, value in named.items() if value is not None]
        if within.denials_at is not None:
            found.append(or_(log.decision != "denied", log.depot_id.in_(sorted(within.denials_at))))
        return found

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

    async def pin_lockouts(
        self,
        tenant_id: TenantId,
        *,
        charger_id: str | None,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> Page:
        query = self._of(PIN_LOCKOUTS, tenant_id)
        if charger_id is not None:
            query = query.where(PIN_LOCKOUTS.c.charger_id == charger_id)
        return await self._newest(query, PIN_LOCKOUTS, "locked_at", since, until, cursor, limit)

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

    async def denied_identifiers(
        self, tenant_id: TenantId, *, since: datetime | None, until: datetime | None, cursor: str | None, limit: int
    ) -> Page:
        query = self._of(DENIED_IDENTIFIERS, tenant_id)
        page = await self._newest(query, DENIED_IDENTIFIERS, "last_seen_at", since, until, cursor, limit)
        sightings = DENIED_IDENTIFIER_CHARGERS
        seen_by = self._of(sightings, tenant_id).where(
            sightings.c.pseudonym.in_([row["pseudonym"] for row in page.items])
        )
        chargers: defaultdict[str, list[str]] = defaultdict(list)
        for row in await self._all(seen_by.order_by(sightings.c.charger_id)):
            chargers[row["pseudonym"]].append(row["charger_id"])
        return Page([{**row, "charger_ids": chargers[row["pseudonym"]]} for row in page.items], page.next_cursor)

    async def was_denied(self, tenant_id: TenantId, pseudonym: str) -> bool:
        groups = self._of(DENIED_IDENTIFIERS, tenant_id).where(DENIED_IDENTIFIERS.c.pseudonym == pseudonym)
        return bool(await self._all(groups.limit(1)))

    async def enrolment_session(self, tenant_id: TenantId, charger_id: ChargerId) -> Row | None:
        return await self._one(
            self._of(ENROLMENT_SESSIONS, tenant_id).where(ENROLMENT_SESSIONS.c.charger_id == charger_id)
        )

    # --- by ids ------------------------------------------------------------------------------------------------------

    async def attempts_of(self, tenant_id: TenantId, attempt_ids: Collection[str]) -> Sequence[Row]:
        return await self._with_ids(self._of(ACCESS_LOG, tenant_id), ACCESS_LOG.c.attempt_id, attempt_ids)

    async def chargers_of(self, tenant_id: TenantId, charger_ids: Collection[str]) -> Sequence[Row]:
        return await self._with_ids(self._of(CHARGER_STATUS, tenant_id), CHARGER_STATUS.c.charger_id, charger_ids)

    async def sessions_under_way(self, tenant_id: TenantId, charger_ids: Collection[str]) -> Sequence[Row]:
        query = self._of(ACCESS_LOG, tenant_id).where(_is_under_way()).order_by(ACCESS_LOG.c.position)
        wanted = frozenset(charger_ids)
        return [row for row in await self._all(query) if row["charger_id"] in wanted]

    async def mode_changes_of(self, tenant_id: TenantId, requests: Collection[tuple[str, int]]) -> Sequence[Row]:
        change, status = MODE_CHANGES.c, CHARGER_STATUS.c
        at_depot = and_(status.tenant_id == change.tenant_id, status.charger_id == change.charger_id)
        query = self._of(MODE_CHANGES, tenant_id).add_columns(status.depot_id).join(CHARGER_STATUS, at_depot)
        query = query.where(change.generation.in_({generation for _, generation in requests}))
        rows = await self._with_ids(query, change.charger_id, {charger_id for charger_id, _ in requests})
        return [row for row in rows if (row["charger_id"], row["generation"]) in requests]

    async def _with_ids(self, query: Select[Any], column: ColumnElement[Any], ids: Collection[str]) -> list[Row]:
        wanted, found = list(ids), list[Row]()
        for begin in range(0, len(wanted), IDS_AT_ONCE):
            found += await self._all(query.where(column.in_(wanted[begin : begin + IDS_AT_ONCE])))
        return found

    # --- vehicles and agreements -------------------------------------------------------------------------------------

    async def vehicle(self, tenant_id: TenantId, vehicle_id: VehicleId) -> Row | None:
        query = self._of(VEHICLES, tenant_id).where(VEHICLES.c.vehicle_id == vehicle_id)
        found = await self._answer(
            lambda connection: _with_identifiers(connection, tenant_id, _rows(connection, query))
        )
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
        query = _from_id(query, VEHICLES, "vehicle_id", cursor, limit)

        def read(connection: Connection) -> Page:
            page = _page(_rows(connection, query), limit, lambda row: [row["vehicle_id"]])
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
        """Without the agreements that cover other depots and chargers only, and without the names of those in the others."""
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

    # --- what the decision path has to know again --------------------------------------------------------------------

    async def open_sessions(self) -> Sequence[Row]:
        return await self._all(select(ACCESS_LOG).where(_is_under_way()).order_by(ACCESS_LOG.c.position))

    async def attempts_since(self, since: datetime) -> Sequence[Row]:
        return await self._all(
            select(ACCESS_LOG).where(ACCESS_LOG.c.decided_for >= since).order_by(ACCESS_LOG.c.position)
        )

    async def connected_chargers(self) -> Sequence[Row]:
        return await self._all(select(CHARGER_STATUS).where(CHARGER_STATUS.c.connected.is_(True)))

    # --- how -----------------------------------------------------------------------------------------------------------

    def _of(self, table: Table, tenant_id: TenantId) -> Select[Any]:
        return select(table).where(self._is_within(table, tenant_id))

    def _is_within(self, table: Table, tenant_id: TenantId) -> ColumnElement[bool]:
        """The rows of the tenant and, of tables with rows of depots or chargers, those of the depots of these views."""
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
        """By time, newest first; of equal times the later recorded one. The cursor is the last row's time and position."""
        time, position = table.c[time_name], table.c.position
        if since is not None:
            query = query.where(time >= since)
        if until is not None:
            query = query.where(time < until)
        if cursor is not None:
            at_text, last = _read_cursor(cursor, str, int)
            at = _instant(at_text)
            if abs(last) > POSITION_MAX:
                raise _bad_cursor()
            query = query.where(or_(time < at, and_(time == at, position < last)))
        rows = await self._all(query.order_by(time.desc(), position.desc()).limit(limit + 1))
        return _page(rows, limit, lambda row: [row[time_name].isoformat(), row["position"]])

    async def _by_id(self, query: Select[Any], table: Table, name: str, cursor: str | None, limit: int) -> Page:
        rows = await self._all(_from_id(query, table, name, cursor, limit))
        return _page(rows, limit, lambda row: [row[name]])

    async def _one(self, query: Select[Any]) -> Row | None:
        rows = await self._all(query)
        return rows[0] if rows else None

    async def _all(self, query: Select[Any]) -> list[Row]:
        return await self._answer(lambda connection: _rows(connection, query))

    async def _answer(self, read: Callable[[Connection], Answer]) -> Answer:
        def in_one_transaction() -> Answer:
            with deadline(READ_TIMEOUT_S), self._engine.connect() as connection:
                return read(connection)

        try:
            return await asyncio.to_thread(in_one_transaction)
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"the read models failed: {error}") from error


def _told(would_deny: ColumnElement[Any], within: ReportFilter) -> ColumnElement[Any]:
    """The suppressed refusal, where the report may tell it."""
    if within.denials_at is None:
        return would_deny
    return case((ACCESS_LOG.c.depot_id.in_(sorted(within.denials_at)), would_deny), else_=None)


def _is_under_way() -> ColumnElement[bool]:
    return and_(ACCESS_LOG.c.session_started_at.is_not(None), ACCESS_LOG.c.session_ended_at.is_(None))


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _with_identifiers(connection: Connection, tenant_id: TenantId, vehicles: Sequence[Row]) -> list[Row]:
    ids = [vehicle["vehicle_id"] for vehicle in vehicles]
    identifiers_of = VEHICLE_IDENTIFIERS.c
    query = select(VEHICLE_IDENTIFIERS).where(identifiers_of.tenant_id == tenant_id, identifiers_of.vehicle_id.in_(ids))
    query = query.order_by(VEHICLE_IDENTIFIERS.c.position, VEHICLE_IDENTIFIERS.c.pseudonym)
    identifiers: defaultdict[str, list[Row]] = defaultdict(list)
    for row in _rows(connection, query):
        identifiers[row["vehicle_id"]].append(row)
    return [{**vehicle, "identifiers": identifiers[vehicle["vehicle_id"]]} for vehicle in vehicles]


def _from_id(query: Select[Any], table: Table, name: str, cursor: str | None, limit: int) -> Select[Any]:
    """The rows after the cursor, one more than the page holds."""
    if cursor is not None:
        (last,) = _read_cursor(cursor, str)
        query = query.where(table.c[name] > last)
    return query.order_by(table.c[name]).limit(limit + 1)


def _page(rows: list[Row], limit: int, key: Callable[[Row], list[Any]]) -> Page:
    if len(rows) <= limit:
        return Page(rows, None)
    kept = rows[:limit]
    return Page(kept, _cursor(key(kept[-1])))


def _cursor(parts: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, ensure_ascii=False).encode()).decode()


def _read_cursor(cursor: str, *types: type) -> list[Any]:
    if len(cursor) > CURSOR_LENGTH_MAX:
        raise _bad_cursor()
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode()
        parts = json.loads(text)
        json.dumps(parts, ensure_ascii=False).encode()  # fails for a lone surrogate written as an escape
    except ValueError as error:
        raise _bad_cursor() from error
    fits = isinstance(parts, list) and len(parts) == len(types)
    if not fits or not all(isinstance(part, kind) for part, kind in zip(parts, types, strict=True)):
        raise _bad_cursor()
    return list(parts)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise _bad_cursor()
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _bad_cursor() from error


def _bad_cursor() -> CursorInvalid:
    return CursorInvalid("The cursor is not one of ours; take next_cursor of the page before.", pointer="/cursor")
