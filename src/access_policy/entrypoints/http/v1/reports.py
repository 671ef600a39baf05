"""`/v1/reports`."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from access_policy.application.ports.views import ReportFilter
from access_policy.application.queries.access_report import COUNTS, GroupBy, ReportInvalid
from access_policy.application.spreadsheets import csv_file
from access_policy.entrypoints.http.answers import answer, instant
from access_policy.entrypoints.http.auth import Caller, Services
from access_policy.entrypoints.http.bodies import Instant

router = APIRouter(tags=["reports"])


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
    groups = _groups(group_by)
    rows = await services.access_reports(caller.tenant_id, groups, wanted)
    if "text/csv" in accept:
        file = await asyncio.to_thread(csv_file, [*map(_column, groups), *COUNTS], rows)
        return Response(file, media_type="text/csv; charset=utf-8")
    shown = {"group_by": groups, "from": instant(from_), "until": instant(until), "rows": rows}
    return await asyncio.to_thread(answer, shown)


def _groups(text: str) -> list[GroupBy]:
    try:
        return list(dict.fromkeys(GroupBy(each.strip()) for each in text.split(",")))
    except ValueError as unknown:
        raise ReportInvalid(
            f"group_by takes some of {', '.join(GroupBy)}, separated by commas.", pointer="/group_by"
        ) from (unknown)


def _column(group: GroupBy) -> str:
    return {GroupBy.DEPOT: "depot_id", GroupBy.CHARGER: "charger_id"}.get(group, group.value)
