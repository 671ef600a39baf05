"""`/v1/sessions`."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from access_policy.application.commands.end_session import EndSession
from access_policy.domain.ids import AttemptId
from access_policy.entrypoints.http.answers import answer
from access_policy.entrypoints.http.auth import Caller, Services, context_of
from access_policy.entrypoints.http.bodies import ReasonBody

router = APIRouter(tags=["access"])


@router.post("/sessions/{attempt_id}/end", operation_id="end_session")
async def end_session(
    request: Request, caller: Caller, services: Services, attempt_id: str, body: ReasonBody
) -> Response:
    """End an open session on record, and ask the charger to stop it where it is connected."""
    key = await services.end_session.charger_of(caller.tenant_id, AttemptId(attempt_id))
    passed_on = await services.peers.answer(request, key)
    if passed_on is not None:
        return passed_on
    command = EndSession(attempt_id=AttemptId(attempt_id), reason=body.reason)
    ended = await services.end_session(context_of(request, caller), command)
    await services.settled(ended.position)
    return answer({"attempt_id": attempt_id, "charger_id": ended.charger_id, "asked_to_stop": ended.asked_to_stop})
