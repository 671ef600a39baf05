"""`/v1/chargers/{charger_id}/calls` and `…/frames`: calls to a charger in its own protocol, and its recent frames."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import StringConstraints

from access_policy.application.charger_calls.call_charger import (
    CallCharger,
    CallChargerHandler,
    CallNotAnswered,
    RoleTooSmall,
)
from access_policy.application.ports.charger_calls import Direction, Frame, FrameKind, RecentFrames
from access_policy.domain.ids import ChargerId
from access_policy.entrypoints.http.auth import ADMINS, OPERATORS, Caller, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import DecisionView, Process, provided
from access_policy.entrypoints.http.fields import Page, RequestModel, ResponseModel, UtcInstant
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.responses import PASSED_ON
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["chargers"])

CallChargerCommand = Annotated[CallChargerHandler, provided(lambda c: c.commands.call_charger)]


class CallBody(RequestModel):
    """A call: `action` and `payload` as defined by OCPP, in the version that the charger uses."""

    action: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    payload: dict[str, Any]


class CallAnswer(ResponseModel):
    """A charger's answer to a call. `answer` is its payload, with identifiers masked and without secrets."""

    call_id: str
    protocol: str
    action: str
    answer: dict[str, Any]
    answered_at: UtcInstant


class FrameError(ResponseModel):
    code: str
    description: str


class FrameShown(ResponseModel):
    """A frame. `payload` has identifiers masked and no secrets. It is null for an error, for an unreadable frame, and
    for a frame that was too long to keep; `size` is in bytes. `action` of an answer is the action of its call, as long
    as the call is kept."""

    at: UtcInstant
    direction: Direction
    kind: FrameKind
    message_id: str | None
    action: str | None
    payload: dict[str, Any] | None
    error: FrameError | None
    size: int

    @classmethod
    def of(cls, frame: Frame) -> FrameShown:
        error = frame.error
        return cls(
            at=frame.at,
            direction=frame.direction,
            kind=frame.kind,
            message_id=frame.message_id,
            action=frame.action,
            payload=None if frame.payload is None else dict(frame.payload),
            error=None if error is None else FrameError(code=error.code, description=error.description),
            size=frame.size,
        )


@router.post(
    "/chargers/{charger_id}/calls",
    operation_id="call_charger",
    dependencies=requires(OPERATORS),
    responses={**PASSED_ON, 504: {}},
    response_model=CallAnswer,
)
async def call_charger(
    request: Request,
    charger_id: str,
    body: CallBody,
    call: CommandCall,
    process: Process,
    handler: CallChargerCommand,
) -> CallAnswer | Response:
    """Send a connected charger any call of its OCPP version, checked by the version's schema, and return its answer.

    Operators may reset, unlock, change availability, trigger messages, end transactions and read; all other calls need the
    role `admin`. 409: the charger is not connected, it answered with an error, or the call would change a setting that
    the service controls. 504: it did not answer in time, and may have executed the call. The audit records each call
    with its answer.
    """
    key = (call.caller.tenant_id, ChargerId(charger_id))
    passed_on = await process.peers.answer_or_refusal(request, key)
    if passed_on is not None:
        return passed_on
    command = CallCharger(
        charger_id=key[1],
        action=body.action,
        payload=body.payload,
        may_send_any=call.caller.role in ADMINS,
    )
    try:
        called = await handler(call.context, command)
    except RoleTooSmall as refusal:
        detail = f"{body.action[:64]} requires the role admin."
        raise ApiProblem(HTTPStatus.FORBIDDEN, "role-too-small", detail) from refusal
    except CallNotAnswered as silence:
        detail = f"Charger {charger_id} did not answer ({silence}); it may have executed the call."
        raise ApiProblem(HTTPStatus.GATEWAY_TIMEOUT, "charger-did-not-answer", detail) from silence
    await call.settled(called.position)
    return CallAnswer(
        call_id=called.call_id,
        protocol=called.protocol,
        action=called.action,
        answer=dict(called.answer),
        answered_at=called.answered_at,
    )


@router.get(
    "/chargers/{charger_id}/frames",
    operation_id="list_frames",
    dependencies=requires(OPERATORS),
    responses=PASSED_ON,
    response_model=Page[FrameShown],
)
async def list_frames(
    request: Request,
    caller: Caller,
    process: Process,
    view: DecisionView,
    frames: Annotated[RecentFrames, provided(lambda c: c.chargers.frames)],
    charger_id: str,
) -> Page[FrameShown] | Response:
    """List the latest frames between the charger and its gateway, newest first. The gateway keeps at most 40 of them in
    memory. The list is empty if the charger has not connected since the gateway started."""
    key = (caller.tenant_id, ChargerId(charger_id))
    view.charger(*key)
    passed_on = await process.peers.answer(request, key)
    if passed_on is not None:
        return passed_on
    return Page(items=[FrameShown.of(each) for each in await frames.of(key)], next_cursor=None)
