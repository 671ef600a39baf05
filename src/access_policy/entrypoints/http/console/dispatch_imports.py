"""Import a depot's dispatch sheet from a CSV file."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from access_policy.application.dispatch_import.cells import ASSIGNMENTS
from access_policy.domain.depots.depot import DepotUnknown
from access_policy.domain.ids import DepotId
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.console.forms import Sent
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.import_pages import ImportPages
from access_policy.entrypoints.http.console.plan import PLAN
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.middleware import CONSOLE_DISPATCH_IMPORTS
from access_policy.entrypoints.http.v1.dispatch_imports import (
    DispatchApplyBody,
    DispatchImport,
    DispatchImportRow,
    Imports,
    found_plan,
)

router: APIRouter = pages_router()

CHANGERS: Final = visitors(OPERATORS)


def _page_of(row: DispatchImportRow) -> str | None:
    """Return the page of an entry that exists."""
    known = row.reservation_id is not None and row.action.value != "add"
    return f"/console/reservations/{quote(row.reservation_id or '', safe='')}" if known else None


PAGES: Final = ImportPages(
    subject="entry",
    subjects="entries",
    heading="Import the dispatch sheet",
    listed="Plan",
    missing="Entries on the file’s days that are not in the file",
    key="assignment_id",
    base=PLAN,
    path=CONSOLE_DISPATCH_IMPORTS,
    export="/v1/reservations/export",
    columns=f"{', '.join(ASSIGNMENTS.columns)}. A new entry needs a vehicle, a charger or a group, from and until.",
    about="Times without an offset are in the depot’s time. An empty cell keeps the present value, and “-” clears it.",
    removing="cancel",
    removed="cancelled",
    warning="Many of the depot’s entries would be removed, and their vehicles would lose their places.",
    row_of=DispatchImportRow.of,
    head_of=DispatchImport.head,
    href_of=_page_of,
    body=DispatchApplyBody,
    of_depot=True,
)


@router.get(PAGES.path, dependencies=CHANGERS)
async def upload_form(here: Here) -> HTMLResponse:
    return PAGES.empty_upload(_at_a_depot(here)[0])


@router.post(PAGES.path, dependencies=CHANGERS)
async def plan(here: Here, sent: Sent, imports: Imports) -> Response:
    here, depot_id = _at_a_depot(here)
    return await PAGES.planned(here, sent, lambda file, mode: imports.plan(here.caller.tenant_id, depot_id, file, mode))


@router.get(PAGES.path + "/{plan_id}", dependencies=CHANGERS)
async def review(here: Here, plan_id: str, imports: Imports) -> HTMLResponse:
    record = await found_plan(imports, here.caller, plan_id)
    return await PAGES.review(here.at_depot(record.depot_id), imports, plan_id)


@router.post(PAGES.path + "/{plan_id}/apply", dependencies=CHANGERS)
async def apply(here: Here, plan_id: str, sent: Sent, call: CommandCall, imports: Imports) -> Response:
    record = await found_plan(imports, here.caller, plan_id)
    return await PAGES.applied(here.at_depot(record.depot_id), call, imports, plan_id, sent)


def _at_a_depot(here: Visit) -> tuple[Visit, DepotId]:
    """Raise `DepotUnknown` if there is no depot yet."""
    here = here.at_one_depot()
    if here.depot_id is None:
        raise DepotUnknown("There is no depot yet; make one first.")
    return here, here.depot_id
