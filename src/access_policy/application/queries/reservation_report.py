"""Reservations by outcome: kept, missed, early, late, over their time. Counts only, no prices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.views import PAGE_MAX, ReservationFilter, Row, Views
from access_policy.application.projections.stored_reservations import entry_of
from access_policy.application.queries.report_columns import (
    ColumnType,
    Report,
    ReportColumn,
    ReportInvalid,
    check_rows,
    columns_of,
    local_values,
    row_order,
)
from access_policy.domain.ids import DepotId, TenantId
from access_policy.domain.reservations.entry import Entry, Outcome


class ReservationGroupBy(StrEnum):
    DAY = "day"  # the depot's local day on which the window starts
    DEPOT = "depot"
    CHARGER = "charger"  # at which the holder charged, or else the reserved one; empty for a group
    GROUP = "group"
    SOURCE = "source"
    PARTNER = "partner"


COUNTS: Final = (
    *("reservations", "kept", "missed", "cancelled", "replaced", "open"),
    *("early", "late", "overtime", "early_min", "late_min", "overtime_min"),
)
_IDS: Final = {
    ReservationGroupBy.DEPOT: "depot_id",
    ReservationGroupBy.CHARGER: "charger_id",
    ReservationGroupBy.GROUP: "group_id",
}
_MINUTE: Final = timedelta(minutes=1)
_AT_A_TIME: Final = 50


def reservation_columns(group_by: Sequence[ReservationGroupBy]) -> tuple[ReportColumn, ...]:
    types = {ReservationGroupBy.DAY: ColumnType.DATE}
    grouping = (ReportColumn(_IDS.get(each, each.value), types.get(each, ColumnType.TEXT)) for each in group_by)
    return (*grouping, *columns_of(ColumnType.INTEGER, *COUNTS))


@dataclass(frozen=True, slots=True)
class ReservationReports:
    """`zone_of` returns a depot's zone."""

    views: Views
    zone_of: Callable[[TenantId, DepotId], ZoneInfo]
    clock: Clock

    async def __call__(
        self, tenant_id: TenantId, group_by: Sequence[ReservationGroupBy], wanted: ReservationFilter
    ) -> Report:
        """Report on reservations that start in `[since, until)`; one row per group, ascending. Raises `ReportInvalid`."""
        since, until = wanted.since, wanted.until
        if since is None or until is None or until <= since:
            raise ReportInvalid("'until' must be later than 'from'.", pointer="/until")
        now = self.clock.now()
        counted: defaultdict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
        async for rows in self._pages(tenant_id, wanted):
            ends = await self._ends(tenant_id, rows)
            async for row in cooperatively(rows, at_a_time=_AT_A_TIME):
                if row["starts_at"] < since:
                    continue
                values = self._values(tenant_id, row)
                count(
                    counted[tuple(values[each] for each in group_by)], entry_of(row), ends.get(row["attempt_id"]), now
                )
            check_rows(len(counted))
        names = [_IDS.get(each, each.value) for each in group_by]
        order = row_order(names)
        shown = [{**dict(zip(names, key, strict=True)), **counted[key]} for key in sorted(counted, key=order)]
        return Report(reservation_columns(group_by), shown)

    async def _pages(self, tenant_id: TenantId, wanted: ReservationFilter) -> AsyncIterator[Sequence[Row]]:
        after: tuple[datetime, str] | None = None
        while True:
            rows = await self.views.reservations(tenant_id, wanted, after=after, limit=PAGE_MAX)
            yield rows
            if len(rows) < PAGE_MAX:
                return
            after = rows[-1]["starts_at"], rows[-1]["reservation_id"]

    async def _ends(self, tenant_id: TenantId, rows: Sequence[Row]) -> dict[str, datetime | None]:
        """Return when the holders' charges ended, by attempt."""
        attempts = await self.views.attempts_of(tenant_id, {row["attempt_id"] for row in rows} - {None})
        return {each["attempt_id"]: each["session_ended_at"] for each in attempts}

    def _values(self, tenant_id: TenantId, row: Row) -> Mapping[ReservationGroupBy, Any]:
        zone = self.zone_of(tenant_id, DepotId(row["depot_id"]))
        return {
            ReservationGroupBy.DAY: local_values(row["starts_at"], zone)["day"],
            ReservationGroupBy.DEPOT: row["depot_id"],
            ReservationGroupBy.CHARGER: row["used_charger_id"] or row["charger_id"],
            ReservationGroupBy.GROUP: row["group_id"],
            ReservationGroupBy.SOURCE: row["source"],
            ReservationGroupBy.PARTNER: row["party"],
        }


def count(counts: dict[str, int], entry: Entry, charge_ended_at: datetime | None, now: datetime) -> None:
    reservation, came_at = entry.reservation, entry.fulfilled_at
    counts["reservations"] += 1
    if entry.outcome is Outcome.CANCELLED:
        counts["cancelled" if entry.replaced_by is None else "replaced"] += 1
    elif came_at is None:
        counts["missed" if entry.is_over(now) else "open"] += 1
    else:
        counts["kept"] += 1
        _add(counts, "early", reservation.start - came_at)
        _add(counts, "late", came_at - reservation.start)
        stayed = (charge_ended_at or now) - reservation.end if entry.charges_on else timedelta()
        _add(counts, "overtime", stayed)


def _add(counts: dict[str, int], name: str, by: timedelta) -> None:
    """Count a deviation; less than a minute counts as on time."""
    if by >= _MINUTE:
        counts[name] += 1
        counts[f"{name}_min"] += by // _MINUTE
