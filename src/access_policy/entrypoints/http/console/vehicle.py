"""One vehicle: register or edit it with its identifiers, suspend, reinstate, remove it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.reinstate_vehicle import ReinstateVehicle
from access_policy.application.commands.remove_vehicle import RemoveVehicle
from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.application.what_if.proposal import Proposal, ProposedVehicle
from access_policy.domain.audit.readings import ShownIn
from access_policy.domain.ids import VehicleId
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.calls import Call
from access_policy.entrypoints.http.console import vehicle_form, words
from access_policy.entrypoints.http.console.consequences import WHAT_IF_DAYS, Count
from access_policy.entrypoints.http.console.enrolling import agreement_options
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.vehicles import VEHICLES, common
from access_policy.entrypoints.http.dependencies import Handler, Views, provided
from access_policy.entrypoints.http.fields import ReasonBody
from access_policy.entrypoints.http.v1.vehicle_models import Vehicle, VehicleReader, Vehicles

router: APIRouter = pages_router()

NEW: Final = "/console/new-vehicle"
Put = Annotated[Handler, provided(lambda c: c.commands.put_vehicle)]
CHANGERS: Final = visitors(OPERATORS, some_depots=False)
Act = Literal["suspend", "reinstate", "remove"]


@router.get(NEW, dependencies=CHANGERS)
async def new_vehicle(here: Here, views: Views) -> HTMLResponse:
    return await _page(here, views, None, Form.of({"access_class": "own"}, version=0))


@router.post(NEW, dependencies=CHANGERS)
async def register(request: Request, here: Here, views: Views, sent: Sent, handler: Put) -> Response:
    sent = vehicle_form.tidied(sent)
    vehicle_id = sent.text("vehicle_id")
    try:
        if not vehicle_id:
            raise invalid({"vehicle_id": "Enter an id for the vehicle, such as bus-104."})
        if await views.vehicle(here.caller.tenant_id, VehicleId(vehicle_id)) is not None:
            raise invalid({"vehicle_id": f"{vehicle_id} is registered already; choose another id."})
        await _put(request, here, vehicle_id, sent, handler, expected=0)
    except REFUSALS as error:
        return await _page(here, views, None, sent.refused(error), status=422)
    return here.done(href_of(here, vehicle_id), f"{vehicle_id} is registered.")


@router.get(VEHICLES + "/{vehicle_id}", dependencies=visitors(READERS))
async def vehicle(request: Request, here: Here, vehicle_id: str, views: Views, vehicles: Vehicles) -> HTMLResponse:
    shown = await _stored(request, here, vehicles, vehicle_id)
    return await _page(here, views, shown, Form.of(vehicle_form.values_of(shown, here.zone), shown.version))


@router.post(VEHICLES + "/{vehicle_id}", dependencies=CHANGERS)
async def save(
    request: Request, here: Here, vehicle_id: str, views: Views, vehicles: Vehicles, sent: Sent, handler: Put
) -> Response:
    sent = vehicle_form.tidied(sent)
    try:
        await _put(request, here, vehicle_id, sent, handler, expected=sent.version)
    except REFUSALS as error:
        stored = await _stored(request, here, vehicles, vehicle_id)
        refused = sent.refused(error, vehicle_form.values_of(stored, here.zone))
        return await _page(here, views, stored, refused, status=422)
    return here.done(href_of(here, vehicle_id), f"{vehicle_id} is saved.")


@router.get(VEHICLES + "/{vehicle_id}/{act}", dependencies=CHANGERS)
async def ask(here: Here, vehicle_id: str, act: Act, vehicles: Vehicles) -> HTMLResponse:
    row = await vehicles.row(here.caller.tenant_id, VehicleId(vehicle_id))
    return _question(here, row, act, Form.of({"reason": ""}, row["version"]))


@router.get(VEHICLES + "/{vehicle_id}/{act}/what-if", dependencies=CHANGERS)
async def consequence(here: Here, vehicle_id: str, act: Act, count: Count) -> HTMLResponse:
    """Return the what-if part of the page that asks for confirmation."""
    suspended = None if act == "remove" else act == "suspend"
    change = ProposedVehicle(vehicle_id=VehicleId(vehicle_id), removed=act == "remove", suspended=suspended)
    found = await count(here.caller.tenant_id, Proposal(vehicles=(change,)), None, days=WHAT_IF_DAYS)
    return here.page("what_if_counted.html", found=found)


@router.post(VEHICLES + "/{vehicle_id}/suspend", dependencies=CHANGERS)
async def suspend(
    request: Request,
    here: Here,
    vehicle_id: str,
    vehicles: Vehicles,
    sent: Sent,
    handler: Annotated[Handler, provided(lambda c: c.commands.suspend_vehicle)],
) -> Response:
    try:
        reason = sent.body(ReasonBody).reason
        command = SuspendVehicle(vehicle_id=VehicleId(vehicle_id), reason=reason, expected_version=sent.version)
        await Call(request, Response(), here.caller)(handler, command)
    except REFUSALS as error:
        return await _asked_again(here, vehicles, vehicle_id, "suspend", sent, error)
    return here.done(href_of(here, vehicle_id), f"{vehicle_id} is suspended; it cannot charge in managed mode.")


@router.post(VEHICLES + "/{vehicle_id}/reinstate", dependencies=CHANGERS)
async def reinstate(
    request: Request,
    here: Here,
    vehicle_id: str,
    vehicles: Vehicles,
    sent: Sent,
    handler: Annotated[Handler, provided(lambda c: c.commands.reinstate_vehicle)],
) -> Response:
    try:
        reason = sent.body(ReasonBody).reason
        command = ReinstateVehicle(vehicle_id=VehicleId(vehicle_id), reason=reason, expected_version=sent.version)
        await Call(request, Response(), here.caller)(handler, command)
    except REFUSALS as error:
        return await _asked_again(here, vehicles, vehicle_id, "reinstate", sent, error)
    return here.done(href_of(here, vehicle_id), f"{vehicle_id} is reinstated.")


@router.post(VEHICLES + "/{vehicle_id}/remove", dependencies=CHANGERS)
async def remove(
    request: Request,
    here: Here,
    vehicle_id: str,
    vehicles: Vehicles,
    sent: Sent,
    handler: Annotated[Handler, provided(lambda c: c.commands.remove_vehicle)],
) -> Response:
    try:
        command = RemoveVehicle(vehicle_id=VehicleId(vehicle_id), expected_version=sent.version)
        await Call(request, Response(), here.caller)(handler, command)
    except REFUSALS as error:
        return await _asked_again(here, vehicles, vehicle_id, "remove", sent, error)
    return here.done(here.url(VEHICLES), f"{vehicle_id} is removed.")


def href_of(here: Visit, vehicle_id: str) -> str:
    return here.url(f"{VEHICLES}/{quote(vehicle_id, safe='')}")


async def _put(
    request: Request, here: Visit, vehicle_id: str, sent: Form, handler: Handler, *, expected: int | None
) -> None:
    body = vehicle_form.body_of(sent, here.zone)
    command = PutVehicle(
        vehicle_id=VehicleId(vehicle_id),
        description=body.description(),
        identifiers=body.presented(),
        expected_version=expected,
    )
    await Call(request, Response(), here.caller)(handler, command)


async def _stored(request: Request, here: Visit, vehicles: VehicleReader, vehicle_id: str) -> Vehicle:
    row = await vehicles.row(here.caller.tenant_id, VehicleId(vehicle_id))
    (shown,) = await vehicles.shown(Call(request, Response(), here.caller), [row], ShownIn.VEHICLE)
    return shown


async def _page(here: Visit, views: Views, stored: Vehicle | None, form: Form, *, status: int = 200) -> HTMLResponse:
    context: dict[str, Any] = {
        "vehicle": stored,
        "form": form,
        "rows": vehicle_form.rows_shown(form),
        "unseen": [] if stored is None else vehicle_form.unseen(stored),
        "action": here.url(NEW) if stored is None else href_of(here, stored.vehicle_id),
        "kinds": list(words.KINDS.items()),
        "agreement_options": await agreement_options(here, views),
    }
    return here.page("vehicle.html", status=status, **context, **common(here))


def _question(here: Visit, row: Any, act: str, form: Form, *, status: int = 200) -> HTMLResponse:
    path = f"{VEHICLES}/{quote(row['vehicle_id'], safe='')}/{act}"
    return here.page(
        "vehicle_act.html",
        status=status,
        vehicle=row,
        act=act,
        form=form,
        back=href_of(here, row["vehicle_id"]),
        action=here.url(path),
        counted_by=here.url(f"{path}/what-if"),
    )


async def _asked_again(
    here: Visit, vehicles: VehicleReader, vehicle_id: str, act: str, sent: Form, error: Exception
) -> HTMLResponse:
    row = await vehicles.row(here.caller.tenant_id, VehicleId(vehicle_id))
    return _question(here, row, act, sent.refused(error, {"reason": ""}), status=422)
