"""Faults of chargers, without the errors that denials caused."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from access_policy.entrypoints.http.auth import READERS
from access_policy.entrypoints.http.console.attempts import ATTEMPTS, ON_A_PAGE
from access_policy.entrypoints.http.console.attempts_asked import PERIOD_WORDS, PERIODS, Period
from access_policy.entrypoints.http.console.here import Here
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import Views

router: APIRouter = pages_router()

FAULTS: Final = "/console/faults"


@router.get(FAULTS, dependencies=visitors(READERS))
async def faults(
    here: Here,
    views: Views,
    charger_id: Annotated[str, Query(max_length=64)] = "",
    period: Annotated[Period, Query()] = "week",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    length = PERIODS[period]
    within = views if here.depot_id is None else views.within(frozenset({here.depot_id}))
    page = await within.faults(
        here.caller.tenant_id,
        charger_id=charger_id or None,
        since=None if length is None else here.now - length,
        until=None,
        cursor=cursor,
        limit=ON_A_PAGE,
    )
    return here.page(
        "faults.html",
        faults=page.items,
        next_cursor=page.next_cursor,
        cursor=cursor,
        charger_id=charger_id,
        period=period,
        periods=PERIOD_WORDS,
        kept={"charger_id": charger_id or None, "period": None if period == "week" else period},
        base=FAULTS,
        attempts=ATTEMPTS,
    )
