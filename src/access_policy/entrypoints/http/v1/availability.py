"""`/v1/depots/{depot_id}/availability`: the free windows that could be promised."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from access_policy.application.plan.free_windows import Free, FreeWindows
from access_policy.domain.ids import DepotId
from access_policy.entrypoints.http.auth import READERS, Caller, requires
from access_policy.entrypoints.http.dependencies import Clock, provided
from access_policy.entrypoints.http.fields import Instant, ResponseModel, UtcInstant
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["reservations"])


class FreeWindow(ResponseModel):
    start: UtcInstant
    end: UtcInstant


class PlaceAvailability(ResponseModel):
    """Either `charger_id` or `group_id`."""

    charger_id: str | None
    group_id: str | None
    windows: list[FreeWindow]

    @classmethod
    def of(cls, free: Free) -> PlaceAvailability:
        windows = [FreeWindow(start=each.start, end=each.end) for each in free.windows]
        return cls(charger_id=free.place.charger_id, group_id=free.place.group_id, windows=windows)


class Availability(ResponseModel):
    depot_id: str
    computed_at: UtcInstant
    items: list[PlaceAvailability]


@router.get("/depots/{depot_id}/availability", operation_id="get_availability", dependencies=requires(READERS))
async def get_availability(
    depot_id: str,
    caller: Caller,
    clock: Clock,
    free_windows: Annotated[FreeWindows, provided(lambda c: c.queries.free_windows)],
    from_: Annotated[Instant, Query(alias="from")],
    until: Annotated[Instant, Query()],
    group: Annotated[
        str | None, Query(max_length=64, description="A reservation group; without it, each charger by name")
    ] = None,
) -> Availability:
    """List the windows in `[from, until)`, at most 31 days, that could still be reserved under the depot's default
    terms. The service holds nothing for the caller: a window may be taken by another reservation at any time."""
    found = await free_windows(caller.tenant_id, DepotId(depot_id), from_, until, group)
    items = [PlaceAvailability.of(each) for each in found]
    return Availability(depot_id=depot_id, computed_at=clock.now(), items=items)
