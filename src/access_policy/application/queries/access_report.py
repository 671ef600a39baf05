"""Counts of allowed and denied attempts and of their consequences, grouped as the caller chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.application.ports.views import ReportFilter, Row, Views
from access_policy.application.queries.report_columns import (
    ColumnType,
    Report,
    ReportColumn,
    ReportInvalid,
    check_rows,
    columns_of,
    instants,
    local_values,
    on_both_clocks,
    row_order,
)
from access_policy.domain.depots.depot import Depot
from access_policy.domain.ids import DepotId, TenantId


class GroupBy(StrEnum):
    DAY = "day"  # the depot's local day
    HOUR = "hour"  # hour of the depot's local day, 0 to 23
    WEEKDAY = "weekday"  # on the depot's clock, MO to SU
    DEPOT = "depot"
    CHARGER = "charger"
    ENTRANCE = "entrance"
    VEHICLE = "vehicle"
    AGREEMENT = "agreement"  # the agreement under which the attempt was decided
    ACCESS_CLASS = "access_class"
    REASON = "reason"
    WOULD_DENY = "would_deny"
    DECISION = "decision"


COUNTS = ("attempts", "allowed", "denied", "would_deny_count", "sessions", "energy_wh")
_LOCAL: Final = frozenset({GroupBy.DAY, GroupBy.HOUR, GroupBy.WEEKDAY})
_IDS: Final = {
    GroupBy.DEPOT: "depot_id",
    GroupBy.CHARGER: "charger_id",
    GroupBy.ENTRANCE: "entrance_id",
    GroupBy.VEHICLE: "vehicle_id",
    GroupBy.AGREEMENT: "agreement_id",
}
_TYPES: Final = {GroupBy.DAY: ColumnType.DATE, GroupBy.HOUR: ColumnType.INTEGER}
_MEASURES: Final = (*columns_of(ColumnType.INTEGER, *COUNTS), *instants("first_attempt_at", "last_attempt_at"))


def access_columns(group_by: Sequence[GroupBy]) -> tuple[ReportColumn, ...]:
    grouping = (ReportColumn(_IDS.get(each, each.value), _TYPES.get(each, ColumnType.TEXT)) for each in group_by)
    return (*grouping, *_MEASURES)


@dataclass(frozen=True, slots=True)
class AccessReports:
    """`zone_of` returns a depot's zone; `depots_of` returns the depots of a tenant."""

    views: Views
    zone_of: Callable[[TenantId, DepotId], ZoneInfo]
    depots_of: Callable[[TenantId], Any]

    async def __call__(self, tenant_id: TenantId, group_by: Sequence[GroupBy], wanted: ReportFilter) -> Report:
        """Return one row per group, ascending. Raises `ReportInvalid`.

        With `wanted.agreement_id` the report is for the agreement's partner: attempts that were decided under the
        agreement, without denied attempts at depots that exclude denials from such reports (ADR 0044).
        """
        if wanted.until <= wanted.since:
            raise ReportInvalid("'until' must be later than 'from'.", pointer="/until")
        if wanted.agreement_id is not None:
            wanted = replace(wanted, denials_at=self._depots_that_show_denials(tenant_id))
        columns = tuple(_IDS.get(each, each.value) for each in group_by)
        stored = tuple(_IDS.get(each, each.value) for each in group_by if each not in _LOCAL)
        by_quarter = not _LOCAL.isdisjoint(group_by)
        counted = await self.views.access_counts(tenant_id, stored, by_quarter=by_quarter, within=wanted)
        zones = {depot_id: self.zone_of(tenant_id, depot_id) for depot_id in {row["depot_id"] for row in counted}}
        rows = await asyncio.to_thread(_grouped, zones, columns, counted)
        return Report(access_columns(group_by), rows)

    def _depots_that_show_denials(self, tenant_id: TenantId) -> frozenset[str]:
        depots: Sequence[Depot] = tuple(self.depots_of(tenant_id))
        return frozenset(each.depot_id for each in depots if each.settings.partner_reports_include_denials)


def _grouped(zones: Mapping[DepotId, ZoneInfo], columns: Sequence[str], counted: Sequence[Row]) -> list[dict[str, Any]]:
    """Aggregate quarters of an hour into local days and hours: the offset of each current time zone is a multiple of a
    quarter."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in counted:
        values = {**row, **local_values(row["quarter"], zones[row["depot_id"]])} if "quarter" in row else row
        groups.setdefault(tuple(values[name] for name in columns), []).append(row)
    check_rows(len(groups))
    order = row_order(columns)
    return [
        {**dict(zip(columns, key, strict=True)), **_counts(groups[key]), **_instants(zones, groups[key])}
        for key in sorted(groups, key=order)
    ]


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    return {name: sum(row[name] or 0 for row in rows) for name in COUNTS}


def _instants(zones: Mapping[DepotId, ZoneInfo], rows: Sequence[Row]) -> dict[str, datetime | None]:
    first, last = min(rows, key=_first), max(rows, key=_last)
    return {
        **on_both_clocks("first_attempt_at", first["first_attempt_at"], zones[first["depot_id"]]),
        **on_both_clocks("last_attempt_at", last["last_attempt_at"], zones[last["depot_id"]]),
    }


def _first(row: Row) -> Any:
    return row["first_attempt_at"], row["depot_id"]


def _last(row: Row) -> Any:
    return row["last_attempt_at"], row["depot_id"]
