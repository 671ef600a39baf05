"""Operations at a charger: reset, unlock, availability, triggers, settings, any call, the end of a session; and its log.

Each is a call of the API's route, which also reaches a charger whose connection another process owns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from access_policy.application.charger_calls import operations
from access_policy.application.commands.end_session import EndSessionHandler
from access_policy.application.ports.charger_calls import RecentFrames
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, DepotId
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.charger import CHARGERS
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Process, Views, provided
from access_policy.entrypoints.http.fields import ReasonBody
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.v1 import charger_calls, sessions
from access_policy.entrypoints.http.v1.charger_calls import CallAnswer, CallBody, CallChargerCommand, FrameShown
from access_policy.entrypoints.http.v1.charger_models import Charger
from access_policy.entrypoints.http.v1.charger_reader import Chargers

router: APIRouter = pages_router()

UNSENT: Final[dict[str, str | list[str]]] = {
    "connector": "1",
    "payload": "{}",
}  # values of fields that a button does not send
TRIGGERS: Final = ("StatusNotification", "Heartbeat", "MeterValues", "BootNotification")


@dataclass(frozen=True, slots=True)
class Reached:
    """A charger, and what its pages read of it."""

    here: Visit
    charger: Charger
    sessions: list[Any]

    def page(self, form: Form, *, status: int = HTTPStatus.OK, answer: CallAnswer | None = None) -> Response:
        return self.here.page(
            "charger_operations.html",
            status=status,
            charger=self.charger,
            sessions=self.sessions,
            form=form,
            answer=answer,
            answer_text="" if answer is None else json.dumps(answer.answer, indent=2, ensure_ascii=False),
            triggers=[(each, each) for each in TRIGGERS],
            path=self.here.url(f"{CHARGERS}/{self.charger.charger_id}/operations"),
            log=self.here.url(f"{CHARGERS}/{self.charger.charger_id}/log"),
        )


async def _reached(here: Here, charger_id: str, chargers: Chargers, views: Views, view: DecisionView) -> Reached:
    tenant_id = here.caller.tenant_id
    shown = await chargers.charger(tenant_id, ChargerId(charger_id))
    there = here.in_depot(view.depot(tenant_id, DepotId(shown.depot_id)))
    return Reached(there, shown, list(await views.sessions_under_way(tenant_id, [charger_id])))


At = Annotated[Reached, Depends(_reached)]


@router.get(CHARGERS + "/{charger_id}/operations", dependencies=visitors(OPERATORS))
async def show(at: At) -> Response:
    return at.page(Form.of(UNSENT))


@router.post(CHARGERS + "/{charger_id}/operations", dependencies=visitors(OPERATORS))
async def operate(
    at: At, request: Request, sent: Sent, call: CommandCall, process: Process, handler: CallChargerCommand
) -> Response:
    """`operation` is the button that was pressed."""
    charger_id = at.charger.charger_id
    sent = replace(sent, values={**UNSENT, **sent.values})
    try:
        action, payload = _operation(sent, at.charger.protocol or "")
        body = CallBody(action=action, payload=payload)
        asked = _as_api(request, f"/v1/chargers/{charger_id}/calls", body.model_dump())
        found = await charger_calls.call_charger(asked, charger_id, body, call, process, handler)
        answer = CallAnswer.model_validate_json(_of_peer(found)) if isinstance(found, Response) else found
    except (*REFUSALS, ApiProblem) as error:
        return at.page(_refused(sent, error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return at.page(sent, answer=answer)


def _operation(sent: Form, protocol: str) -> tuple[str, dict[str, Any]]:
    """The action and the payload. Raises `RequestValidationError`, or `OperationInvalid`."""
    connector = int(text) if (text := sent.text("connector")).isdecimal() and len(text) < 4 else None
    match sent.text("operation"):
        case "reset":
            return operations.reset(protocol)
        case "reset_now":
            return operations.reset(protocol, immediately=True)
        case "unlock":
            return operations.unlock(protocol, connector or 1)
        case "operative" | "inoperative" as state:
            return operations.change_availability(protocol, is_operative=state == "operative")
        case "trigger":
            return operations.trigger(protocol, sent.text("message"))
        case "read":
            return operations.read_setting(protocol, _needed(sent, "setting"))
        case "write":
            return operations.write_setting(protocol, _needed(sent, "setting"), sent.text("value"))
        case "call":
            return _needed(sent, "action"), _payload(sent)
        case _:
            raise invalid({"operation": "Press one of the buttons."})


def _needed(sent: Form, name: str) -> str:
    if not (text := sent.text(name)):
        raise invalid({name: "Enter its name."})
    return text


def _payload(sent: Form) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(sent.text("payload") or "{}")
    except msgspec.DecodeError as error:
        raise invalid({"payload": f"This is not JSON: {error}."}) from error
    if not isinstance(found, dict):
        raise invalid({"payload": 'Write a JSON object, such as {"type": "Soft"}.'})
    return found


def _as_api(request: Request, path: str, body: Any) -> Request:
    """The same visitor's request for an operation of the API, which may be passed on to the charger's process."""
    content = msgspec.json.encode(body)
    headers = [pair for pair in request.scope["headers"] if pair[0] not in (b"content-type", b"content-length")]
    scope = {
        **request.scope,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [*headers, (b"content-type", b"application/json")],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    return Request(scope, receive)


def _of_peer(answer: Response) -> bytes:
    """The body of a success. Raises `ApiProblem`."""
    body = bytes(answer.body)
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        problem = msgspec.json.decode(body)
        raise ApiProblem(HTTPStatus(answer.status_code), "charger-refused", problem["detail"])
    return body


def _refused(sent: Form, error: Exception) -> Form:
    match error:
        case ApiProblem():
            return replace(sent, problem=error.detail)
        case Refused():
            return replace(sent, problem=error.detail)
        case _:
            return sent.refused(error)


@router.post(CHARGERS + "/{charger_id}/sessions/{attempt_id}/end", dependencies=visitors(OPERATORS))
async def end_session(
    at: At,
    attempt_id: str,
    request: Request,
    sent: Sent,
    call: CommandCall,
    process: Process,
    end: Annotated[EndSessionHandler, provided(lambda c: c.commands.end_session)],
) -> Response:
    path = at.here.url(f"{CHARGERS}/{at.charger.charger_id}/operations")
    try:
        body = sent.body(ReasonBody)
        asked = _as_api(request, f"/v1/sessions/{attempt_id}/end", body.model_dump())
        found = await sessions.end_session(asked, attempt_id, body, call, process, end)
        if isinstance(found, Response):
            _of_peer(found)
    except (*REFUSALS, ApiProblem) as error:
        return at.page(_refused(sent, error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return at.here.done(path, "The session is ended; the charger is asked to stop it.")


@router.get(CHARGERS + "/{charger_id}/log", dependencies=visitors(OPERATORS))
async def log(
    at: At,
    request: Request,
    process: Process,
    view: DecisionView,
    frames: Annotated[RecentFrames, provided(lambda c: c.chargers.frames)],
) -> Response:
    charger_id = at.charger.charger_id
    asked = _as_api(request, f"/v1/chargers/{charger_id}/frames", None)
    found = await charger_calls.list_frames(asked, at.here.caller, process, view, frames, charger_id)
    if isinstance(found, Response):
        items = [FrameShown.model_validate(each) for each in msgspec.json.decode(_of_peer(found))["items"]]
    else:
        items = found.items
    shown = [(each, "" if each.payload is None else json.dumps(each.payload, ensure_ascii=False)) for each in items]
    path = f"{CHARGERS}/{charger_id}"
    return at.here.page(
        "charger_log.html",
        charger=at.charger,
        frames=shown,
        page=at.here.url(path),
        operations=at.here.url(f"{path}/operations"),
        log=at.here.url(f"{path}/log"),
    )
