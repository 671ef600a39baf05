"""`/v1/events`: events of other services are taken in here, one at a time, as EventBridge's API destinations send them."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.adapters.event_intake.messages import AnyEvent, BadEvent, incoming
from access_policy.application.ports.event_intake import IntakeStatus
from access_policy.entrypoints.http.answers import answer
from access_policy.entrypoints.http.auth import Caller, Services
from access_policy.entrypoints.http.problems import problem

router = APIRouter(tags=["events"])

STATUS = {IntakeStatus.REFUSED: HTTPStatus.UNPROCESSABLE_ENTITY, IntakeStatus.NOT_YET: HTTPStatus.CONFLICT}


@router.post("/events", operation_id="take_event")
async def take_event(caller: Caller, services: Services, body: AnyEvent) -> Response:
    """Sending an event again is harmless, and so is sending an older one after a newer one. 409: it does not fit what is
    recorded now; send it again later. 422: it will never fit."""
    try:
        event = incoming(body)
    except BadEvent as bad:
        return _refused("invalid-event", bad.reasons)
    if event.tenant_id != caller.tenant_id:
        return _refused("other-tenant", [("/detail/tenant_id", "is not the tenant that the token is for")])
    result = await services.intake.receive(event)
    if result.status in STATUS:
        errors = [{"pointer": f"/detail/data{result.pointer or ''}", "message": result.reason}]
        return problem(STATUS[result.status], result.code, result.reason, errors=errors)
    return answer({"event_id": event.event_id, "outcome": result.status})


def _refused(code: str, reasons: list[tuple[str, str]]) -> Response:
    errors = [{"pointer": pointer, "message": message} for pointer, message in reasons]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, code, f"{reasons[0][0]}: {reasons[0][1]}", errors=errors)
