"""`/v1/reports`."""

from __future__ import annotations

import asyncio
from typing import Annotated, TypeVar

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from access_policy.application.ports.views import ReportFilter
from access_policy.application.queries.access_report import COUNTS, GroupBy, ReportInvalid
from access_policy.application.queries.mode_compliance import COLUMNS as COMPLIANCE_COLUMNS
from access_policy.application.queries.mode_compliance import MEASURES, ON_TIME_S, ComplianceGroup, ComplianceQuestion
from access_policy.application.spreadsheets import csv_file
from access_policy.entrypoints.http.answers import answer, instant
from access_policy.entrypoints.http.auth import Caller, Services
from access_policy.entrypoints.http.bodies import Instant

router = APIRouter(tags=["reports"])

Group = TypeVar("Group", GroupBy, ComplianceGroup)


@router.get("/reports/access", operation_id="report_access")
async def report_access(
    caller: Caller,
    services: Services,
    from_: Annotated[Instant, Query(alias="from")],
    until: Annotated[Instant, Query()],
    group_by: Annotated[str, Query(max_length=200, description="Some of " + ", ".join(GroupBy))] = "day",
    depot_id: Annotated[str | None, Query(max_length=64)] = None,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    accept: Annotated[str, Header(max_length=1000)] = "application/json",
) -> Response:
    """Attempts counted by what `group_by` names; days are the depots' own. `would_deny_count` are those that only `observe`
    allowed. With `Accept: text/csv` as a file."""
    wanted = ReportFilter(since=from_, until=until, depot_id=depot_id, charger_id=charger_id)
    groups = _groups_of(GroupBy, group_by)
    rows = await services.access_reports(caller.tenant_id, groups, wanted)
    if "text/csv" in accept:
        file = await asyncio.to_thread(csv_file, [*map(_column, groups), *COUNTS], rows)
        return Response(file, media_type="text/csv; charset=utf-8")
    shown = {"group_by": groups, "from": instant(from_), "until": instant(until), "rows": rows}
    return await asyncio.to_thread(answer, shown)


@router.get("/reports/mode-compliance", operation_id="report_mode_compliance")
async def report_mode_compliance(
    caller: Caller,
    services: Services,
    from_: Annotated[Instant, Query(alias="from")],
    until: Annotated[Instant, Query()],
    group_by: Annotated[str, Query(max_length=200, description="Some of " + ", ".join(ComplianceGroup))] = "day",
    depot_id: Annotated[str | None, Query(max_length=64)] = None,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    on_time_s: Annotated[
        int, Query(ge=0, le=86_400, description="How late a transition may be and be on time")
    ] = ON_TIME_S,
    accept: Annotated[str, Header(max_length=1000)] = "application/json",
) -> Response:
    """Whether chargers entered their expected modes when they were due, by what `group_by` names; days are the depots' own.

    Of the `transitions` due in `[from, until)`, `on_time` were applied within `on_time_s`, `late` ones while the mode was still
    expected, `missed` ones not before another mode was expected, and `pending` ones are not over. `unreachable` counts those
    of the late, missed and pending ones at which the charger could not be asked in time. `lateness_…_s` are of the applied
    ones. `in_expected_mode_share` is the share of the time for which the charger's last verified mode was the expected one.
    What was due is judged by the plan as it stood then. Chargers whose profile has no mode control are left out. With
    `Accept: text/csv` as a file.
    """
    question = ComplianceQuestion(
        since=from_, until=until, depot_id=depot_id, charger_id=charger_id, on_time_s=on_time_s
    )
    groups = _groups_of(ComplianceGroup, group_by)
    rows = await services.mode_compliance(caller.tenant_id, groups, question)
    if "text/csv" in accept:
        file = await asyncio.to_thread(csv_file, [*(COMPLIANCE_COLUMNS[each] for each in groups), *MEASURES], rows)
        return Response(file, media_type="text/csv; charset=utf-8")
    shown = {
        "group_by": groups,
        "from": instant(from_),
        "until": instant(until),
        "on_time_s": on_time_s,
        "rows": rows,
    }
    return await asyncio.to_thread(answer, shown)


def _groups_of(kind: type[Group], text: str) -> list[Group]:
    try:
        return list(dict.fromkeys(kind(each.strip()) for each in text.split(",")))
    except ValueError as unknown:
        raise ReportInvalid(
            f"group_by takes some of {', '.join(kind)}, separated by commas.", pointer="/group_by"
        ) from unknown


def _column(group: GroupBy) -> str:
    return {GroupBy.DEPOT: "depot_id", GroupBy.CHARGER: "charger_id"}.get(group, group.value)
