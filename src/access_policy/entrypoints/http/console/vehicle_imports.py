"""Import vehicles from a CSV file: plan, review (errors first, then removals, then changes), apply."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from access_policy.application.registry_import.checks import ApplyOptions
from access_policy.application.registry_import.errors import ImportRowsRefused, RemovalsNotConfirmed
from access_policy.application.turns import in_turns, let_go
from access_policy.domain.vehicle_registry.import_plan import Action, ImportMode, PlanRecord, PlanRow, PlanState
from access_policy.entrypoints.http.auth import OPERATORS
from access_policy.entrypoints.http.calls import Call
from access_policy.entrypoints.http.console.forms import REFUSALS, Form, Sent, invalid
from access_policy.entrypoints.http.console.here import Here, Visit
from access_policy.entrypoints.http.console.routing import pages_router, visitors
from access_policy.entrypoints.http.console.vehicles import common
from access_policy.entrypoints.http.middleware import CONSOLE_IMPORTS
from access_policy.entrypoints.http.v1.registry_import_rows import RegistryImportRow
from access_policy.entrypoints.http.v1.registry_imports import WAIT_S, ApplyBody, Imports, import_head

router: APIRouter = pages_router()

IMPORTS: Final = CONSOLE_IMPORTS
SHOWN_MAX: Final = 200  # rows of each action on the page
AT_A_TIME: Final = 500
CHANGERS: Final = visitors(OPERATORS, some_depots=False)


@router.get(IMPORTS, dependencies=CHANGERS)
async def upload_form(here: Here) -> HTMLResponse:
    return _upload(here, Form.of({"mode": ImportMode.MERGE.value}))


@router.post(IMPORTS, dependencies=CHANGERS)
async def plan(here: Here, sent: Sent, imports: Imports) -> Response:
    try:
        uploaded = sent.files.get("file")
        if uploaded is None:
            raise invalid({"file": "Choose a CSV file."})
        mode = ImportMode(sent.text("mode") or ImportMode.MERGE)
        record, planned = await imports.plan(here.caller.tenant_id, await uploaded.read(), mode)
        rows = list(planned.rows)
        del planned  # so that the list alone holds the rows
        await let_go(rows)
    except REFUSALS as error:
        return _upload(here, sent.refused(error), status=422)
    return here.done(here.url(f"{IMPORTS}/{record.plan_id}"), "Planned. Nothing is changed until you apply it.")


@router.get(IMPORTS + "/{plan_id}", dependencies=CHANGERS)
async def review(here: Here, plan_id: str, imports: Imports) -> HTMLResponse:
    record = await imports.find(here.caller.tenant_id, plan_id)
    return await _review(here, imports, record, Form.of({"confirm_removals": "", "partial": ""}))


@router.post(IMPORTS + "/{plan_id}/apply", dependencies=CHANGERS)
async def apply(request: Request, here: Here, plan_id: str, sent: Sent, imports: Imports) -> Response:
    try:
        body = sent.body(ApplyBody, numbers=("confirm_removals",), flags=("partial",))
        options = ApplyOptions(partial=body.partial, confirm_removals=body.confirm_removals)
        call = Call(request, Response(), here.caller)
        record = await imports.apply(call.context, plan_id, options, wait_s=WAIT_S)
        if record.state is PlanState.APPLIED:
            await call.settled(await imports.log_position())
    except RemovalsNotConfirmed as error:
        how_many = error.detail.split(";")[0]
        again = invalid({"confirm_removals": f"{how_many}; if that is meant, type their number."})
        record = await imports.find(here.caller.tenant_id, plan_id)
        return await _review(here, imports, record, sent.refused(again), status=422)
    except REFUSALS as error:
        record = await imports.find(here.caller.tenant_id, plan_id)
        refused_rows = error.rows if isinstance(error, ImportRowsRefused) else ()
        return await _review(here, imports, record, sent.refused(error), refused_rows=refused_rows, status=422)
    said = "The import is applied." if record.state is PlanState.APPLIED else "The import is being applied."
    return here.done(here.url(f"{IMPORTS}/{plan_id}"), said)


def _upload(here: Visit, form: Form, *, status: int = 200) -> HTMLResponse:
    return here.page("vehicle_import.html", status=status, form=form, action=here.url(IMPORTS), **common(here))


async def _review(
    here: Visit, imports: Imports, record: PlanRecord, form: Form, *, refused_rows: Any = (), status: int = 200
) -> HTMLResponse:
    return here.page(
        "vehicle_import_plan.html",
        status=status,
        plan=import_head(record),
        rows=await _by_action(imports, record),
        form=form,
        refused_rows=refused_rows,
        shown_max=SHOWN_MAX,
        imports=IMPORTS,
        **common(here),
    )


async def _by_action(imports: Imports, record: PlanRecord) -> dict[str, list[RegistryImportRow]]:
    """The first rows of each action. A plan may have hundreds of thousands."""
    rows: list[PlanRow] = list(await imports.rows(record))
    found: defaultdict[str, list[RegistryImportRow]] = defaultdict(list)
    async for row in in_turns(rows, at_a_time=AT_A_TIME):
        if len(found[row.action.value]) < SHOWN_MAX:
            found[row.action.value].append(RegistryImportRow.of(row))
    await let_go(rows)
    return {action.value: found[action.value] for action in Action}
