"""From a denial to a vehicle: add the refused identifier to a vehicle that is known, or to a new one."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from access_policy.application.commands.enrol_identifier import EnrolIdentifier
from access_policy.application.commands.ignore_identifier import IgnoreIdentifier
from access_policy.application.ports.views import PAGE_MAX, AttemptFilter, Row
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AgreementId, ChargerId, VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import Call
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import Handler, Views, provided
from access_policy.entrypoints.http.v1.denied_identifiers import EnrolBody, IgnoreBody

router: APIRouter = pages_router()

DENIED: Final = "/console/denied-identifiers"
PATH: Final = DENIED + "/{denied_id}/enrol"
KNOWN: Final = "known"
NEW: Final = "new"
OFFERED_MAX: Final = 1000  # vehicles in the list to choose from; others are typed

From = Annotated[str | None, Query(max_length=64, alias="attempt")]


@router.get(PATH, dependencies=visitors(OPERATORS, some_depots=False))
async def enrol(here: Here, denied_id: str, views: Views, attempt: From = None) -> HTMLResponse:
    """Show the form. `attempt` is the refused attempt whose page the visitor came from."""
    form = Form.of({"which": KNOWN, "access_class": AccessClass.OWN.value})
    return await _page(here, denied_id, views, attempt, form)


@router.post(PATH, dependencies=visitors(OPERATORS, some_depots=False))
async def enrol_it(
    request: Request,
    here: Here,
    denied_id: str,
    sent: Sent,
    views: Views,
    handler: Annotated[Handler, provided(lambda c: c.commands.enrol_identifier)],
    attempt: From = None,
) -> Response:
    try:
        body = await _body(here, views, sent)
        command = EnrolIdentifier(
            pseudonym=denied_id,
            vehicle_id=VehicleId(body.vehicle_id),
            name=body.name,
            access_class=None if body.access_class is None else AccessClass(body.access_class),
            agreement_id=None if body.agreement_id is None else AgreementId(body.agreement_id),
        )
        await Call(request, Response(), here.caller)(handler, command)
    except REFUSALS as error:
        return await _page(here, denied_id, views, attempt, sent.refused(error), status=422)
    href = here.url(f"/console/attempts/{attempt}") if attempt else here.url("/console/vehicles")
    return here.done(href, f"Enrolled: {body.vehicle_id} may now charge with this identifier.")


@router.post(DENIED + "/{denied_id}/ignore", dependencies=visitors(OPERATORS, some_depots=False))
async def ignore_it(
    request: Request,
    here: Here,
    denied_id: str,
    sent: Sent,
    handler: Annotated[Handler, provided(lambda c: c.commands.ignore_identifier)],
) -> Response:
    body = sent.body(IgnoreBody, numbers=("days",))
    command = IgnoreIdentifier(pseudonym=denied_id, days=body.days, reason=body.reason)
    await Call(request, Response(), here.caller)(handler, command)
    href = here.url("/console/attempts", decision="denied")
    return here.done(href, f"Ignored for {body.days} days: it is not listed among the identifiers to enrol.")


async def _body(here: Visit, views: Views, sent: Form) -> EnrolBody:
    """Build the body. Raises `RequestValidationError`."""
    if sent.text("which") == NEW:
        if not sent.text("vehicle_id"):
            raise invalid({"vehicle_id": "Enter an id for the new vehicle, such as bus-104."})
        return replace(sent, values=_without_own_class(sent)).body(EnrolBody, ignored=("which", KNOWN))
    vehicle_id = await _found(here, views, sent.text(KNOWN))
    return EnrolBody(vehicle_id=vehicle_id)


def _without_own_class(sent: Form) -> dict[str, Any]:
    """Drop the agreement of an own vehicle, whose field may still be filled in."""
    values = dict(sent.values)
    if sent.text("access_class") == AccessClass.OWN:
        values["agreement_id"] = ""
    return values


async def _found(here: Visit, views: Views, text: str) -> str:
    """Return the id of the vehicle with this id, or of the only one with this name. Raises `RequestValidationError`."""
    if not text:
        raise invalid({KNOWN: "Choose a vehicle, or register a new one."})
    if (row := await views.vehicle(here.caller.tenant_id, VehicleId(text))) is not None:
        return str(row["vehicle_id"])
    named = await views.vehicles(here.caller.tenant_id, name=text, limit=PAGE_MAX)
    if len(named.items) == 1:
        return str(named.items[0]["vehicle_id"])
    if named.items:
        raise invalid({KNOWN: f"{len(named.items)} vehicles have this in their name; enter the id of one of them."})
    raise invalid({KNOWN: "No vehicle has this id or name. Choose one from the list, or register a new vehicle."})


async def _page(
    here: Visit, denied_id: str, views: Views, attempt: str | None, form: Form, *, status: int = 200
) -> HTMLResponse:
    action = here.url(PATH.format(denied_id=denied_id), attempt=attempt)
    back = here.url(f"/console/attempts/{attempt}" if attempt else "/console/vehicles")
    identifier = await _identifier(here, denied_id, views)
    return here.page(
        "enrol.html",
        status=status,
        form=form,
        action=action,
        back=back,
        identifier=identifier,
        changing=await _vehicle_with_changing_mac(here, identifier, views),
        vehicles=await all_vehicles(here, views),
        agreement_options=await agreement_options(here, views),
    )


async def _identifier(here: Visit, denied_id: str, views: Views) -> Row | None:
    """Return the latest attempt with it, which says what was presented, where and when."""
    wanted = AttemptFilter(pseudonyms=frozenset({denied_id}))
    page = await views.attempts(here.caller.tenant_id, wanted, cursor=None, limit=1)
    return page.items[0] if page.items else None


async def _vehicle_with_changing_mac(here: Visit, identifier: Row | None, views: Views) -> str | None:
    """Return the vehicle that this MAC probably belongs to, which was enrolled at the charger by another MAC just before."""
    if identifier is None or identifier["identifier_kind"] != IdentifierKind.MAC or identifier["charger_id"] is None:
        return None
    session = await views.enrolment_session(here.caller.tenant_id, ChargerId(identifier["charger_id"]))
    return None if session is None or session["other_mac"] is None else str(session["enrolled_vehicle_id"])


async def all_vehicles(here: Visit, views: Views) -> list[Row]:
    """Return the vehicles to choose from, at most `OFFERED_MAX`."""
    rows: list[Row] = []
    cursor = None
    while len(rows) < OFFERED_MAX:
        page = await views.vehicles(here.caller.tenant_id, cursor=cursor, limit=PAGE_MAX)
        rows += page.items
        if (cursor := page.next_cursor) is None:
            break
    return rows


async def agreement_options(here: Visit, views: Views) -> list[tuple[str, str]]:
    page = await views.agreements(here.caller.tenant_id, cursor=None, limit=PAGE_MAX)
    return [("", "none"), *((row["agreement_id"], f"{row['name']} ({row['agreement_id']})") for row in page.items)]
