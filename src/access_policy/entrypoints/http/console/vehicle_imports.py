"""Import vehicles from a CSV file."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.forms import Sent
from access_policy.entrypoints.http.console.here import Here
from access_policy.entrypoints.http.console.import_pages import ImportPages
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.vehicles import VEHICLES
from access_policy.entrypoints.http.middleware import CONSOLE_VEHICLE_IMPORTS
from access_policy.entrypoints.http.v1.registry_import_rows import RegistryImportRow
from access_policy.entrypoints.http.v1.registry_imports import Imports, import_head

router: APIRouter = pages_router()

CHANGERS: Final = visitors(OPERATORS, some_depots=False)
PAGES: Final = ImportPages(
    subject="vehicle",
    subjects="vehicles",
    heading="Import vehicles",
    listed="Vehicles",
    missing="Vehicles that are not in the file",
    key="vehicle_id",
    base=VEHICLES,
    path=CONSOLE_VEHICLE_IMPORTS,
    export="/v1/registry/export",
    columns=(
        "vehicle_id, name, access_class, agreement_id, valid_from, valid_until, rfid, mac, emaid, pin, plate. "
        "Separate several identifiers in a cell with semicolons."
    ),
    about="An empty cell keeps the present value, and “-” clears it.",
    removing="remove",
    removed="removed",
    warning="Many of the fleet’s vehicles would be removed; they could no longer charge in managed mode.",
    row_of=RegistryImportRow.of,
    head_of=import_head,
    href_of=lambda row: None if row.vehicle_id is None else f"{VEHICLES}/{quote(row.vehicle_id, safe='')}",
)


@router.get(PAGES.path, dependencies=CHANGERS)
async def upload_form(here: Here) -> HTMLResponse:
    return PAGES.empty_upload(here)


@router.post(PAGES.path, dependencies=CHANGERS)
async def plan(here: Here, sent: Sent, imports: Imports) -> Response:
    return await PAGES.planned(here, sent, lambda file, mode: imports.plan(here.caller.tenant_id, file, mode))


@router.get(PAGES.path + "/{plan_id}", dependencies=CHANGERS)
async def review(here: Here, plan_id: str, imports: Imports) -> HTMLResponse:
    return await PAGES.review(here, imports, plan_id)


@router.post(PAGES.path + "/{plan_id}/apply", dependencies=CHANGERS)
async def apply(here: Here, plan_id: str, sent: Sent, call: CommandCall, imports: Imports) -> Response:
    return await PAGES.applied(here, call, imports, plan_id, sent)
