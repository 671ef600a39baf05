"""Mode rules, exceptions, overrides and the timeline of a charger."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from access_policy.application.commands.add_exception import AddCalendarException, AddException
from access_policy.application.commands.amend_mode_rule import AmendModeRule
from access_policy.application.commands.lift_override import LiftOverride
from access_policy.application.commands.override_mode import OverrideMode
from access_policy.application.commands.remove_exception import RemoveException
from access_policy.application.commands.schedule_mode import ScheduleMode
from access_policy.application.commands.withdraw_mode_rule import WithdrawModeRule
from access_policy.domain.charger_access_policy.errors import ChargerUnknown
from access_policy.domain.charger_access_policy.policy import ChargerAccessPolicy
from access_policy.domain.errors import Invalid
from access_policy.domain.ids import CalendarId, ChargerId, ExceptionId, OverrideId, RuleId
from access_policy.domain.mode_schedule.timeline import HORIZON_MAX, timeline
from access_policy.entrypoints.http.answers import IfMatch, answer, done, expected_version, instant, nothing_left
from access_policy.entrypoints.http.auth import Caller, Services, context_of
from access_policy.entrypoints.http.bodies import ExceptionBody, Instant, OverrideBody, RuleBody
from access_policy.entrypoints.http.v1.planned import segments_shown

router = APIRouter(tags=["schedule"])

TIMELINE_DEFAULT = timedelta(days=7)


class TimelineRangeInvalid(Invalid):
    code = "timeline-range-invalid"


# --- mode rules ------------------------------------------------------------------------------------------------------


@router.post("/chargers/{charger_id}/mode-rules", operation_id="schedule_mode", status_code=201)
async def schedule_mode(
    request: Request, caller: Caller, services: Services, charger_id: str, body: RuleBody, if_match: IfMatch = None
) -> Response:
    command = ScheduleMode(
        charger_id=ChargerId(charger_id), draft=body.draft(), expected_version=expected_version(if_match)
    )
    result = await services.schedule_mode(context_of(request, caller), command)
    await services.settled(result.position)
    return done(result, {"rule_id": result.created_id, **body.model_dump(mode="json")}, status=201)


@router.put("/chargers/{charger_id}/mode-rules/{rule_id}", operation_id="amend_mode_rule")
async def amend_mode_rule(
    request: Request,
    caller: Caller,
    services: Services,
    charger_id: str,
    rule_id: str,
    body: RuleBody,
    if_match: IfMatch = None,
) -> Response:
    command = AmendModeRule(
        charger_id=ChargerId(charger_id),
        rule_id=RuleId(rule_id),
        draft=body.draft(),
        expected_version=expected_version(if_match),
    )
    result = await services.amend_mode_rule(context_of(request, caller), command)
    await services.settled(result.position)
    return done(result, {"rule_id": rule_id, **body.model_dump(mode="json")})


@router.delete("/chargers/{charger_id}/mode-rules/{rule_id}", operation_id="withdraw_mode_rule", status_code=204)
async def withdraw_mode_rule(
    request: Request, caller: Caller, services: Services, charger_id: str, rule_id: str, if_match: IfMatch = None
) -> Response:
    command = WithdrawModeRule(
        charger_id=ChargerId(charger_id), rule_id=RuleId(rule_id), expected_version=expected_version(if_match)
    )
    result = await services.withdraw_mode_rule(context_of(request, caller), command)
    await services.settled(result.position)
    return nothing_left(result)


# --- exceptions and overrides ----------------------------------------------------------------------------------------


@router.post("/chargers/{charger_id}/exceptions", operation_id="add_exception", status_code=201)
async def add_exception(
    request: Request, caller: Caller, services: Services, charger_id: str, body: ExceptionBody, if_match: IfMatch = None
) -> Response:
    command = _adding(ChargerId(charger_id), body, expected_version(if_match))
    result = await services.add_exception(context_of(request, caller), command)
    await services.settled(result.position)
    shown = body.model_dump(mode="json")
    shown["until_date"] = shown["until_date"] or shown["date"]
    return done(result, {"exception_id": result.created_id, **shown}, status=201)


def _adding(charger_id: ChargerId, body: ExceptionBody, version: int | None) -> AddException | AddCalendarException:
    if body.calendar_id is not None:
        return AddCalendarException(
            charger_id=charger_id,
            calendar_id=CalendarId(body.calendar_id),
            mode=body.mode,
            reason=body.reason,
            expected_version=version,
        )
    assert body.date is not None  # one of the two is given
    return AddException(
        charger_id=charger_id,
        first=body.date,
        last=body.until_date or body.date,
        mode=body.mode,
        reason=body.reason,
        expected_version=version,
    )


@router.delete("/chargers/{charger_id}/exceptions/{exception_id}", operation_id="remove_exception", status_code=204)
async def remove_exception(
    request: Request, caller: Caller, services: Services, charger_id: str, exception_id: str, if_match: IfMatch = None
) -> Response:
    command = RemoveException(
        charger_id=ChargerId(charger_id),
        exception_id=ExceptionId(exception_id),
        expected_version=expected_version(if_match),
    )
    result = await services.remove_exception(context_of(request, caller), command)
    await services.settled(result.position)
    return nothing_left(result)


@router.post("/chargers/{charger_id}/overrides", operation_id="override_mode", status_code=201)
async def override_mode(
    request: Request, caller: Caller, services: Services, charger_id: str, body: OverrideBody, if_match: IfMatch = None
) -> Response:
    """Ends at `until`, after `for`, or at the next transition of the timeline: exactly one of them."""
    command = OverrideMode(
        charger_id=ChargerId(charger_id),
        mode=body.mode,
        reason=body.reason,
        starts_at=body.from_,
        until=body.until,
        lasts=body.for_,
        expected_version=expected_version(if_match),
    )
    result = await services.override_mode(context_of(request, caller), command)
    await services.settled(result.position)
    policy = services.decision_view.charger(caller.tenant_id, ChargerId(charger_id)).policy
    made = policy.overrides.get(OverrideId(result.created_id or ""))
    shown = {
        "override_id": result.created_id,
        "mode": body.mode,
        "reason": body.reason,
        "from": instant(made.starts_at if made else body.from_),
        "until": instant(made.ends_at if made else body.until),
    }
    return done(result, shown, status=201)


@router.delete("/chargers/{charger_id}/overrides/{override_id}", operation_id="lift_override", status_code=204)
async def lift_override(
    request: Request, caller: Caller, services: Services, charger_id: str, override_id: str, if_match: IfMatch = None
) -> Response:
    command = LiftOverride(
        charger_id=ChargerId(charger_id),
        override_id=OverrideId(override_id),
        expected_version=expected_version(if_match),
    )
    result = await services.lift_override(context_of(request, caller), command)
    await services.settled(result.position)
    return nothing_left(result)


# --- the timeline ----------------------------------------------------------------------------------------------------


@router.get("/chargers/{charger_id}/timeline", operation_id="get_timeline")
async def get_timeline(
    caller: Caller,
    services: Services,
    charger_id: str,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[Instant | None, Query()] = None,
    as_of: Annotated[Instant | None, Query()] = None,
) -> Response:
    """Covers `[from, until)` exactly, at most 400 days; `as_of`: what was planned at that instant."""
    start = from_ or services.clock.now()
    end = until or start + TIMELINE_DEFAULT
    if not timedelta(0) < end - start <= HORIZON_MAX:
        raise TimelineRangeInvalid(
            f"A timeline covers more than nothing and at most {HORIZON_MAX.days} days; give a later 'until'.",
            pointer="/until",
        )
    policy = await _policy(services, caller, ChargerId(charger_id), as_of)
    return await asyncio.to_thread(_timeline_shown, charger_id, policy, start, end)


def _timeline_shown(charger_id: str, policy: ChargerAccessPolicy, start: datetime, end: datetime) -> Response:
    return answer(
        {
            "charger_id": charger_id,
            "time_zone": policy.settings.time_zone,
            "from": instant(start),
            "until": instant(end),
            "segments": segments_shown(timeline(policy.plan, start, end), ZoneInfo(policy.settings.time_zone)),
        },
        version=policy.changed_at,
    )


async def _policy(
    services: Services, caller: Caller, charger_id: ChargerId, as_of: datetime | None
) -> ChargerAccessPolicy:
    if as_of is None:
        return await services.policies.get(caller.tenant_id, charger_id)
    policy = await services.policies.as_of(caller.tenant_id, charger_id, as_of)
    if policy is None:
        raise ChargerUnknown(f"There was no charger {charger_id[:64]} at {instant(as_of)}.")
    return policy
