"""The plan as every reader sees it: API, command line, console and files all show these rows.

Live reservations come from the depots' books, which are always current; reservations that a book has forgotten come
from the read model. Rows are ordered by the start of their window and then by id.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from access_policy.application.decision_view.view import DecisionView
from access_policy.application.event_loop import cooperatively
from access_policy.application.plan.gathering import Connected, FactsGatherer, Placed
from access_policy.application.plan.status import Expanded, PlanStatus, expanded
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.identity import DepotScope
from access_policy.application.ports.views import CursorInvalid, ReservationFilter, Row, Views
from access_policy.application.projections.stored_reservations import entry_of
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.ids import DepotId, ReservationId, TenantId
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.errors import ReservationUnknown
from access_policy.domain.reservations.operating_days import begin_of, operating_day

AT_ONCE: Final = 200  # rows expanded with one set of queries
ENTRIES_AT_A_TIME: Final = 500  # inspected in one iteration of the event loop

After = tuple[datetime, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFilter:
    """`where` limits the period and the place. `holder` contains ids of vehicles, or pseudonyms of identifiers. An
    empty condition matches everything."""

    where: ReservationFilter = field(default_factory=ReservationFilter)
    statuses: frozenset[PlanStatus] = frozenset()
    holder: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PlanRow:
    depot_id: DepotId
    entry: Entry
    expanded: Expanded


@dataclass(frozen=True, slots=True)
class PlanPage:
    """`horizon_until` is how far ahead a list without an end reaches."""

    items: list[PlanRow]
    next_cursor: str | None
    computed_at: datetime
    horizon_until: datetime


@dataclass(frozen=True, slots=True)
class PlanReader:
    views: Views
    view: DecisionView
    gather: FactsGatherer
    clock: Clock
    depots: DepotScope = None

    def within(self, depots: DepotScope) -> PlanReader:
        """Return a reader of these depots only."""
        views = self.views.within(depots)
        return replace(self, views=views, gather=replace(self.gather, views=views), depots=depots)

    async def one(self, tenant_id: TenantId, reservation_id: ReservationId, connected: Connected) -> PlanRow:
        """Return the reservation's row. Raises `ReservationUnknown`."""
        placed = await self.find(tenant_id, [reservation_id])
        if not placed:
            raise ReservationUnknown.named(reservation_id)
        return (await self.expand(tenant_id, placed, connected))[0]

    async def find(self, tenant_id: TenantId, reservation_ids: Iterable[ReservationId]) -> list[Placed]:
        """Return those that exist, in the same order."""
        found = []
        for each in reservation_ids:
            placed = self._in_book(tenant_id, each) or await self._in_read_model(tenant_id, each)
            if placed is not None and self._covers(placed.depot_id):
                found.append(placed)
        return found

    async def expand(self, tenant_id: TenantId, placed: Sequence[Placed], connected: Connected) -> list[PlanRow]:
        """Return the rows of these entries, in the same order."""
        now = self.clock.now()
        facts = await self.gather(tenant_id, placed, connected, now)
        return [
            PlanRow(each.depot_id, each.entry, expanded(each.entry, of, now))
            for each, of in zip(placed, facts, strict=True)
        ]

    async def page(
        self, tenant_id: TenantId, wanted: PlanFilter, connected: Connected, *, cursor: str | None, limit: int
    ) -> PlanPage:
        """Return one page of rows. Raises `DepotUnknown` or `CursorInvalid`."""
        now = self.clock.now()
        horizon = self.horizon(tenant_id, wanted.where.depot_id, now)
        wanted = replace(wanted, where=self._bounded(tenant_id, wanted.where, now, horizon))
        after = None if cursor is None else _read(cursor)
        found: list[PlanRow] = []
        while True:
            placed = await self._next(tenant_id, wanted, after)
            rows = await self.expand(tenant_id, placed, connected)
            found += [row for row in rows if not wanted.statuses or row.expanded.status in wanted.statuses]
            if len(found) > limit or len(placed) < AT_ONCE:
                break
            after = _key(placed[-1].entry)
        more = _cursor(_key(found[limit - 1].entry)) if len(found) > limit else None
        return PlanPage(found[:limit], more, now, horizon)

    async def all(self, tenant_id: TenantId, wanted: PlanFilter, connected: Connected) -> PlanPage:
        """Return all rows on one page, for files and pictures."""
        page = await self.page(tenant_id, wanted, connected, cursor=None, limit=AT_ONCE)
        items = list(page.items)
        while page.next_cursor is not None:
            page = await self.page(tenant_id, wanted, connected, cursor=page.next_cursor, limit=AT_ONCE)
            items += page.items
        return replace(page, items=items)

    def horizon(self, tenant_id: TenantId, depot_id: str | None, now: datetime) -> datetime:
        """Return how far ahead lists of the depot reach; for several depots, the farthest. Raises `DepotUnknown`."""
        depots = self._depots(tenant_id, depot_id)
        days = (self.view.book(tenant_id, each).settings.horizon_days for each in depots)
        return now + timedelta(days=max(days, default=7))

    # --- depots and positions
    # --------------------------------------------------------------------------------------------

    def _covers(self, depot_id: str) -> bool:
        return self.depots is None or depot_id in self.depots

    def _day_began(self, tenant_id: TenantId, depot_id: DepotId, now: datetime) -> datetime:
        """Return the start of the depot's current operating day."""
        starts_at, zone = (
            self.view.book(tenant_id, depot_id).settings.day_starts_at,
            self.view.zone_of(tenant_id, depot_id),
        )
        return begin_of(operating_day(now, zone, starts_at), zone, starts_at)

    def _depots(self, tenant_id: TenantId, depot_id: str | None) -> list[DepotId]:
        if depot_id is not None:
            if not self._covers(depot_id) or self.view.depot(tenant_id, DepotId(depot_id)) is None:
                raise DepotUnknown.named(DepotId(depot_id))
            return [DepotId(depot_id)]
        return [each.depot_id for each in self.view.depots_of(tenant_id) if self._covers(each.depot_id)]

    def _bounded(
        self, tenant_id: TenantId, where: ReservationFilter, now: datetime, horizon: datetime
    ) -> ReservationFilter:
        """Fill in the bounds: a list without a beginning starts with the current operating day, and one without an end
        reaches to the horizon."""
        since = where.since
        if since is None:
            starts = (self._day_began(tenant_id, each, now) for each in self._depots(tenant_id, where.depot_id))
            since = min(starts, default=now)
        return replace(where, since=since, until=horizon if where.until is None else where.until)

    def _in_book(self, tenant_id: TenantId, reservation_id: ReservationId) -> Placed | None:
        depot_id = self.view.depot_of_reservation(tenant_id, reservation_id)
        if depot_id is None:
            return None
        return Placed(depot_id, self.view.book(tenant_id, depot_id).entry(reservation_id))

    async def _in_read_model(self, tenant_id: TenantId, reservation_id: ReservationId) -> Placed | None:
        rows = await self.views.reservations_of(tenant_id, [reservation_id])
        return _placed(rows[0]) if rows else None

    async def _next(self, tenant_id: TenantId, wanted: PlanFilter, after: After | None) -> list[Placed]:
        """Return the next entries in order, from books and read model, at most `AT_ONCE`."""
        in_books: list[Placed] = []
        for depot_id in self._depots(tenant_id, wanted.where.depot_id):
            entries = list(self.view.book(tenant_id, depot_id).entries.by_id.values())
            in_books += [
                Placed(depot_id, entry)
                async for entry in cooperatively(entries, at_a_time=ENTRIES_AT_A_TIME)
                if (after is None or _key(entry) > after) and _fits(entry, wanted)
            ]
        in_books.sort(key=lambda each: _key(each.entry))
        del in_books[AT_ONCE:]
        kept = await self._forgotten(tenant_id, wanted, after)
        return sorted((*in_books, *kept), key=lambda each: _key(each.entry))[:AT_ONCE]

    async def _forgotten(self, tenant_id: TenantId, wanted: PlanFilter, after: After | None) -> list[Placed]:
        """Return the next entries of the read model that no book has."""
        found: list[Placed] = []
        while True:
            rows = await self.views.reservations(tenant_id, wanted.where, after=after, limit=AT_ONCE)
            placed = (_placed(row) for row in rows if not self._is_in_a_book(tenant_id, row))
            found += [each for each in placed if _is_of(each.entry, wanted.holder)]
            if len(rows) < AT_ONCE or len(found) >= AT_ONCE:
                return found[:AT_ONCE]
            after = rows[-1]["starts_at"], rows[-1]["reservation_id"]

    def _is_in_a_book(self, tenant_id: TenantId, row: Row) -> bool:
        return row["reservation_id"] in self.view.book(tenant_id, row["depot_id"]).entries.by_id


