"""Import chargers from a CSV file."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from access_policy.application.charger_import.cells import CHARGERS as FILE
from access_policy.application.ports.capability_profiles import CapabilityProfiles
from access_policy.entrypoints.http.auth import ADMINS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.chargers import CHARGERS
from access_policy.entrypoints.http.console.forms import Sent
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.import_pages import ImportPages
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.dependencies import Profiles
from access_policy.entrypoints.http.middleware import CONSOLE_CHARGER_IMPORTS
from access_policy.entrypoints.http.v1.charger_imports import ChargerImport, ChargerImportRow, Imports

router: APIRouter = pages_router()

CHANGERS: Final = visitors(ADMINS, some_depots=False)
PAGES: Final = ImportPages(
    subject="charger",
    subjects="chargers",
    heading="Import chargers",
    listed="Chargers",
    missing="Chargers that are not in the file",
    key="charger_id",
    base=CHARGERS,
    path=CONSOLE_CHARGER_IMPORTS,
    export="/v1/chargers/export",
    columns=f"{', '.join(FILE.columns)}. A new charger needs the first five.",
    about="An empty cell keeps the present value. A password is never shown again, and the export leaves it empty.",
    removing="retire",
    removed="retired",
    warning="Many of the chargers would be retired: they are disconnected and cannot return under their names.",
    row_of=ChargerImportRow.of,
    head_of=ChargerImport.head,
    href_of=lambda row: None if row.charger_id is None else f"{CHARGERS}/{quote(row.charger_id, safe='')}",
)


def _pages(here: Visit, profiles: CapabilityProfiles) -> ImportPages:
    known = sorted(profiles.all(here.caller.tenant_id), key=lambda each: each.name)
    return replace(PAGES, profiles=tuple((each.name, each.title) for each in known))


@router.get(PAGES.path, dependencies=CHANGERS)
async def upload_form(here: Here, profiles: Profiles) -> HTMLResponse:
    return _pages(here, profiles).empty_upload(here)


@router.post(PAGES.path, dependencies=CHANGERS)
async def plan(here: Here, sent: Sent, call: CommandCall, imports: Imports, profiles: Profiles) -> Response:
    return await _pages(here, profiles).planned(here, sent, lambda file, mode: imports.plan(call.context, file, mode))


@router.get(PAGES.path + "/{plan_id}", dependencies=CHANGERS)
async def review(here: Here, plan_id: str, imports: Imports, profiles: Profiles) -> HTMLResponse:
    return await _pages(here, profiles).review(here, imports, plan_id)


@router.post(PAGES.path + "/{plan_id}/apply", dependencies=CHANGERS)
async def apply(
    here: Here, plan_id: str, sent: Sent, call: CommandCall, imports: Imports, profiles: Profiles
) -> Response:
    return await _pages(here, profiles).applied(here, call, imports, plan_id, sent)
