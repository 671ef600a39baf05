"""How well a site kept to its limits, how many starts its gates refused, each start with its envelope and its session,
and silent feeds."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.application.event_loop import cooperatively
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.identity import DepotScope
from access_policy.application.ports.views import PAGE_MAX, Row, Views
from access_policy.application.queries.energy_limits import LIMIT_COLUMNS, LimitHistory, node_rows
from access_policy.application.queries.energy_past import site_changes
from access_policy.application.queries.energy_silences import SILENCE_COLUMNS, silence_rows
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
from access_policy.domain.access.reasons import Reason
from access_policy.domain.depots.depot import Depot
from access_policy.domain.ids import DepotId, TenantId
from access_policy.domain.site_energy.site import SiteEnergy


class EnergyGroupBy(StrEnum):
    DAY = "day"  # the depot's local day of the attempt
    DEPOT = "depot"
    CHARGER = "charger"
    LEVEL = "level"
    LIMIT_SOURCE = "limit_source"
    ENVELOPE = "envelope"


class EnergyReportPart(StrEnum):
    STARTS = "starts"
    LIMITS = "limits"
    LINEAGE = "lineage"
    SILENCES = "silences"


COUNTS: Final = ("attempts", "admitted", "refused", "would_refuse", "sessions", "energy_wh")
_COLUMN: Final = {
    EnergyGroupBy.DEPOT: "depot_id",
    EnergyGroupBy.CHARGER: "charger_id",
    EnergyGroupBy.ENVELOPE: "envelope_id",
}
_AT_A_TIME: Final = 50
LINEAGE: Final = (
    *columns_of(ColumnType.TEXT, "attempt_id"),
    *instants("occurred_at"),
    *columns_of(ColumnType.TEXT, "depot_id", "charger_id", "decision", "reason", "would_deny"),
    *columns_of(ColumnType.TEXT, "level", "limit_source", "binding_node_id", "envelope_id", "envelope_state"),
    *columns_of(ColumnType.INTEGER, "envelope_sequence", "effective_w", "committed_w", "threshold_w", "data_age_s"),
    *instants("session_started_at", "session_ended_at"),
    *columns_of(ColumnType.INTEGER, "energy_wh"),
    *columns_of(ColumnType.TEXT, "session_end_reason"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyQuestion:
    """The period `[since, until)`; `depots` None: all depots of the tenant."""

    since: datetime
    until: datetime
    depot_id: str | None = None
    charger_id: str | None = None
    depots: DepotScope = None


def starts_columns(group_by: Sequence[EnergyGroupBy]) -> tuple[ReportColumn, ...]:
    types = {EnergyGroupBy.DAY: ColumnType.DATE}
    grouping = (ReportColumn(_COLUMN.get(each, each.value), types.get(each, ColumnType.TEXT)) for each in group_by)
    return (*grouping, *columns_of(ColumnType.INTEGER, *COUNTS))


@dataclass(frozen=True, slots=True)
class EnergyReports:
    """`zone_of` returns a depot's zone; `depots_of` returns the depots of a tenant."""

    views: Views
    zone_of: Callable[[TenantId, DepotId], ZoneInfo]
    depots_of: Callable[[TenantId], Any]
    clock: Clock

    async def starts(self, tenant_id: TenantId, group_by: Sequence[EnergyGroupBy], wanted: EnergyQuestion) -> Report:
        """Count the attempts at gated chargers; one row per group, ascending. Raises `ReportInvalid`."""
        _check(wanted)
        counted: defaultdict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(COUNTS, 0))
        async for row, session in self._rows(tenant_id, wanted):
            values = self._values(tenant_id, row)
            count_start(counted[tuple(values[each] for each in group_by)], row, session)
            check_rows(len(counted))
        names = [_COLUMN.get(each, each.value) for each in group_by]
        shown = [
            {**dict(zip(names, key, strict=True)), **counted[key]} for key in sorted(counted, key=row_order(names))
        ]
        return Report(starts_columns(group_by), shown)

    async def lineage(self, tenant_id: TenantId, wanted: EnergyQuestion) -> Report:
        """Return each attempt with the envelope and the limit under which it was decided, and its session. Raises
        `ReportInvalid`."""
        _check(wanted)
        rows: list[dict[str, Any]] = []
        async for row, session in self._rows(tenant_id, wanted):
            rows.append(_lineage(row, session, self.zone_of(tenant_id, DepotId(row["depot_id"]))))
            check_rows(len(rows))
        return Report(LINEAGE, rows)

    async def limits(self, tenant_id: TenantId, wanted: EnergyQuestion, *, with_chargers: bool = True) -> Report:
        """Return, for each node (or each that is not a charger), the time for which its measured demand was above its
        limit in force. Raises `ReportInvalid`."""
        _check(wanted)
        rows: list[dict[str, Any]] = []
        for depot in self._depots(tenant_id, wanted):
            rows += await self._nodes(tenant_id, depot.depot_id, wanted, with_chargers=with_chargers)
            check_rows(len(rows))
        return Report(LIMIT_COLUMNS, rows)

    async def silences(self, tenant_id: TenantId, wanted: EnergyQuestion) -> Report:
        """Return each silent feed, at each node that it concerns, with the fallback that applied. Raises `ReportInvalid`."""
        _check(wanted)
        rows: list[dict[str, Any]] = []
        for depot in self._depots(tenant_id, wanted):
            silences = await self.views.energy_silences(tenant_id, depot.depot_id, wanted.since, wanted.until)
            if silences:
                past = await self._past(tenant_id, depot.depot_id, wanted)
                zone = self.zone_of(tenant_id, depot.depot_id)
                rows += await asyncio.to_thread(silence_rows, silences, past, zone, self.clock.now())
                check_rows(len(rows))
        return Report(SILENCE_COLUMNS, rows)

    def _depots(self, tenant_id: TenantId, wanted: EnergyQuestion) -> list[Depot]:
        found: list[Depot] = [
            each
            for each in self.depots_of(tenant_id)
            if wanted.depot_id in (None, each.depot_id) and (wanted.depots is None or each.depot_id in wanted.depots)
        ]
        return sorted(found, key=lambda each: each.depot_id)

    async def _nodes(
        self, tenant_id: TenantId, depot_id: DepotId, wanted: EnergyQuestion, *, with_chargers: bool
    ) -> list[dict[str, Any]]:
        past = await self._past(tenant_id, depot_id, wanted)
        left_out = set() if with_chargers else set(past.site.tree.by_charger.values())
        rows = []
        for node_id, spans in sorted(past.spans().items()):
            if node_id in left_out:
                continue
            demand = await self.views.energy_demand(tenant_id, depot_id, node_id, wanted.since, wanted.until)
            found = await asyncio.to_thread(node_rows, demand, spans, until=wanted.until)
            rows.append({"depot_id": depot_id, "node_id": node_id, **found})
        return rows

    async def _past(self, tenant_id: TenantId, depot_id: DepotId, wanted: EnergyQuestion) -> LimitHistory:
        past = LimitHistory(SiteEnergy(depot_id=depot_id), wanted.since, wanted.until)
        async for changes in site_changes(self.views, tenant_id, depot_id, wanted.since, wanted.until):
            await asyncio.to_thread(past.follow, changes)
        await asyncio.to_thread(past.end)
        return past

    async def _rows(self, tenant_id: TenantId, wanted: EnergyQuestion) -> AsyncIterator[tuple[Row, Row | None]]:
        """Yield each attempt that a gate judged, oldest first, with its row in the access log."""
        after: tuple[datetime, int] | None = None
        while True:
            rows = await self.views.energy_starts(
                tenant_id,
                wanted.since,
                wanted.until,
                depot_id=wanted.depot_id,
                charger_id=wanted.charger_id,
                after=after,
                limit=PAGE_MAX,
            )
            logged = await self.views.attempts_of(tenant_id, {each["attempt_id"] for each in rows})
            by_id = {each["attempt_id"]: each for each in logged}
            async for row in cooperatively(rows, at_a_time=_AT_A_TIME):
                yield row, by_id.get(row["attempt_id"])
            if len(rows) < PAGE_MAX:
                return
            after = rows[-1]["occurred_at"], rows[-1]["position"]

    def _values(self, tenant_id: TenantId, row: Row) -> Mapping[EnergyGroupBy, Any]:
        zone = self.zone_of(tenant_id, DepotId(row["depot_id"]))
        return {
            EnergyGroupBy.DAY: local_values(row["occurred_at"], zone)["day"],
            EnergyGroupBy.DEPOT: row["depot_id"],
            EnergyGroupBy.CHARGER: row["charger_id"],
            EnergyGroupBy.LEVEL: row["level"],
            EnergyGroupBy.LIMIT_SOURCE: row["limit_source"],
            EnergyGroupBy.ENVELOPE: row["envelope_id"],
        }


