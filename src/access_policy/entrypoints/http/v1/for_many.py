"""One change for many chargers: a mode rule, or the policy of one of them. A dry run shows each timeline before and after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import Response

from access_policy.application.commands.copy_policy import CopiedToOne, CopyPolicy
from access_policy.application.commands.previews import Preview
from access_policy.application.commands.schedule_mode_for_many import ForOneCharger, ScheduleModeForMany
from access_policy.application.errors import TooBusy
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId
from access_policy.domain.mode_schedule.differences import Difference, differences
from access_policy.entrypoints.http.answers import answer, instant
from access_policy.entrypoints.http.auth import Caller, Services, context_of
from access_policy.entrypoints.http.bodies import CopyPolicyBody, ManyRulesBody
from access_policy.entrypoints.http.v1.planned import cause, segments_shown

router = APIRouter(tags=["schedule"])


@router.post("/depots/{depot_id}/mode-rules", operation_id="schedule_mode_for_many")
async def schedule_mode_for_many(
    request: Request, caller: Caller, services: Services, depot_id: str, body: ManyRulesBody
) -> Response:
    """A result for each charger: a rule's id, or the problem that kept it from being made. With `dry_run` nothing is
    recorded, and each result shows `before`, `after` and, where they differ, `changes` over `[from, until)` (the next two
    weeks; at most 92 days)."""
    command = ScheduleModeForMany(
        depot_id=DepotId(depot_id),
        charger_ids=body.chosen(),
        draft=body.rule.draft(),
        dry_run=body.dry_run,
        start=body.from_,
        end=body.until,
    )
    results = await services.schedule_mode_for_many(context_of(request, caller), command)
    await services.settled(max((each.position for each in results), default=0))
    return await asyncio.to_thread(_answered, body.dry_run, results)


@router.post("/chargers/{charger_id}/copy-policy", operation_id="copy_policy")
async def copy_policy(
    request: Request, caller: Caller, services: Services, charger_id: str, body: CopyPolicyBody
) -> Response:
    """A result for each of the others: how many changes it took, or the problem that kept it from taking any. `what`: rules,
    exceptions and the baseline mode, unless it says otherwise. Overrides are never copied: one is what a person decided
    for one charger and a while, with a reason that holds there. Copies keep their ids: copying again changes nothing."""
    command = CopyPolicy(
        charger_id=ChargerId(charger_id),
        charger_ids=body.chosen(),
        parts=body.what.parts(),
        replaces=body.replace,
        dry_run=body.dry_run,
        start=body.from_,
        end=body.until,
    )
    results = await services.copy_policy(context_of(request, caller), command)
    await services.settled(max((each.position for each in results), default=0))
    return await asyncio.to_thread(_answered, body.dry_run, results)


def _answered(dry_run: bool, results: Sequence[ForOneCharger | CopiedToOne]) -> Response:
    return answer({"dry_run": dry_run, "results": [_for_one(each) for each in results]})


def _for_one(result: ForOneCharger | CopiedToOne) -> dict[str, Any]:
    if result.refusal is not None:
        return {"charger_id": result.charger_id, "ok": False, "problem": _problem(result.refusal)}
    shown: dict[str, Any] = {"charger_id": result.charger_id, "ok": True}
    if isinstance(result, ForOneCharger):
        shown["rule_id"] = result.rule_id
    else:
        shown["change_count"] = result.changes
    return shown if result.preview is None else {**shown, **_preview(result.preview)}


def _problem(refusal: Refused | TooBusy) -> dict[str, str]:
    return {"code": refusal.code if isinstance(refusal, Refused) else "too-busy", "detail": str(refusal)}


def _preview(preview: Preview) -> dict[str, Any]:
    zone = ZoneInfo(preview.time_zone)
    return {
        "time_zone": preview.time_zone,
        "from": instant(preview.before.start),
        "until": instant(preview.before.end),
        "before": segments_shown(preview.before, zone),
        "after": segments_shown(preview.after, zone),
        "changes": [_change(each, zone) for each in differences(preview.before, preview.after)],
    }


def _change(change: Difference, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "start": instant(change.start),
        "end": instant(change.end),
        "start_local": change.start.astimezone(zone).isoformat(),
        "end_local": change.end.astimezone(zone).isoformat(),
        "before": {"mode": change.before.mode, "cause": cause(change.before.cause)},
        "after": {"mode": change.after.mode, "cause": cause(change.after.cause)},
    }
