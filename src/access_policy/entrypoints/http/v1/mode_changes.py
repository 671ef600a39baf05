"""`/v1/mode-changes`: each request to switch a charger, and what came of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from access_policy.application.ports.views import Row
from access_policy.entrypoints.http.answers import Cursor, Limit, instant, page
from access_policy.entrypoints.http.auth import Caller, Services
from access_policy.entrypoints.http.bodies import End, Instant

router = APIRouter(tags=["mode control"])


@router.get("/mode-changes", operation_id="list_mode_changes")
async def list_mode_changes(
    caller: Caller,
    services: Services,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    depot_id: Annotated[str | None, Query(max_length=64, description="Where the charger is now")] = None,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[End | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """By the time of the request, newest first; `from` and `until` are about it. `outcome` is `applied`, `failed` (with the
    reason; the service tries again) or `requested` (not seen applied). `lateness_s` counts from `due_at`, and `how_known` says
    by what the mode was seen. A transition at which the charger could not be asked has no entry: see the report on mode
    compliance."""
    found = await services.views.mode_changes(
        caller.tenant_id,
        charger_id=charger_id,
        depot_id=depot_id,
        since=from_,
        until=until,
        cursor=cursor,
        limit=limit,
    )
    return page(found, _mode_change)


def _mode_change(row: Row) -> dict[str, Any]:
    return {
        "charger_id": row["charger_id"],
        "mode": row["mode"],
        "cause": {"kind": row["cause_kind"], "id": row["cause_id"], "name": row["cause_name"]},
        "due_at": instant(row["due_at"]),
        "requested_at": instant(row["requested_at"]),
        "applied_at": instant(row["applied_at"]),
        "lateness_s": row["late_s"],
        "how_known": row["evidence"],
        "outcome": row["outcome"],
        "failure": None
        if row["failure"] is None
        else {"reason": row["failure"], "detail": row["failure_detail"], "at": instant(row["failed_at"])},
        "mode_control": row["mode_control"],
        "trigger": row["trigger"],
    }
