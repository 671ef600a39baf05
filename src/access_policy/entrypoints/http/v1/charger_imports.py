"""`/v1/chargers/imports` and `/v1/chargers/export`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Body, Query, Request
from fastapi.responses import Response

from access_policy.application.charger_import import imports
from access_policy.application.charger_import.plan import ChargerPlanRow
from access_policy.application.queries.charger_export import ChargerExport
from access_policy.application.registry_import.checks import needs_confirmation
from access_policy.domain.vehicle_registry.import_plan import Action, ImportMode, PlanRecord, PlanState
from access_policy.entrypoints.http.auth import ADMINS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import Process, Views, provided
from access_policy.entrypoints.http.fields import ResponseModel, UtcInstant
from access_policy.entrypoints.http.responses import CSV
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.registry_export import csv_download
from access_policy.entrypoints.http.v1.registry_import_rows import RegistryImportChange, RegistryImportError
from access_policy.entrypoints.http.v1.registry_imports import (
    CSV_BODY,
    ApplyBody,
    RegistryImportCounts,
    applied,
    refuse_other_types,
    with_rows,
)

router = api_router(tags=["chargers"])

Imports = Annotated[imports.ChargerImports, provided(lambda c: c.commands.charger_imports)]


class ChargerImportLeftOut(ResponseModel):
    line: int | None
    charger_id: str | None
    message: str


class ChargerImportResult(ResponseModel):
    """The result of an import. `left_out` names each charger that was not changed, and says why."""

    applied: dict[Literal["add", "change", "remove"], int]
    left_out: list[ChargerImportLeftOut]
    applied_at: UtcInstant

    @classmethod
    def of(cls, record: PlanRecord) -> ChargerImportResult | None:
        if (result := record.result) is None:
            return None
        left_out = [
            ChargerImportLeftOut(line=row.line, charger_id=row.vehicle_id, message=row.message)
            for row in result.left_out
        ]
        return cls(applied=result.applied, left_out=left_out, applied_at=result.applied_at)


class ChargerImport(ResponseModel):
    """The plan of an import. `done` of `of` chargers are changed. If `confirm_removals` is a number, send it with the
    request that applies the plan."""

    plan_id: str
    state: PlanState
    mode: ImportMode
    file_fingerprint: str
    counts: RegistryImportCounts
    confirm_removals: int | None
    created_at: UtcInstant
    expires_at: UtcInstant
    done: int
    of: int
    error: str | None
    result: ChargerImportResult | None

    @classmethod
    def head(cls, record: PlanRecord) -> ChargerImport:
        """Return the plan without its rows."""
        removals = record.counts[Action.REMOVE.value]
        return cls(
            plan_id=record.plan_id,
            state=record.state,
            mode=record.mode,
            file_fingerprint=record.file_fingerprint,
            counts=RegistryImportCounts(**record.counts),
            confirm_removals=removals if needs_confirmation(removals, record.vehicles) else None,
            created_at=record.created_at,
            expires_at=record.expires_at,
            done=record.done,
            of=record.of,
            error=record.error,
            result=ChargerImportResult.of(record),
        )


class ChargerImportRow(ResponseModel):
    """A row of a plan. `line` is null for a charger that is not in the file. A new password is shown as asterisks."""

    line: int | None
    action: Action
    charger_id: str | None
    changes: dict[str, RegistryImportChange]
    errors: list[RegistryImportError]

    @classmethod
    def of(cls, row: ChargerPlanRow) -> ChargerImportRow:
        return cls(
            line=row.line,
            action=row.action,
            charger_id=row.charger_id,
            changes={each.column: RegistryImportChange(before=each.before, after=each.after) for each in row.changes},
            errors=[RegistryImportError(column=error.column, message=error.message) for error in row.errors],
        )


class ChargerImportPlanned(ChargerImport):
    rows: list[ChargerImportRow]


@router.post(
    "/chargers/imports",
    operation_id="plan_charger_import",
    dependencies=requires(ADMINS),
    status_code=201,
    response_model=ChargerImportPlanned,
    openapi_extra=CSV_BODY,
)
async def plan_charger_import(
    request: Request,
    call: CommandCall,
    charger_imports: Imports,
    mode: Annotated[ImportMode, Query()] = ImportMode.MERGE,
) -> Response:
    """Plan the import of the CSV file in the body: each charger is added, changed, removed, unchanged, or has an error.
    Planning changes no charger.

    The columns are those of `PUT /v1/chargers/{charger_id}`. An empty cell keeps the present value. With `replace`, chargers
    that are not in the file are retired. The plan is kept for a week.
    """
    refuse_other_types(request.headers.get("Content-Type", ""))
    record, plan = await charger_imports.plan(call.context, await request.body(), mode)
    rows = list(plan.rows)
    del plan  # so that `with_rows` frees the rows in pieces
    return await with_rows(ChargerImport.head(record), rows, ChargerImportRow.of, status=201)


@router.get(
    "/chargers/imports/{plan_id}",
    operation_id="get_charger_import",
    dependencies=requires(ADMINS),
    response_model=ChargerImportPlanned,
)
async def get_charger_import(
    caller: Caller,
    charger_imports: Imports,
    plan_id: str,
    action: Annotated[list[Action] | None, Query(description="Only rows with these actions")] = None,
    rows: Annotated[bool, Query(description="False: only the state and the progress")] = True,
) -> Response:
    """Get the plan, its progress and its result. The rows are deleted once the plan has been applied."""
    record = await charger_imports.find(caller.tenant_id, plan_id)
    found = list(await charger_imports.rows(record)) if rows else []
    return await with_rows(ChargerImport.head(record), found, ChargerImportRow.of, set(action or Action))


@router.post(
    "/chargers/imports/{plan_id}/apply",
    operation_id="apply_charger_import",
    dependencies=requires(ADMINS),
    responses={202: {"model": ChargerImport}},
)
async def apply_charger_import(
    plan_id: str,
    call: CommandCall,
    charger_imports: Imports,
    response: Response,
    body: Annotated[ApplyBody | None, Body()] = None,
) -> ChargerImport:
    """Apply exactly the plan, one charger after the other; the result names those that were refused. 202 if that takes
    longer: get the plan to see the progress, or apply it again to continue waiting, even after a crash. Applying an
    applied plan again returns the first result. 409 if chargers of the plan have changed since; in that case plan the
    file again."""
    return ChargerImport.head(await applied(charger_imports, plan_id, call, response, body))


@router.get(
    "/chargers/export",
    operation_id="export_chargers",
    dependencies=requires(READERS, some_depots=True),
    response_class=Response,
    responses=CSV,
)
async def export_chargers(
    caller: Caller,
    process: Process,
    views: Views,
    export: Annotated[ChargerExport, provided(lambda c: c.queries.charger_export)],
    bom: Annotated[bool, Query(description="Begin with a byte order mark, so that Excel recognises UTF-8")] = True,
) -> Response:
    """Export all chargers in service as a CSV file; importing it again changes nothing. The column `password` is
    empty."""
    await export.ready(process.settled)
    return await csv_download(export(caller.tenant_id, views), "chargers.csv", bom=bom)
