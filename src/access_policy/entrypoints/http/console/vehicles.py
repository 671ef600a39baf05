"""The vehicles: search, export, and the way to edit, import and enrol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from access_policy.application.audit.readings import Readings
from access_policy.application.ports.unknown_identifiers import UnknownIdentifiers
from access_policy.application.ports.views import PAGE_MAX, Row
from access_policy.entrypoints.http.auth import OPERATORS, READERS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.vehicle_search import find_vehicles
from access_policy.entrypoints.http.dependencies import Clock, DecisionView, Views, provided
from access_policy.entrypoints.http.v1 import denied_identifiers as v1
from access_policy.entrypoints.http.v1.vehicle_models import Vehicles
from access_policy.settings import Settings

router: APIRouter = pages_router()

VEHICLES: Final = "/console/vehicles"
TO_ENROL: Final = "/console/denied-identifiers"
ON_A_PAGE: Final = 50

Class = Annotated[Literal["own", "agreement", ""], Query(alias="access_class")]
Cursor = Annotated[str | None, Query(max_length=500)]


@router.get(VEHICLES, dependencies=visitors(READERS))
async def vehicles_page(
    here: Here,
    views: Views,
    vehicles: Vehicles,
    q: Annotated[str, Query(max_length=200)] = "",
    access_class: Class = "",
    cursor: Cursor = None,
) -> HTMLResponse:
    text = q.strip()
    page = await find_vehicles(here, vehicles, text, access_class=access_class or None, cursor=cursor, limit=ON_A_PAGE)
    kept = {"q": text or None, "access_class": access_class or None}
    return here.page(
        "vehicles.html",
        vehicles=page.items,
        agreement_names=await _agreement_names(here, views, page.items),
        next_cursor=page.next_cursor,
        cursor=cursor,
        q=text,
        access_class=access_class,
        kept=kept,
        **common(here),
    )


@router.get(TO_ENROL, dependencies=visitors(READERS, some_depots=False))
async def to_enrol(
    here: Here,
    call: CommandCall,
    views: Views,
    view: DecisionView,
    clock: Clock,
    vehicles: Vehicles,
    unknown: Annotated[UnknownIdentifiers, provided(lambda c: c.records.unknown_identifiers)],
    readings: Annotated[Readings, provided(lambda c: c.auditing.readings)],
    settings: Annotated[Settings, provided(lambda c: c.settings)],
    cursor: Cursor = None,
) -> HTMLResponse:
    """List the denied identifiers, with their values if the visitor may see them. The service records that it showed
    them."""
    page = await v1.list_denied_identifiers(
        here.caller, call, views, view, clock, vehicles, unknown, readings, settings, False, cursor, ON_A_PAGE
    )
    found = [each.model_dump() for each in page.items]
    return here.page("to_enrol.html", denied=found, next_cursor=page.next_cursor, cursor=cursor, **common(here))


async def _agreement_names(here: Visit, views: Views, vehicles: Sequence[Row]) -> dict[str, str]:
    """Return the names of the agreements of `vehicles`, by id; those beyond the first page of agreements are left
    out."""
    if not any(each["agreement_id"] for each in vehicles):
        return {}
    page = await views.agreements(here.caller.tenant_id, cursor=None, limit=PAGE_MAX)
    return {row["agreement_id"]: row["name"] for row in page.items}


def common(here: Visit) -> dict[str, Any]:
    """Return what all pages of vehicles share. `may_change`: as in the API, vehicles belong to the tenant, and callers
    limited to some depots cannot change them."""
    return {
        "base": VEHICLES,
        "to_enrol": TO_ENROL,
        "may_change": here.may(OPERATORS) and here.caller.depots is None,
        "sees_all": here.caller.depots is None,
    }
