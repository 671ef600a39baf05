"""Operations at a charger: reset, unlock, availability, triggers, settings, any call, the end of a session; and its log.

Each operation calls the API's route, which also reaches a charger whose connection another process owns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from access_policy.application.charger_calls import operations
from access_policy.application.commands.end_session import EndSessionHandler
from access_policy.application.ports.charger_calls import RecentFrames
from access_policy.domain.errors import Refused
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.board import BOARD
from access_policy.entrypoints.http.console.chargers import CHARGERS
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Visit
from access_policy.entrypoints.http.console.one_charger import At as OneCharger
from access_policy.entrypoints.http.console.one_charger import AtCharger, as_api, of_peer, refused
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Process, Views, provided
from access_policy.entrypoints.http.fields import ReasonBody
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.v1 import charger_calls, sessions
from access_policy.entrypoints.http.v1.charger_calls import CallAnswer, CallBody, CallChargerCommand, FrameShown
from access_policy.entrypoints.http.v1.charger_models import Charger

router: APIRouter = pages_router()

UNSENT: Final[dict[str, str | list[str]]] = {
    "connector": "1",
    "payload": "{}",
}  # values of fields that a button does not send
TRIGGERS: Final = ("StatusNotification", "Heartbeat", "MeterValues", "BootNotification")


@dataclass(frozen=True, slots=True)
class Reached:
    """A charger, and what its pages read about it."""

    at: AtCharger
    sessions: list[Any]

    @property
    def here(self) -> Visit:
        return self.at.here

    @property
    def charger(self) -> Charger:
        return self.at.charger

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
            path=self.at.url("/operations"),
            log=self.at.url("/log"),
        )


async def _reached(at: OneCharger, charger_id: str, views: Views) -> Reached:
    return Reached(at, list(await views.sessions_under_way(at.here.caller.tenant_id, [charger_id])))


At = Annotated[Reached, Depends(_reached)]


@router.get(CHARGERS + "/{charger_id}/operations", dependencies=visitors(OPERATORS))
async def show(at: At) -> Response:
    return at.page(Form.of(UNSENT))


@router.post(CHARGERS + "/{charger_id}/operations", dependencies=visitors(OPERATORS))
async def operate(
    at: At, request: Request, sent: Sent, call: CommandCall, process: Process, handler: CallChargerCommand
) -> Response:
    """Run an operation. `operation` is the button that was pressed."""
    sent = replace(sent, values={**UNSENT, **sent.values})
    try:
        action, payload = _operation(sent, at.charger.protocol or "")
        answer = await _answer(at, request, CallBody(action=action, payload=payload), call, process, handler)
    except (*REFUSALS, ApiProblem) as error:
        return at.page(refused(sent, error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return at.page(sent, answer=answer)


@router.post(CHARGERS + "/{charger_id}/restart", dependencies=visitors(OPERATORS))
async def restart(
    at: At, request: Request, sent: Sent, call: CommandCall, process: Process, handler: CallChargerCommand
) -> Response:
    """Restart a charger from the card of a problem; `back` says where the card is shown."""
    charger_id = at.charger.charger_id
    try:
        action, payload = operations.reset(at.charger.protocol or "")
        answer = await _answer(at, request, CallBody(action=action, payload=payload), call, process, handler)
        said = f"{charger_id} {_RESTARTS.get(str(answer.answer.get('status')), 'refused to restart')}."
    except (Refused, ApiProblem) as error:
        said = f"{charger_id} was not restarted. {error.detail}"
    return at.here.done(at.here.url(BOARD) if sent.text("back") == "board" else at.at.url(), said)


_RESTARTS: Final = {"Accepted": "restarts once it is idle", "Scheduled": "restarts once it is idle"}


async def _answer(
    at: Reached, request: Request, body: CallBody, call: CommandCall, process: Process, handler: CallChargerCommand
) -> CallAnswer:
    """Return the charger's answer, from the process that has its connection. Raises `Refused`, `ApiProblem`."""
    charger_id = at.charger.charger_id
    asked = as_api(request, f"/v1/chargers/{quote(charger_id, safe='')}/calls", body.model_dump())
    found = await charger_calls.call_charger(asked, charger_id, body, call, process, handler)
    return CallAnswer.model_validate_json(of_peer(found)) if isinstance(found, Response) else found


def _operation(sent: Form, protocol: str) -> tuple[str, dict[str, Any]]:
    """Return the action and the payload. Raises `RequestValidationError` or `OperationInvalid`."""
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
    try:
        body = sent.body(ReasonBody)
        asked = as_api(request, f"/v1/sessions/{quote(attempt_id, safe='')}/end", body.model_dump())
        found = await sessions.end_session(asked, attempt_id, body, call, process, end)
        if isinstance(found, Response):
            of_peer(found)
    except (*REFUSALS, ApiProblem) as error:
        return at.page(refused(sent, error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return at.here.done(at.at.url("/operations"), "The session is ended; the service has asked the charger to stop it.")


@router.get(CHARGERS + "/{charger_id}/log", dependencies=visitors(OPERATORS))
async def log(
    at: At,
    request: Request,
    process: Process,
    view: DecisionView,
    frames: Annotated[RecentFrames, provided(lambda c: c.chargers.frames)],
) -> Response:
    charger_id = at.charger.charger_id
    asked = as_api(request, f"/v1/chargers/{quote(charger_id, safe='')}/frames", None)
    found = await charger_calls.list_frames(asked, at.here.caller, process, view, frames, charger_id)
    if isinstance(found, Response):
        items = [FrameShown.model_validate(each) for each in msgspec.json.decode(of_peer(found))["items"]]
    else:
        items = found.items
    shown = [(each, "" if each.payload is None else json.dumps(each.payload, ensure_ascii=False)) for each in items]
    return at.here.page(
        "charger_log.html",
        charger=at.charger,
        frames=shown,
        page=at.at.url(),
        operations=at.at.url("/operations"),
        log=at.at.url("/log"),
    )
