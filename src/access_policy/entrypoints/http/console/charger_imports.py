"""Import chargers from a CSV file."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from access_policy.application.charger_import.cells import CHARGERS as FILE
from access_policy.entrypoints.http.auth import ADMINS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.chargers import CHARGERS
from access_policy.entrypoints.http.console.forms import Sent
from access_policy.entrypoints.http.console.here import Here
from access_policy.entrypoints.http.console.import_pages import ImportPages
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.middleware import CONSOLE_CHARGER_IMPORTS
from access_policy.entrypoints.http.v1.charger_imports import ChargerImport, ChargerImportRow, Imports

router: APIRouter = pages_router()

CHANGERS: Final = visitors(ADMINS, some_depots=False)
PAGES: Final = ImportPages(
    subject="charger",
    base=CHARGERS,
    path=CONSOLE_CHARGER_IMPORTS,
    export="/v1/chargers/export",
    columns=f"{', '.join(FILE.columns)}. A new charger needs the first five.",
    about="An empty cell keeps the present value. A password is never shown again, and the export leaves it empty.",
    removing="retire",
    removed="retired",
    warning="Many of the chargers would be retired: they are disconnected, and cannot come back under their names.",
    row_of=ChargerImportRow.of,
    head_of=ChargerImport.head,
)


@router.get(PAGES.path, dependencies=CHANGERS)
async def upload_form(here: Here) -> HTMLResponse:
    return PAGES.empty_upload(here)


@router.post(PAGES.path, dependencies=CHANGERS)
async def plan(here: Here, sent: Sent, call: CommandCall, imports: Imports) -> Response:
    return await PAGES.planned(here, sent, lambda file, mode: imports.plan(call.context, file, mode))


@router.get(PAGES.path + "/{plan_id}", dependencies=CHANGERS)
async def review(here: Here, plan_id: str, imports: Imports) -> HTMLResponse:
    return await PAGES.review(here, imports, plan_id)


@router.post(PAGES.path + "/{plan_id}/apply", dependencies=CHANGERS)
async def apply(here: Here, plan_id: str, sent: Sent, call: CommandCall, imports: Imports) -> Response:
    return await PAGES.applied(here, call, imports, plan_id, sent)
