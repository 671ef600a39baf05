"""`/v1/access-events`: recorded attempts."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query

from access_policy.application.ports.views import AttemptFilter
from access_policy.application.queries.explained_attempt import ExplainedAttempts
from access_policy.domain.ids import AttemptId
from access_policy.entrypoints.http.auth import READERS, Caller, requires
from access_policy.entrypoints.http.dependencies import Views, provided
from access_policy.entrypoints.http.fields import End, Instant, Page
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.responses import not_found
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.access_event_models import AccessEvent, AccessEventInFull

router = api_router(tags=["access"])


@router.get("/access-events", operation_id="list_access_events", dependencies=requires(READERS, some_depots=True))
async def list_access_events(
    caller: Caller,
    views: Views,
    decision: Annotated[Literal["allowed", "denied", "none"] | None, Query()] = None,
    reason: Annotated[str | None, Query(max_length=64)] = None,
    would_deny: Annotated[str | None, Query(max_length=64, description="The reason under observe")] = None,
    charger_id: Annotated[str | None, Query(max_length=64)] = None,
    entrance_id: Annotated[str | None, Query(max_length=64)] = None,
    depot_id: Annotated[str | None, Query(max_length=64)] = None,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[End | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AccessEvent]:
    """List the attempts and the freevend starts without a decision (`none`), newest first. `from` is inclusive and `until`
    exclusive. Changes nothing."""
    wanted = AttemptFilter(
        decision=decision,
        reason=reason,
        would_deny=would_deny,
        charger_id=charger_id,
        entrance_id=entrance_id,
        depot_id=depot_id,
        since=from_,
        until=until,
    )
    found = await views.attempts(caller.tenant_id, wanted, cursor=cursor, limit=limit)
    return Page(items=[AccessEvent.of(row) for row in found.items], next_cursor=found.next_cursor)


@router.get("/access-events/{attempt_id}", operation_id="get_access_event", dependencies=requires(READERS))
async def get_access_event(
    caller: Caller,
    views: Views,
    explained_attempts: Annotated[ExplainedAttempts, provided(lambda c: c.queries.explained_attempts)],
    attempt_id: str,
) -> AccessEventInFull:
    """Return one attempt in full: the decision with its reason, its lineage and what followed. Changes nothing."""
    row = await views.attempt(caller.tenant_id, AttemptId(attempt_id))
    if row is None:
        raise not_found("attempt")
    decisions = await explained_attempts.decisions(caller.tenant_id, AttemptId(attempt_id))
    return AccessEventInFull.of_attempt(row, decisions)
