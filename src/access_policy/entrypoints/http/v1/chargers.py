"""`/v1/chargers`: settings and status."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.retire_charger import RetireCharger
from access_policy.application.commands.rotate_password import RotatePassword
from access_policy.application.ports.views import PAGE_MAX, Row
from access_policy.application.queries.charger_conditions import Link, conditions_of
from access_policy.application.queries.charger_sync import Sync, sync_of
from access_policy.application.turns import in_turns
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.ids import ChargePointId, ChargerId, DepotId, TenantId
from access_policy.domain.mode_schedule.timeline import expected_at, next_transition
from access_policy.entrypoints.http.answers import (
    Cursor,
    IfMatch,
    IfNoneMatch,
    Limit,
    answer,
    done,
    expected_version,
    instant,
    nothing_left,
)
from access_policy.entrypoints.http.auth import Caller, Services, context_of
from access_policy.entrypoints.http.bodies import ChargerBody, Instant
from access_policy.entrypoints.http.services import HttpServices
from access_policy.entrypoints.http.v1.planned import cause, exceptions_of, overrides_of, rules_of

router = APIRouter(tags=["chargers"])

SHOWN_AT_A_TIME = 20  # chargers, each with its timeline, in one turn of the event loop
PAGES_SEARCHED = 10  # of the read model, for one page of chargers with a `sync`


@router.put("/chargers/{charger_id}", operation_id="put_charger")
async def put_charger(
    request: Request,
    caller: Caller,
    services: Services,
    charger_id: str,
    body: ChargerBody,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    command = PutCharger(
        charger_id=ChargerId(charger_id),
        charge_point_id=ChargePointId(body.charge_point_id),
        depot_id=DepotId(body.depot_id),
        profile=body.profile,
        baseline_mode=body.baseline_mode,
        enforcement=body.enforcement,
        connectors=body.connectors,
        on_window_start=body.on_window_start,
        on_store_outage=body.on_store_outage,
        offline_starts=body.offline_starts,
        password=body.password,
        expected_version=expected_version(if_match, if_none_match),
    )
    result = await services.put_charger(context_of(request, caller), command)
    await services.settled(result.position)
    shown = await charger_as_shown(services, caller.tenant_id, ChargerId(charger_id))
    return done(result, shown, status=201 if result.created else 200)


@router.get("/chargers/{charger_id}", operation_id="get_charger")
async def get_charger(
    caller: Caller, services: Services, charger_id: str, as_of: Annotated[Instant | None, Query()] = None
) -> Response:
    """With `as_of`: as it was recorded at that instant."""
    if as_of is not None:
        return answer(await _as_of(services, caller.tenant_id, ChargerId(charger_id), as_of))
    shown = await charger_as_shown(services, caller.tenant_id, ChargerId(charger_id))
    return answer(shown, version=shown["version"])


@router.get("/chargers", operation_id="list_chargers")
async def list_chargers(
    caller: Caller,
    services: Services,
    depot_id: Annotated[str | None, Query(max_length=64)] = None,
    sync: Annotated[Sync | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """At most `limit` chargers by id. `sync` is looked up as it is now, among 2,000 chargers at once: a page filtered by it may
    hold fewer items than asked for, and `next_cursor` goes on from there."""
    items: list[dict[str, Any]] = []
    for _ in range(PAGES_SEARCHED):
        size = limit if sync is None else PAGE_MAX
        found = await services.views.chargers(caller.tenant_id, depot_id=depot_id, cursor=cursor, limit=size)
        cursor = found.next_cursor
        async for number, row in in_turns(list(enumerate(found.items, 1)), at_a_time=SHOWN_AT_A_TIME):
            shown = await _status(services, caller.tenant_id, row)
            if shown is not None and sync in (None, shown["sync"]):
                items.append(shown)
            if len(items) == limit and number < len(found.items):
                return answer({"items": items, "next_cursor": services.views.cursor_after_charger(row["charger_id"])})
        if sync is None or cursor is None or len(items) == limit:
            break
    return answer({"items": items, "next_cursor": cursor})


@router.delete("/chargers/{charger_id}", operation_id="retire_charger", status_code=204)
async def retire_charger(
    request: Request, caller: Caller, services: Services, charger_id: str, if_match: IfMatch = None
) -> Response:
    command = RetireCharger(charger_id=ChargerId(charger_id), expected_version=expected_version(if_match))
    result = await services.retire_charger(context_of(request, caller), command)
    await services.settled(result.position)
    return nothing_left(result)


@router.post("/chargers/{charger_id}/rotate-password", operation_id="rotate_password", status_code=204)
async def rotate_password(request: Request, caller: Caller, services: Services, charger_id: str) -> Response:
    """Give the charger a new password over its connection. The old one holds until the charger has used the new one, which
    nobody is told."""
    passed_on = await services.peers.answer(request, (caller.tenant_id, ChargerId(charger_id)))
    if passed_on is not None:
        return passed_on
    await services.rotate_password(context_of(request, caller), RotatePassword(charger_id=ChargerId(charger_id)))
    return Response(status_code=204)


async def charger_as_shown(services: HttpServices, tenant_id: TenantId, charger_id: ChargerId) -> dict[str, Any]:
    """Raises `ChargerUnknown`."""
    row = await services.views.charger(tenant_id, charger_id)
    if row is None:
        raise ChargerUnknown(f"There is no charger {charger_id[:64]}.")
    policy, shown = await services.policies.find(tenant_id, charger_id), await _status(services, tenant_id, row)
    if policy is None or shown is None:
        raise ChargerUnknown(f"There is no charger {charger_id[:64]}.")
    return {
        **shown,
        "mode_rules": rules_of(policy),
        "exceptions": exceptions_of(policy),
        "overrides": overrides_of(policy),
    }


async def _status(services: HttpServices, tenant_id: TenantId, row: Row) -> dict[str, Any] | None:
    """A charger that the read model shows and the decision view has not followed yet is looked up in the store; None if it is
    not there either."""
    now = services.clock.now()
    charger_id = ChargerId(row["charger_id"])
    if services.decision_view.known_policy(tenant_id, charger_id) is None:
        policy = await services.policies.find(tenant_id, charger_id)
        if policy is None:
            return None
        expected, upcoming = expected_at(policy.plan, now), next_transition(policy.plan, now)
    else:
        charger = services.decision_view.charger(tenant_id, charger_id)
        policy, expected = charger.policy, charger.expected(now)
        upcoming = next(charger.timeline_now(now).transitions(now), None) or next_transition(policy.plan, now)
    connected = services.connected((tenant_id, charger_id), row)
    profile = services.profiles.get(tenant_id, policy.settings.profile)
    return {
        "charger_id": charger_id,
        **_settings(policy),
        "connected": connected,
        "protocol": row["protocol"],
        "vendor": row["vendor"],
        "model": row["model"],
        "firmware": row["firmware"],
        "expected_mode": expected.mode,
        "expected_cause": cause(expected.cause),
        "applied_mode": row["applied_mode"],
        "applied_at": instant(row["applied_at"]),
        "applied_late_s": row["applied_late_s"],
        "evidence": row["evidence"],
        "sync": sync_of(policy, profile, expected.mode, connected=connected),
        "failure": None if row["failure"] is None else {"reason": row["failure"], "detail": row["failure_detail"]},
        "conditions": [
            {**asdict(each), "since": instant(each.since)}
            for each in conditions_of(
                policy, profile, expected.mode, _link(row, connected), failure_detail=row["failure_detail"], now=now
            )
        ],
        "kept_permissions": None
        if row["permissions_seen_at"] is None
        else {
            "seen_at": instant(row["permissions_seen_at"]),
            "in_force": row["permissions_in_force"],
            "refused": row["permissions_refused"],
        },
        "next_transition": None if upcoming is None else {"at": instant(upcoming.start), "mode": upcoming.mode},
        "version": policy.changed_at,
    }


def _link(row: Row, connected: bool) -> Link:
    """A charger that is connected here may not have been seen to be by the read model yet, and the other way round."""
    changed_at = row["connected_at"] if connected else row["disconnected_at"]
    return Link(connected=connected, changed_at=changed_at, why=row["disconnected_because"])


def _settings(policy: ChargerAccessPolicy) -> dict[str, Any]:
    settings = policy.settings
    return {
        "charge_point_id": settings.charge_point_id,
        "depot_id": settings.depot_id,
        "time_zone": settings.time_zone,
        "profile": settings.profile,
        "baseline_mode": settings.baseline_mode,
        "enforcement": policy.enforcement,
        "connectors": settings.connectors,
        "on_window_start": settings.on_window_start,
        "on_store_outage": settings.on_store_outage,
        "offline_starts": settings.offline_starts,
        "retired_at": instant(policy.retired_at),
    }


async def _as_of(services: HttpServices, tenant_id: TenantId, charger_id: ChargerId, at: datetime) -> dict[str, Any]:
    policy = await services.policies.as_of(tenant_id, charger_id, at)
    if policy is None:
        raise ChargerUnknown(f"There was no charger {charger_id[:64]} at {instant(at)}.")
    expected = expected_at(policy.plan, at)
    upcoming = next_transition(policy.plan, at)
    return {
        "as_of": instant(at),
        "charger_id": charger_id,
        **_settings(policy),
        "expected_mode": expected.mode,
        "expected_cause": cause(expected.cause),
        "applied_mode": policy.application.applied_mode,
        "applied_at": instant(policy.application.applied_at),
        "next_transition": None if upcoming is None else {"at": instant(upcoming.start), "mode": upcoming.mode},
        "mode_rules": rules_of(policy),
        "exceptions": exceptions_of(policy),
        "overrides": overrides_of(policy),
        "version": policy.changed_at,
    }
