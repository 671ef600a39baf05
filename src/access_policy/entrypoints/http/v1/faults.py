"""`/v1/faults`: errors of chargers that were not caused by a denial."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from access_policy.entrypoints.http.auth import READERS, Caller, requires
from access_policy.entrypoints.http.dependencies import Views
from access_policy.entrypoints.http.fields import End, Instant, Page, ResponseModel, UtcInstant
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["access"])


class Fault(ResponseModel):
    occurred_at: UtcInstant
    charger_id: str
    connector_id: int | None
    error_code: str
    vendor_error_code: str | None
    info: str | None
    cleared_at: UtcInstant | None


@router.get("/faults", operation_id="list_faults", dependencies=requires(READERS, some_depots=True))
async def list_faults(
    caller: Caller,
    views: Views,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[End | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Fault]:
    """List the faults of chargers, latest first. Changes nothing."""
    found = await views.faults(
        caller.tenant_id, charger_id=charger_id, since=from_, until=until, cursor=cursor, limit=limit
    )
    items = [Fault(**{name: row[name] for name in Fault.model_fields}) for row in found.items]
    return Page(items=items, next_cursor=found.next_cursor)
