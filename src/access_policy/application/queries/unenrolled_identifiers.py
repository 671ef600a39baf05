"""Identifiers that were presented at chargers and belong to no vehicle: the vehicles that operators may still have to
enrol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.application.ports.views import ReportFilter, Row, Views
from access_policy.application.queries.report_columns import (
    ROWS_MAX,
    ColumnType,
    Report,
    ReportInvalid,
    check_rows,
    columns_of,
    instants,
    on_both_clocks,
)
from access_policy.domain.ids import DepotId, TenantId

UNENROLLED_COLUMNS: Final = (
    *columns_of(ColumnType.TEXT, "denied_id", "kind", "masked", "depot_id"),
    *columns_of(ColumnType.INTEGER, "attempts", "denied", "allowed", "chargers"),
    *instants("first_seen_at", "last_seen_at"),
)


@dataclass(frozen=True, slots=True)
class UnenrolledIdentifiers:
    """`zone_of` returns a depot's zone."""

    views: Views
    zone_of: Callable[[TenantId, DepotId], ZoneInfo]

    async def __call__(self, tenant_id: TenantId, wanted: ReportFilter) -> Report:
        """Return one row for each identifier and depot, most attempts first. `allowed` counts attempts that were
        allowed only under `observe`. Raises `ReportInvalid`."""
        if wanted.until <= wanted.since:
            raise ReportInvalid("'until' must be later than 'from'.", pointer="/until")
        found = await self.views.unenrolled_identifiers(tenant_id, wanted, limit=ROWS_MAX + 1)
        check_rows(len(found))
        zones = {depot_id: self.zone_of(tenant_id, depot_id) for depot_id in {row["depot_id"] for row in found}}
        return Report(UNENROLLED_COLUMNS, await asyncio.to_thread(_rows, zones, found))


def _rows(zones: Mapping[DepotId, ZoneInfo], found: Sequence[Row]) -> list[dict[str, Any]]:
    ordered = sorted(found, key=lambda row: (-row["attempts"], row["identifier_pseudonym"], row["depot_id"]))
    return [
        {
            "denied_id": row["identifier_pseudonym"],
            "kind": row["identifier_kind"],
            "masked": row["masked"],
            "depot_id": row["depot_id"],
            "attempts": row["attempts"],
            "denied": row["denied"],
            "allowed": row["attempts"] - row["denied"],
            "chargers": row["chargers"],
            **on_both_clocks("first_seen_at", row["first_seen_at"], zones[row["depot_id"]]),
            **on_both_clocks("last_seen_at", row["last_seen_at"], zones[row["depot_id"]]),
        }
        for row in ordered
    ]