def _placed(row: Row) -> Placed:
    return Placed(DepotId(row["depot_id"]), entry_of(row))


def _key(entry: Entry) -> After:
    return entry.reservation.start.astimezone(UTC), entry.reservation.reservation_id


def _fits(entry: Entry, wanted: PlanFilter) -> bool:
    reservation, where = entry.reservation, wanted.where
    place, assignment = reservation.place, reservation.assignment
    return (
        (where.since is None or reservation.end > where.since)
        and (where.until is None or reservation.start < where.until)
        and (where.charger_id is None or where.charger_id in (place.charger_id, entry.charger_id))
        and (where.group_id is None or where.group_id == place.group_id)
        and (where.block_id is None or (assignment is not None and assignment.block_id == where.block_id))
        and _is_of(entry, wanted.holder)
    )


def _is_of(entry: Entry, holder: Collection[str]) -> bool:
    held = entry.reservation.holder
    names: Iterable[str | None] = (held.vehicle_id, *(each.ref.pseudonym for each in held.named))
    return not holder or any(name in holder for name in names)


def _cursor(key: After) -> str:
    return base64.urlsafe_b64encode(json.dumps([key[0].isoformat(), key[1]]).encode()).decode()


def _read(cursor: str) -> After:
    try:
        at, reservation_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        instant = datetime.fromisoformat(at)
        if instant.tzinfo is None or not isinstance(reservation_id, str):
            raise ValueError("no cursor")
        return instant.astimezone(UTC), reservation_id
    except (ValueError, TypeError, OverflowError) as error:
        raise CursorInvalid(
            "The cursor is not valid; use next_cursor of the previous page.", pointer="/cursor"
        ) from error
