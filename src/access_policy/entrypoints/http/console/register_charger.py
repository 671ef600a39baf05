"""Register a charger, and retire one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.application.commands.retire_charger import RetireCharger
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.domain.ids import ChargerId
from access_policy.entrypoints.http.auth import ADMINS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.charger_settings import choices
from access_policy.entrypoints.http.console.chargers import CHARGERS
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import DecisionView, Handler, Profiles, provided
from access_policy.entrypoints.http.v1.chargers import ChargerBody

router: APIRouter = pages_router()

REGISTER: Final = "/console/register-charger"


@router.get(REGISTER, dependencies=visitors(ADMINS))
async def form(here: Here, profiles: Profiles) -> Response:
    here = here.at_one_depot()
    values = {"depot_id": here.depot_id or "", "baseline_mode": "managed"}
    return _drawn(here, profiles, Form.of({**values, "enforcement": "enforce", "connectors": "1"}))


def _drawn(here: Visit, profiles: CapabilityProfiles, form: Form, status: int = HTTPStatus.OK) -> Response:
    return here.page(
        "register_charger.html",
        status=status,
        form=form,
        action=here.url(REGISTER),
        **choices(here, profiles, form),
    )


@router.post(REGISTER, dependencies=visitors(ADMINS))
async def register(
    here: Here,
    sent: Sent,
    view: DecisionView,
    profiles: Profiles,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.put_charger)],
) -> Response:
    """Register a charger. The page refuses an id that exists."""
    charger_id = ChargerId(sent.text("charger_id"))
    try:
        if view.known_policy(here.caller.tenant_id, charger_id) is not None:
            raise invalid({"charger_id": "A charger with this name is already registered; choose another name."})
        body = sent.body(ChargerBody, numbers=("connectors",), ignored=("charger_id",))
        await call(handler, body.command(charger_id, expected_version=0))
    except REFUSALS as error:
        return _drawn(here, profiles, sent.refused(error), HTTPStatus.UNPROCESSABLE_ENTITY)
    return here.done(here.url(f"{CHARGERS}/{charger_id}"), f"{charger_id} is registered; it may connect now.")


@router.post(CHARGERS + "/{charger_id}/retire", dependencies=visitors(ADMINS))
async def retire(
    here: Here,
    charger_id: str,
    call: CommandCall,
    handler: Annotated[Handler, provided(lambda c: c.commands.retire_charger)],
) -> Response:
    await call(handler, RetireCharger(charger_id=ChargerId(charger_id)))
    return here.done(here.url("/console/board"), f"{charger_id} is retired.")