def count_start(counts: dict[str, int], row: Row, session: Row | None) -> None:
    """Count the attempt. `refused` and `would_refuse` are refusals because of energy only; `admitted` are all allowed
    attempts."""
    counts["attempts"] += 1
    counts["admitted"] += row["decision"] == "allowed"
    counts["refused"] += row["reason"] == Reason.ENERGY_RESTRICTED
    counts["would_refuse"] += row["would_deny"] == Reason.ENERGY_RESTRICTED
    if session is not None and session["session_started_at"] is not None:
        counts["sessions"] += 1
        counts["energy_wh"] += session["session_energy_wh"] or 0


def _lineage(row: Row, session: Row | None, zone: ZoneInfo) -> dict[str, Any]:
    observed_at = row["observed_at"]
    plain = (each.name for each in LINEAGE if each.name in row and each.type in (ColumnType.TEXT, ColumnType.INTEGER))
    logged: Mapping[str, Any] = session or {}
    return {
        **{name: row[name] for name in plain},
        "data_age_s": None if observed_at is None else round((row["occurred_at"] - observed_at).total_seconds()),
        **on_both_clocks("occurred_at", row["occurred_at"], zone),
        **on_both_clocks("session_started_at", logged.get("session_started_at"), zone),
        **on_both_clocks("session_ended_at", logged.get("session_ended_at"), zone),
        "energy_wh": logged.get("session_energy_wh"),
        "session_end_reason": logged.get("session_end_reason"),
    }


def _check(wanted: EnergyQuestion) -> None:
    if wanted.until <= wanted.since:
        raise ReportInvalid("'until' must be later than 'from'.", pointer="/until")
