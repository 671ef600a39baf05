"""`/v1/pin-lockouts`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field

from access_policy.entrypoints.http.auth import READERS, Caller, requires
from access_policy.entrypoints.http.dependencies import Views
from access_policy.entrypoints.http.fields import End, Instant, Page, ResponseModel, UtcInstant
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["access"])


class PinLockout(ResponseModel):
    locked_at: UtcInstant
    locked_until: UtcInstant
    charger_id: Annotated[str | None, Field(description="Null for a lockout at an entrance")]
    entrance_id: str | None
    depot_id: str
    source: str
    attempt_id: str


@router.get("/pin-lockouts", operation_id="list_pin_lockouts", dependencies=requires(READERS, some_depots=True))
async def list_pin_lockouts(
    caller: Caller,
    views: Views,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    entrance_id: Annotated[str | None, Query(max_length=64)] = None,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[End | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[PinLockout]:
    """List the lockouts after too many wrong PINs. `source` is `charger`, or the service that presented the PINs over
    HTTP."""
    found = await views.pin_lockouts(
        caller.tenant_id,
        charger_id=charger_id,
        entrance_id=entrance_id,
        since=from_,
        until=until,
        cursor=cursor,
        limit=limit,
    )
    items = [PinLockout(**{name: row[name] for name in PinLockout.model_fields}) for row in found.items]
    return Page(items=items, next_cursor=found.next_cursor)
