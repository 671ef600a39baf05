"""`/v1/sessions`."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from fastapi.responses import Response

from access_policy.application.commands.end_session import EndSession, EndSessionHandler
from access_policy.domain.ids import AttemptId
from access_policy.entrypoints.http.auth import OPERATORS, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import Process, provided
from access_policy.entrypoints.http.fields import ReasonBody, ResponseModel
from access_policy.entrypoints.http.responses import PASSED_ON
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["access"])


class SessionEnded(ResponseModel):
    """An ended session. `asked_to_stop` is the charger's answer to the request to stop; null if the charger is not
    connected."""

    attempt_id: str
    charger_id: str
    asked_to_stop: str | None


@router.post(
    "/sessions/{attempt_id}/end",
    operation_id="end_session",
    dependencies=requires(OPERATORS),
    responses=PASSED_ON,
    response_model=SessionEnded,
)
async def end_session(
    request: Request,
    attempt_id: str,
    body: ReasonBody,
    call: CommandCall,
    process: Process,
    end: Annotated[EndSessionHandler, provided(lambda c: c.commands.end_session)],
) -> SessionEnded | Response:
    """Record the end of an open session, and ask the charger to stop it if the charger is connected."""
    key = await end.charger_of(call.caller.tenant_id, AttemptId(attempt_id))
    passed_on = await process.peers.answer(request, key)
    if passed_on is not None:
        return passed_on
    ended = await end(call.context, EndSession(attempt_id=AttemptId(attempt_id), reason=body.reason))
    await call.settled(ended.position)
    return SessionEnded(attempt_id=attempt_id, charger_id=ended.charger_id, asked_to_stop=ended.stop_answer)
