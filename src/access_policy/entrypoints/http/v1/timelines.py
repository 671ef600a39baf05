"""`/v1/chargers/{charger_id}/timeline`."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Query
from fastapi.responses import Response
from pydantic import Field

from access_policy.application.decision_view.narrowing import Narrowing
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.errors import Invalid
from access_policy.domain.ids import ChargerId, TenantId
from access_policy.domain.mode_schedule.timeline import HORIZON_MAX, timeline
from access_policy.entrypoints.http.auth import READERS, Caller, requires
from access_policy.entrypoints.http.dependencies import Clock, Policies, provided
from access_policy.entrypoints.http.fields import Instant, ResponseModel, UtcInstant, utc_text
from access_policy.entrypoints.http.responses import json_in_pieces, set_etag
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.gate_models import NarrowingShown
from access_policy.entrypoints.http.v1.plan_models import TimelineSegment, segments_of

router = api_router(tags=["schedule"])

DEFAULT_LENGTH = timedelta(days=7)


class TimelineRangeInvalid(Invalid):
    code = "timeline-range-invalid"


class TimelineHead(ResponseModel):
    charger_id: str
    time_zone: str
    from_: Annotated[UtcInstant, Field(alias="from")]
    until: UtcInstant
    narrowings: list[NarrowingShown]


class Timeline(TimelineHead):
    segments: list[TimelineSegment]


@router.get(
    "/chargers/{charger_id}/timeline",
    operation_id="get_timeline",
    dependencies=requires(READERS),
    response_model=Timeline,
)
async def get_timeline(
    caller: Caller,
    policies: Policies,
    clock: Clock,
    narrowing: Annotated[Narrowing, provided(lambda c: c.deciding.narrowing)],
    charger_id: str,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[Instant | None, Query()] = None,
    as_of: Annotated[Instant | None, Query()] = None,
) -> Response:
    """Get the timeline of exactly `[from, until)`, at most 400 days. With `as_of`, it follows the plan as it was at
    that instant.

    `narrowings` are the windows in which energy narrows access, active or planned for the next two days: in them,
    freevend becomes managed with cause `envelope`, and `own_only` also excludes vehicles with an agreement under
    managed access."""
    start = from_ or clock.now()
    end = until or start + DEFAULT_LENGTH
    if not timedelta(0) < end - start <= HORIZON_MAX:
        raise TimelineRangeInvalid(
            f"A timeline must end after it starts and cover at most {HORIZON_MAX.days} days; change 'until'.",
            pointer="/until",
        )
    if as_of is None:
        narrowing.freshen((caller.tenant_id, ChargerId(charger_id)))
    policy = await _policy(policies, caller.tenant_id, ChargerId(charger_id), as_of)
    zone = ZoneInfo(policy.settings.time_zone)
    narrowings = [NarrowingShown.of(each) for each in policy.narrowed_between(start, end)]
    head = TimelineHead(charger_id=charger_id, time_zone=zone.key, from_=start, until=end, narrowings=narrowings)
    found = await asyncio.to_thread(timeline, policy.plan, start, end)
    response = await json_in_pieces(head, "segments", segments_of(found, zone))
    set_etag(response, policy.changed_at)
    return response


async def _policy(
    policies: Policies, tenant_id: TenantId, charger_id: ChargerId, as_of: datetime | None
) -> ChargerAccessPolicy:
    if as_of is None:
        return await policies.get(tenant_id, charger_id)
    policy = await policies.as_of(tenant_id, charger_id, as_of)
    if policy is None:
        raise ChargerUnknown(f"There was no charger {charger_id[:64]} at {utc_text(as_of)}.")
    return policy
