"""`/v1/events`: receive events of other services, one at a time, as EventBridge's API destinations send them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi.responses import Response

from access_policy.adapters.event_intake.messages import AnyEvent, BadEvent, incoming
from access_policy.application.ports.event_intake import EventIntake, IntakeStatus
from access_policy.entrypoints.http.auth import SERVICES, Caller, requires
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.fields import ResponseModel
from access_policy.entrypoints.http.problems import problem
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["events"])

STATUS = {IntakeStatus.REFUSED: HTTPStatus.UNPROCESSABLE_ENTITY, IntakeStatus.NOT_YET: HTTPStatus.CONFLICT}


class EventReceived(ResponseModel):
    """The result of an event. `duplicate`: it was received before. `outdated`: a newer event about the same thing was
    received before, so this one has no effect."""

    event_id: str
    outcome: Literal["applied", "duplicate", "outdated"]


@router.post("/events", operation_id="take_event", dependencies=requires(SERVICES), response_model=EventReceived)
async def take_event(
    caller: Caller, intake: Annotated[EventIntake, provided(lambda c: c.intake.receiver)], body: AnyEvent
) -> EventReceived | Response:
    """Receive an event. Sending an event twice, or an older one after a newer one, is harmless. 409: the event does not
    fit the present state; send it again later. 422: the event will never fit."""
    try:
        event = incoming(body)
    except BadEvent as bad:
        return _refused("invalid-event", bad.reasons)
    if event.tenant_id != caller.tenant_id:
        return _refused("other-tenant", [("/detail/tenant_id", "is not the tenant of the token")])
    result = await intake.receive(event)
    if result.status in STATUS:
        errors = [{"pointer": f"/detail/data{result.pointer or ''}", "message": result.reason}]
        return problem(STATUS[result.status], result.code, result.reason, errors=errors)
    return EventReceived(event_id=event.event_id, outcome=result.status)


def _refused(code: str, reasons: list[tuple[str, str]]) -> Response:
    errors = [{"pointer": pointer, "message": message} for pointer, message in reasons]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, code, f"{reasons[0][0]}: {reasons[0][1]}", errors=errors)
