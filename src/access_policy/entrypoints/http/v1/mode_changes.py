"""`/v1/mode-changes`: each request to switch a charger, and its result."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from access_policy.application.ports.views import Row
from access_policy.domain.access_mode import AccessMode
from access_policy.entrypoints.http.auth import READERS, Caller, requires
from access_policy.entrypoints.http.dependencies import Views
from access_policy.entrypoints.http.fields import End, Instant, Page, ResponseModel, UtcInstant
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.plan_models import CauseShown

router = api_router(tags=["mode control"])


class ModeChangeFailure(ResponseModel):
    reason: str
    detail: str
    at: UtcInstant


class ModeChange(ResponseModel):
    charger_id: str
    mode: AccessMode
    cause: CauseShown
    due_at: UtcInstant
    requested_at: UtcInstant
    applied_at: UtcInstant | None
    lateness_s: float | None
    how_known: str | None
    outcome: Literal["requested", "applied", "failed"]
    failure: ModeChangeFailure | None
    mode_control: str
    trigger: str

    @classmethod
    def of(cls, row: Row) -> ModeChange:
        failure = None
        if row["failure"] is not None:
            failure = ModeChangeFailure(reason=row["failure"], detail=row["failure_detail"], at=row["failed_at"])
        return cls(
            charger_id=row["charger_id"],
            mode=row["mode"],
            cause=CauseShown(kind=row["cause_kind"], id=row["cause_id"], name=row["cause_name"]),
            due_at=row["due_at"],
            requested_at=row["requested_at"],
            applied_at=row["applied_at"],
            lateness_s=row["late_s"],
            how_known=row["evidence"],
            outcome=row["outcome"],
            failure=failure,
            mode_control=row["mode_control"],
            trigger=row["trigger"],
        )


@router.get("/mode-changes", operation_id="list_mode_changes", dependencies=requires(READERS, some_depots=True))
async def list_mode_changes(
    caller: Caller,
    views: Views,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    depot_id: Annotated[str | None, Query(max_length=64, description="The charger's present depot")] = None,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[End | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[ModeChange]:
    """List the changes, newest first by the time of the request, to which `from` and `until` also apply. `outcome` is
    `applied`, `failed` (with the reason; the service retries) or `requested` (not verified yet). `lateness_s` counts
    from `due_at`, and `how_known` names the evidence for the mode. A transition at which the service could not reach
    the charger has no entry; see the mode compliance report."""
    found = await views.mode_changes(
        caller.tenant_id,
        charger_id=charger_id,
        depot_id=depot_id,
        since=from_,
        until=until,
        cursor=cursor,
        limit=limit,
    )
    return Page(items=[ModeChange.of(row) for row in found.items], next_cursor=found.next_cursor)
