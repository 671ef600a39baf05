"""Counts of allowed and denied attempts and of their consequences, grouped as the caller chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from access_policy.application.ports.views import ReportFilter, Row, Views
from access_policy.domain.errors import Invalid
from access_policy.domain.ids import DepotId, TenantId


class GroupBy(StrEnum):
    DAY = "day"  # the depot's local day
    DEPOT = "depot"
    CHARGER = "charger"
    ACCESS_CLASS = "access_class"
    REASON = "reason"
    WOULD_DENY = "would_deny"
    DECISION = "decision"


COUNTS = ("attempts", "allowed", "denied", "would_deny_count", "sessions", "energy_wh")
_COLUMNS = {
    GroupBy.DEPOT: "depot_id",
    GroupBy.CHARGER: "charger_id",
    GroupBy.ACCESS_CLASS: "access_class",
    GroupBy.REASON: "reason",
    GroupBy.WOULD_DENY: "would_deny",
    GroupBy.DECISION: "decision",
}


class ReportInvalid(Invalid):
    code = "report-invalid"


@dataclass(frozen=True, slots=True)
class AccessReports:
    """`zone_of` returns a depot's zone."""

    views: Views
    zone_of: Callable[[TenantId, DepotId], ZoneInfo]

    async def __call__(
        self, tenant_id: TenantId, group_by: Sequence[GroupBy], wanted: ReportFilter
    ) -> list[dict[str, Any]]:
        """One row per group, ascending; each has the grouping columns and `COUNTS`. Raises `ReportInvalid`."""
        if wanted.until <= wanted.since:
            raise ReportInvalid("'until' must be later than 'from'.", pointer="/until")
        columns = tuple(_COLUMNS[each] for each in group_by if each is not GroupBy.DAY)
        by_day = GroupBy.DAY in group_by
        counted = await self.views.access_counts(tenant_id, columns, by_quarter=by_day, within=wanted)
        if not by_day:
            return [{**{name: row[name] for name in columns}, **_counts([row])} for row in counted]
        zones = {depot_id: self.zone_of(tenant_id, depot_id) for depot_id in {row["depot_id"] for row in counted}}
        return await asyncio.to_thread(_by_day, zones, columns, counted)


def _by_day(zones: Mapping[DepotId, ZoneInfo], columns: Sequence[str], counted: Sequence[Row]) -> list[dict[str, Any]]:
    """Aggregate quarters of an hour into local days: every current zone's offset is a multiple of a quarter."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in counted:
        day = row["quarter"].astimezone(zones[row["depot_id"]]).date().isoformat()
        groups.setdefault((day, *(row[name] for name in columns)), []).append(row)
    ordered = sorted(groups, key=lambda key: tuple(str(part or "") for part in key))
    return [{**dict(zip(("day", *columns), key, strict=True)), **_counts(groups[key])} for key in ordered]


def _counts(rows: Sequence[Row]) -> dict[str, int]:
    return {name: sum(row[name] or 0 for row in rows) for name in COUNTS}
