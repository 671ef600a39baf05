"""The password of one charger: set over the connection, or entered in the charger by a person."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from access_policy.application.commands.rotate_password import RotatePasswordHandler, new_password
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId
from access_policy.entrypoints.http.auth import ADMINS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.charger_settings import FIELDS
from access_policy.entrypoints.http.console.chargers import CHARGERS
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent
from access_policy.entrypoints.http.console.one_charger import At, AtCharger, as_api, of_peer, refused
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import Handler, Process, provided
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.v1 import chargers as v1
from access_policy.entrypoints.http.v1.charger_reader import Chargers

router: APIRouter = pages_router()


@router.get(CHARGERS + "/{charger_id}/password", dependencies=visitors(ADMINS))
async def ask(at: At) -> HTMLResponse:
    return _drawn(at, _empty(at))


@router.post(CHARGERS + "/{charger_id}/password", dependencies=visitors(ADMINS))
async def set_password(
    at: At,
    sent: Sent,
    chargers: Chargers,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_charger)],
) -> Response:
    """Set the password that was typed. If none was typed, the service generates one, which only this response shows."""
    charger = at.charger
    try:
        kept = {name: getattr(charger, name) for name in FIELDS}
        body = sent.body(v1.ChargerBody, **kept)
        made = new_password() if body.password is None else None
        body = body if made is None else body.model_copy(update={"password": made})
        await call(handler, body.command(charger.charger_id, expected_version=charger.version))
    except REFUSALS as error:
        stored = await chargers.charger(at.here.caller.tenant_id, ChargerId(charger.charger_id))
        form = sent.refused(error)
        return _drawn(replace(at, charger=stored), form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if made is None:
        return at.here.done(at.url(), f"{charger.charger_id} has the password that you typed.")
    return _drawn(at, _empty(at), made=made)


@router.post(CHARGERS + "/{charger_id}/rotate-password", dependencies=visitors(ADMINS))
async def rotate(
    at: At,
    request: Request,
    call: CommandCall,
    process: Process,
    handler: Annotated[RotatePasswordHandler, provided(lambda c: c.commands.rotate_password)],
) -> Response:
    charger_id = at.charger.charger_id
    asked = as_api(request, f"/v1/chargers/{quote(charger_id, safe='')}/rotate-password", None)
    try:
        found = await v1.rotate_password(asked, charger_id, call, process, handler)
        if found is not None:
            of_peer(found)
    except (Refused, ApiProblem) as error:
        return _drawn(at, refused(_empty(at), error), status=HTTPStatus.UNPROCESSABLE_ENTITY)
    said = f"{charger_id} was given a new password. The old one stays valid until the charger has used the new one."
    return at.here.done(at.url(), said)


def _empty(at: AtCharger) -> Form:
    return Form.of({"password": ""})


def _drawn(at: AtCharger, form: Form, *, made: str | None = None, status: int = HTTPStatus.OK) -> HTMLResponse:
    return at.here.page(
        "charger_password.html",
        status=status,
        charger=at.charger,
        form=form,
        made=made,
        action=at.url("/password"),
        rotate=at.url("/rotate-password"),
        back=at.url("/settings"),
    )
