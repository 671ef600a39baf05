"""Register a charger, and retire one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter
from fastapi.responses import Response

from access_policy.application.commands.put_charger import PutCharger
from access_policy.application.commands.retire_charger import RetireCharger
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.domain.ids import ChargePointId, ChargerId, DepotId
from access_policy.entrypoints.http.auth import ADMINS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.charger import CHARGERS
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
    depots = [(each.depot_id, each.settings.name) for each in here.depots]
    known = sorted((each.name, f"{each.title} ({each.name})") for each in profiles.all(here.caller.tenant_id))
    return here.page(
        "register_charger.html",
        status=status,
        form=form,
        depots=depots,
        profiles=known,
        action=here.url(REGISTER),
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
    """Refused where the charger exists."""
    charger_id = ChargerId(sent.text("charger_id"))
    try:
        if view.known_policy(here.caller.tenant_id, charger_id) is not None:
            raise invalid({"charger_id": "A charger of this name is registered already; choose another name."})
        body = sent.body(ChargerBody, numbers=("connectors",), ignored=("charger_id",))
        command = PutCharger(
            charger_id=charger_id,
            charge_point_id=ChargePointId(body.charge_point_id),
            depot_id=DepotId(body.depot_id),
            profile=body.profile,
            baseline_mode=body.baseline_mode,
            enforcement=body.enforcement,
            connectors=body.connectors,
            on_window_start=body.on_window_start,
            on_store_outage=body.on_store_outage,
            offline_starts=body.offline_starts,
            password=body.password,
            expected_version=0,
        )
        await call(handler, command)
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
