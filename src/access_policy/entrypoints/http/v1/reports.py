"""`/v1/reports`: attempts counted, and whether chargers entered their modes on time."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from pydantic import Field

from access_policy.application.ports.views import ReportFilter
from access_policy.application.queries.access_report import COUNTS, AccessReports, GroupBy, ReportInvalid
from access_policy.application.queries.mode_compliance import COLUMNS as COMPLIANCE_COLUMNS
from access_policy.application.queries.mode_compliance import (
    MEASURES,
    ON_TIME_S,
    ComplianceGroup,
    ComplianceQuestion,
    ModeCompliance,
)
from access_policy.application.spreadsheets import csv_file
from access_policy.domain.access.reasons import Reason
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.entrypoints.http.auth import READERS, Caller, requires
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.fields import Instant, ResponseModel, UtcInstant
from access_policy.entrypoints.http.responses import CSV, json_in_pieces

router = APIRouter(tags=["reports"])

Group = TypeVar("Group", GroupBy, ComplianceGroup)
Accept = Annotated[str, Header(max_length=1000, include_in_schema=False)]


class AccessCount(ResponseModel):
    """The columns of `group_by`, and the counts."""

    day: Annotated[dt.date, Field(default=None)]
    depot_id: Annotated[str, Field(default=None)]
    charger_id: Annotated[str, Field(default=None)]
    access_class: Annotated[AccessClass | None, Field(default=None)]
    reason: Annotated[Reason | None, Field(default=None)]
    would_deny: Annotated[Reason | None, Field(default=None)]
    decision: Annotated[Literal["allowed", "denied", "none"], Field(default=None)]
    attempts: int
    allowed: int
    denied: int
    would_deny_count: int
    sessions: int
    energy_wh: int


class AccessReportHead(ResponseModel):
    group_by: list[GroupBy]
    from_: Annotated[UtcInstant, Field(alias="from")]
    until: UtcInstant


class AccessReport(AccessReportHead):
    rows: list[AccessCount]


class ComplianceRow(ResponseModel):
    """The columns of `group_by`, and the measures."""

    day: Annotated[dt.date, Field(default=None)]
    depot_id: Annotated[str, Field(default=None)]
    charger_id: Annotated[str, Field(default=None)]
    transitions: int
    on_time: int
    late: int
    missed: int
    pending: int
    unreachable: int
    on_time_share: float | None
    lateness_p50_s: float | None
    lateness_p95_s: float | None
    lateness_max_s: float | None
    in_expected_mode_share: float | None


class ComplianceReportHead(ResponseModel):
    group_by: list[ComplianceGroup]
    from_: Annotated[UtcInstant, Field(alias="from")]
    until: UtcInstant
    on_time_s: int


class ComplianceReport(ComplianceReportHead):
    rows: list[ComplianceRow]


@router.get(
    "/reports/access",
    operation_id="report_access",
    dependencies=requires(READERS, some_depots=True),
    response_model=AccessReport,
    responses=CSV,
)
async def report_access(
    caller: Caller,
    access_reports: Annotated[AccessReports, provided(lambda c: c.queries.access_reports)],
    from_: Annotated[Instant, Query(alias="from")],
    until: Annotated[Instant, Query()],
    group_by: Annotated[str, Query(max_length=200, description="Some of " + ", ".join(GroupBy))] = "day",
    depot_id: Annotated[str | None, Query(max_length=64)] = None,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    accept: Accept = "application/json",
) -> Response:
    """Attempts counted by the columns of `group_by`; a day is the depot's local day. `would_deny_count` counts the attempts
    that were allowed only under `observe`. With `Accept: text/csv` the response is a file."""
    wanted = ReportFilter(since=from_, until=until, depot_id=depot_id, charger_id=charger_id)
    groups = _groups_of(GroupBy, group_by)
    rows = await access_reports(caller.tenant_id, groups, wanted)
    if "text/csv" in accept:
        return await _file([*map(_column, groups), *COUNTS], rows)
    head = AccessReportHead(group_by=groups, from_=from_, until=until)
    return await json_in_pieces(head, "rows", (AccessCount(**row) for row in rows))


@router.get(
    "/reports/mode-compliance",
    operation_id="report_mode_compliance",
    dependencies=requires(READERS, some_depots=True),
    response_model=ComplianceReport,
    responses=CSV,
)
async def report_mode_compliance(
    caller: Caller,
    mode_compliance: Annotated[ModeCompliance, provided(lambda c: c.queries.mode_compliance)],
    from_: Annotated[Instant, Query(alias="from")],
    until: Annotated[Instant, Query()],
    group_by: Annotated[str, Query(max_length=200, description="Some of " + ", ".join(ComplianceGroup))] = "day",
    depot_id: Annotated[str | None, Query(max_length=64)] = None,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    on_time_s: Annotated[
        int, Query(ge=0, le=86_400, description="Up to this lateness in seconds a transition is on time")
    ] = ON_TIME_S,
    accept: Accept = "application/json",
) -> Response:
    """Whether chargers entered their expected modes on time, by the columns of `group_by`; a day is the depot's local day.

    Of the `transitions` due in `[from, until)`, `on_time` were applied within `on_time_s`, `late` while the mode was still
    expected, `missed` not before another mode was expected, and `pending` are still expected and not applied. `unreachable`
    counts the late, missed and pending transitions at which the service could not reach the charger in time. `lateness_…_s`
    cover the applied transitions. `in_expected_mode_share` is the share of the time in which the charger's last verified mode
    was the expected one. Transitions are due by the plan in force at the time. Chargers whose profile cannot switch the mode
    are left out. With `Accept: text/csv` the response is a file.
    """
    question = ComplianceQuestion(
        since=from_, until=until, depot_id=depot_id, charger_id=charger_id, depots=caller.depots, on_time_s=on_time_s
    )
    groups = _groups_of(ComplianceGroup, group_by)
    rows = await mode_compliance(caller.tenant_id, groups, question)
    if "text/csv" in accept:
        return await _file([*(COMPLIANCE_COLUMNS[each] for each in groups), *MEASURES], rows)
    head = ComplianceReportHead(group_by=groups, from_=from_, until=until, on_time_s=on_time_s)
    return await json_in_pieces(head, "rows", (ComplianceRow(**row) for row in rows))


async def _file(columns: list[str], rows: list[dict[str, Any]]) -> Response:
    file = await asyncio.to_thread(csv_file, columns, rows)
    return Response(file, media_type="text/csv; charset=utf-8")


def _groups_of(kind: type[Group], text: str) -> list[Group]:
    try:
        return list(dict.fromkeys(kind(each.strip()) for each in text.split(",")))
    except ValueError as unknown:
        raise ReportInvalid(
            f"group_by must be one or several of {', '.join(kind)}, separated by commas.", pointer="/group_by"
        ) from unknown


def _column(group: GroupBy) -> str:
    return {GroupBy.DEPOT: "depot_id", GroupBy.CHARGER: "charger_id"}.get(group, group.value)
