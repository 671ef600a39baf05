"""`/v1/reports`: counts of attempts, whether chargers entered their modes on time, and identifiers without a
vehicle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Header, Query
from fastapi.responses import Response
from pydantic import BaseModel

from access_policy.adapters.report_files.parquet import ParquetFiles
from access_policy.application.ports.views import ReportFilter, ReservationFilter
from access_policy.application.queries.access_report import AccessReports, GroupBy
from access_policy.application.queries.compliance_measures import ComplianceGroup
from access_policy.application.queries.energy_report import (
    EnergyGroupBy,
    EnergyQuestion,
    EnergyReportPart,
    EnergyReports,
)
from access_policy.application.queries.mode_compliance import ON_TIME_S, ComplianceQuestion, ModeCompliance
from access_policy.application.queries.report_columns import Report, ReportInvalid
from access_policy.application.queries.reservation_report import ReservationGroupBy, ReservationReports
from access_policy.application.queries.unenrolled_identifiers import UnenrolledIdentifiers
from access_policy.application.spreadsheets import csv_file
from access_policy.entrypoints.http.auth import READERS, Caller, requires
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.fields import Instant
from access_policy.entrypoints.http.responses import Responses, json_in_pieces
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1 import energy_report_models as energy
from access_policy.entrypoints.http.v1 import report_models as models

router = api_router(tags=["reports"])

Group = TypeVar("Group", GroupBy, ComplianceGroup, ReservationGroupBy, EnergyGroupBy)
PARQUET: Final = "application/vnd.apache.parquet"
FILES: Final[Responses] = {
    200: {
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
        }
    }
}

From = Annotated[Instant, Query(alias="from")]
Until = Annotated[Instant, Query()]
Id = Annotated[str | None, Query(max_length=64)]
OnTime = Annotated[int, Query(ge=0, le=86_400, description="The greatest lateness in seconds that counts as on time")]
Access = Annotated[AccessReports, provided(lambda c: c.queries.access_reports)]
Compliance = Annotated[ModeCompliance, provided(lambda c: c.queries.mode_compliance)]
ReservationsKept = Annotated[ReservationReports, provided(lambda c: c.queries.reservation_reports)]
EnergyOfSites = Annotated[EnergyReports, provided(lambda c: c.queries.energy_reports)]
Unenrolled = Annotated[UnenrolledIdentifiers, provided(lambda c: c.queries.unenrolled_identifiers)]


class ReportAnswers:
    """The representation that `Accept` requests: JSON, or a file with the same columns and rows."""

    def __init__(
        self,
        parquet: Annotated[ParquetFiles, provided(lambda c: c.queries.parquet_files)],
        accept: Annotated[str, Header(max_length=1000, include_in_schema=False)] = "application/json",
    ) -> None:
        self._parquet = parquet
        self._accept = accept

    async def __call__(self, report: Report, head: BaseModel, row: Callable[..., BaseModel]) -> Response:
        if PARQUET in self._accept:
            columns = [(column.name, column.type.value) for column in report.columns]
            return Response(await self._parquet.file(columns, report.rows), media_type=PARQUET)
        if "text/csv" in self._accept:
            file = await asyncio.to_thread(csv_file, report.names, map(_written, report.rows))
            return Response(file, media_type="text/csv; charset=utf-8")
        return await json_in_pieces(head, "rows", (row(**each) for each in report.rows))


Answers = Annotated[ReportAnswers, Depends()]


@router.get(
    "/reports/access",
    operation_id="report_access",
    dependencies=requires(READERS, some_depots=True),
    response_model=models.AccessReport,
    responses=FILES,
)
async def report_access(
    caller: Caller,
    access_reports: Access,
    answers: Answers,
    from_: From,
    until: Until,
    group_by: Annotated[str, Query(max_length=200, description="Comma-separated: " + ", ".join(GroupBy))] = "day",
    depot_id: Id = None,
    charger_id: Id = None,
    entrance_id: Id = None,
    vehicle_id: Id = None,
    agreement_id: Annotated[
        str | None, Query(max_length=64, description="A report for the partner of this agreement")
    ] = None,
) -> Response:
    """Count attempts by the columns of `group_by`; a day, an hour (0 to 23) and a weekday are on the depot's clock.
    `would_deny_count` counts the attempts that were allowed only under `observe`. `energy_wh` is the energy of the sessions.

    With `agreement_id` it is a report to hand to the agreement's partner: it counts only the attempts that were decided
    under that agreement. It includes denied attempts, and refusals that `observe` suppressed, only at depots whose
    `partner_reports_include_denials` is true.

    With `Accept: text/csv` or `application/vnd.apache.parquet` the response is a file of the same columns and rows.
    """
    wanted = ReportFilter(
        since=from_,
        until=until,
        depot_id=depot_id,
        charger_id=charger_id,
        entrance_id=entrance_id,
        vehicle_id=vehicle_id,
        agreement_id=agreement_id,
    )
    groups = _groups_of(GroupBy, group_by)
    report = await access_reports(caller.tenant_id, groups, wanted)
    head = models.AccessReportHead(group_by=groups, from_=from_, until=until)
    return await answers(report, head, models.AccessCount)


@router.get(
    "/reports/mode-compliance",
    operation_id="report_mode_compliance",
    dependencies=requires(READERS, some_depots=True),
    response_model=models.ComplianceReport,
    responses=FILES,
)
async def report_mode_compliance(
    caller: Caller,
    mode_compliance: Compliance,
    answers: Answers,
    from_: From,
    until: Until,
    group_by: Annotated[
        str, Query(max_length=200, description="Comma-separated: " + ", ".join(ComplianceGroup))
    ] = "day",
    depot_id: Id = None,
    charger_id: Id = None,
    on_time_s: OnTime = ON_TIME_S,
) -> Response:
    """Report whether chargers entered their expected modes on time, by the columns of `group_by`, on the depot's clock.

    Of the `transitions` due in `[from, until)`, `on_time` were applied within `on_time_s`; `late` were applied later,
    while the mode was still expected; `missed` were not applied before another mode was expected; and `pending` are
    still expected and not applied. `unreachable` counts the late, missed and pending transitions at which the service
    could not reach the charger in time. `lateness_…_s` and the counts `applied_…_s` (the distribution; each includes
    its upper bound) cover the applied transitions. `in_expected_mode_share` is the share of the time during which the
    charger's last verified mode was the expected one. Transitions are due by the plan in force at the time. Chargers
    whose profile cannot switch the mode are left out. With `Accept: text/csv` or `application/vnd.apache.parquet` the
    response is a file of the same columns and rows.
    """
    question = ComplianceQuestion(
        since=from_, until=until, depot_id=depot_id, charger_id=charger_id, depots=caller.depots, on_time_s=on_time_s
    )
    groups = _groups_of(ComplianceGroup, group_by)
    report = await mode_compliance(caller.tenant_id, groups, question)
    head = models.ComplianceReportHead(group_by=groups, from_=from_, until=until, on_time_s=on_time_s)
    return await answers(report, head, models.ComplianceRow)


@router.get(
    "/reports/unenrolled-identifiers",
    operation_id="report_unenrolled_identifiers",
    dependencies=requires(READERS, some_depots=True),
    response_model=models.UnenrolledReport,
    responses=FILES,
)
async def report_unenrolled_identifiers(
    caller: Caller,
    unenrolled: Unenrolled,
    answers: Answers,
    from_: From,
    until: Until,
    depot_id: Id = None,
    charger_id: Id = None,
) -> Response:
    """List the identifiers that were refused as unknown in `[from, until)`, including refusals that `observe`
    suppressed, and that no vehicle has today; by depot, those with the most attempts first. PINs are left out. With
    `Accept: text/csv` or `application/vnd.apache.parquet` the response is a file of the same columns and rows."""
    wanted = ReportFilter(since=from_, until=until, depot_id=depot_id, charger_id=charger_id)
    report = await unenrolled(caller.tenant_id, wanted)
    return await answers(report, models.Head(from_=from_, until=until), models.UnenrolledIdentifier)


@router.get(
    "/reports/reservations",
    operation_id="report_reservations",
    dependencies=requires(READERS, some_depots=True),
    response_model=models.ReservationReport,
    responses=FILES,
)
async def report_reservations(
    caller: Caller,
    reservation_reports: ReservationsKept,
    answers: Answers,
    from_: From,
    until: Until,
    group_by: Annotated[
        str, Query(max_length=200, description="Comma-separated: " + ", ".join(ReservationGroupBy))
    ] = "day",
    depot_id: Id = None,
    charger_id: Id = None,
) -> Response:
    """Count the reservations that start in `[from, until)` by the columns of `group_by`; a day is on the depot's clock.

    `kept`: the holder charged; `missed`: a no-show, or no charge in the window; `open`: neither yet. Of the kept ones,
    `early` and `late` started at least a minute before and after the start, and `overtime` counts charges that
    continued after the end. The columns `…_min` are sums of whole minutes. With `Accept: text/csv` or
    `application/vnd.apache.parquet` the response is a file of the same columns and rows.
    """
    wanted = ReservationFilter(since=from_, until=until, depot_id=depot_id, charger_id=charger_id)
    groups = _groups_of(ReservationGroupBy, group_by)
    report = await reservation_reports(caller.tenant_id, groups, wanted)
    head = models.ReservationReportHead(group_by=groups, from_=from_, until=until)
    return await answers(report, head, models.ReservationCount)


@router.get(
    "/reports/energy",
    operation_id="report_energy",
    dependencies=requires(READERS, some_depots=True),
    response_model=energy.EnergyReport,
    responses=FILES,
)
async def report_energy(
    caller: Caller,
    energy_reports: EnergyOfSites,
    answers: Answers,
    from_: From,
    until: Until,
    part: EnergyReportPart = EnergyReportPart.STARTS,
    group_by: Annotated[str, Query(max_length=200, description="Comma-separated: " + ", ".join(EnergyGroupBy))] = "day",
    depot_id: Id = None,
    charger_id: Id = None,
) -> Response:
    """Report the effects of energy gates in `[from, until)`, one part of the report at a time.

    `starts`: attempts at gated chargers, counted by the columns of `group_by`. `limits`: for each node of the sites,
    the time during which its measured demand was above the limit in force, by the source of that limit; a measurement
    counts until the next one, for at most five minutes. `lineage`: each attempt with the envelope and the limit that
    decided it, and the result of its session. `silences`: the feeds that were silent, and what counted instead. With
    `Accept: text/csv` or `application/vnd.apache.parquet` the response is a file of the same columns and rows.
    """
    wanted = EnergyQuestion(since=from_, until=until, depot_id=depot_id, charger_id=charger_id, depots=caller.depots)
    groups = _groups_of(EnergyGroupBy, group_by) if part is EnergyReportPart.STARTS else []
    head = energy.EnergyReportHead(part=part, group_by=groups, from_=from_, until=until)
    match part:
        case EnergyReportPart.STARTS:
            return await answers(
                await energy_reports.starts(caller.tenant_id, groups, wanted), head, energy.EnergyStartCount
            )
        case EnergyReportPart.LIMITS:
            return await answers(await energy_reports.limits(caller.tenant_id, wanted), head, energy.EnergyLimitRow)
        case EnergyReportPart.LINEAGE:
            return await answers(await energy_reports.lineage(caller.tenant_id, wanted), head, energy.EnergyLineageRow)
        case EnergyReportPart.SILENCES:
            return await answers(await energy_reports.silences(caller.tenant_id, wanted), head, energy.EnergySilenceRow)


def _written(row: dict[str, Any]) -> dict[str, Any]:
    """Write instants as in JSON: `Z` in UTC, an offset on the depot's clock."""
    return {
        name: cell.isoformat().replace("+00:00", "Z") if hasattr(cell, "isoformat") else cell
        for name, cell in row.items()
    }


def _groups_of(kind: type[Group], text: str) -> list[Group]:
    try:
        return list(dict.fromkeys(kind(each.strip()) for each in text.split(",")))
    except ValueError as unknown:
        raise ReportInvalid(
            f"group_by must be one or more of {', '.join(kind)}, separated by commas.", pointer="/group_by"
        ) from unknown
