"""`/v1/reservations/imports` and `/v1/reservations/export`: a depot's dispatch sheet."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Body, Query, Request
from fastapi.responses import Response
from pydantic import Field

from access_policy.application.dispatch_import import imports
from access_policy.application.dispatch_import.plan import DispatchPlanRow
from access_policy.application.ports.identity import Identity
from access_policy.application.queries.dispatch_export import DispatchExport
from access_policy.application.registry_import.checks import ApplyOptions, needs_confirmation
from access_policy.application.registry_import.errors import ImportPlanUnknown
from access_policy.domain.ids import DepotId
from access_policy.domain.vehicle_registry.import_plan import Action, ImportMode, PlanRecord, PlanState
from access_policy.entrypoints.http.auth import OPERATORS, READERS, Caller, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.fields import Instant, ResponseModel, Text, UtcInstant
from access_policy.entrypoints.http.responses import CSV, NOT_FOUND
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

router = api_router(tags=["reservations"])

Imports = Annotated[imports.DispatchImports, provided(lambda c: c.commands.dispatch_imports)]


class DispatchApplyBody(ApplyBody):
    """How to apply a plan. `entries`: reservations that it may change or remove even if they are ad hoc or have
    begun."""

    entries: Annotated[list[Text], Field(max_length=1_000)] = Field(default=[])

    def options(self) -> ApplyOptions:
        return ApplyOptions(
            partial=self.partial, confirm_removals=self.confirm_removals, entries=frozenset(self.entries)
        )


class DispatchImportLeftOut(ResponseModel):
    line: int | None
    reservation_id: str | None
    message: str


class DispatchImportResult(ResponseModel):
    """The result of an import. `left_out` names each entry that was not changed, and says why."""

    applied: dict[Literal["add", "change", "remove"], int]
    left_out: list[DispatchImportLeftOut]
    applied_at: UtcInstant

    @classmethod
    def of(cls, record: PlanRecord) -> DispatchImportResult | None:
        if (result := record.result) is None:
            return None
        left_out = [
            DispatchImportLeftOut(line=row.line, reservation_id=row.vehicle_id, message=row.message)
            for row in result.left_out
        ]
        return cls(applied=result.applied, left_out=left_out, applied_at=result.applied_at)


class DispatchImport(ResponseModel):
    """The plan of an import. `done` of `of` rows are applied. If `confirm_removals` is a number, send it with the
    request that applies the plan."""

    plan_id: str
    depot_id: str
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
    result: DispatchImportResult | None

    @classmethod
    def head(cls, record: PlanRecord) -> DispatchImport:
        """Return the plan without its rows."""
        assert record.depot_id is not None, "a dispatch sheet is a depot's"
        removals = record.counts[Action.REMOVE.value]
        return cls(
            plan_id=record.plan_id,
            depot_id=record.depot_id,
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
            result=DispatchImportResult.of(record),
        )


class DispatchImportRow(ResponseModel):
    """A row of a plan. `line` is null for an entry that is not in the file. `guard` is set if the request that applies
    the plan must name the entry in `entries`, because it is ad hoc or has begun. `bookings` are partners' bookings with
    which the row collides."""

    line: int | None
    action: Action
    assignment_id: str | None
    reservation_id: str | None
    guard: Literal["ad_hoc", "begun"] | None
    bookings: list[str]
    changes: dict[str, RegistryImportChange]
    errors: list[RegistryImportError]
    warnings: list[RegistryImportError]

    @classmethod
    def of(cls, row: DispatchPlanRow) -> DispatchImportRow:
        return cls(
            line=row.line,
            action=row.action,
            assignment_id=row.assignment_id,
            reservation_id=row.reservation_id,
            guard=row.guard,
            bookings=list(row.bookings),
            changes={each.column: RegistryImportChange(before=each.before, after=each.after) for each in row.changes},
            errors=[RegistryImportError(column=each.column, message=each.message) for each in row.errors],
            warnings=[RegistryImportError(column=each.column, message=each.message) for each in row.warnings],
        )


class DispatchImportPlanned(DispatchImport):
    rows: list[DispatchImportRow]


@router.post(
    "/reservations/imports",
    operation_id="plan_dispatch_import",
    dependencies=requires(OPERATORS, some_depots=True),
    status_code=201,
    response_model=DispatchImportPlanned,
    responses=NOT_FOUND,
    openapi_extra=CSV_BODY,
)
async def plan_dispatch_import(
    request: Request,
    caller: Caller,
    dispatch_imports: Imports,
    depot_id: Annotated[Text, Query(description="The depot of the sheet")],
    mode: Annotated[ImportMode, Query()] = ImportMode.MERGE,
) -> Response:
    """Plan the import of the CSV file in the body: each assignment is added, changed, removed, unchanged, or has an
    error. Planning changes no reservation.

    Times without an offset are in the depot's time. An empty cell keeps the present value, and `-` clears it. With
    `replace`, entries of the file's operating days that are not in the file are cancelled. A row that collides with a
    partner's booking is an error. The plan is kept for a week.
    """
    refuse_other_types(request.headers.get("Content-Type", ""))
    body = await request.body()
    record, plan = await dispatch_imports.plan(caller.tenant_id, DepotId(depot_id), body, mode)
    rows = list(plan.rows)
    del plan  # so that `with_rows` frees the rows in pieces
    return await with_rows(DispatchImport.head(record), rows, DispatchImportRow.of, status=201)


@router.get(
    "/reservations/imports/{plan_id}",
    operation_id="get_dispatch_import",
    dependencies=requires(OPERATORS, some_depots=True),
    response_model=DispatchImportPlanned,
)
async def get_dispatch_import(
    caller: Caller,
    dispatch_imports: Imports,
    plan_id: str,
    action: Annotated[list[Action] | None, Query(description="Only rows with these actions")] = None,
    rows: Annotated[bool, Query(description="False: only the state and the progress")] = True,
) -> Response:
    """Get the plan, its progress and its result. The rows are deleted once the plan has been applied."""
    record = await found_plan(dispatch_imports, caller, plan_id)
    found = list(await dispatch_imports.rows(record)) if rows else []
    return await with_rows(DispatchImport.head(record), found, DispatchImportRow.of, set(action or Action))


@router.post(
    "/reservations/imports/{plan_id}/apply",
    operation_id="apply_dispatch_import",
    dependencies=requires(OPERATORS, some_depots=True),
    responses={202: {"model": DispatchImport}},
)
async def apply_dispatch_import(
    plan_id: str,
    call: CommandCall,
    dispatch_imports: Imports,
    response: Response,
    body: Annotated[DispatchApplyBody | None, Body()] = None,
) -> DispatchImport:
    """Apply exactly the plan. An entry that is ad hoc or has begun is unchanged unless `entries` names it; the result
    says so. 202 if that takes longer: get the plan to see the progress, or apply it again to continue waiting, even
    after a crash. Applying an applied plan again returns the first result. 409 if reservations of the plan have changed
    since; in that case plan the file again."""
    await found_plan(dispatch_imports, call.caller, plan_id)
    return DispatchImport.head(await applied(dispatch_imports, plan_id, call, response, body))


@router.get(
    "/reservations/export",
    operation_id="export_reservations",
    dependencies=requires(READERS, some_depots=True),
    response_class=Response,
    responses=CSV | NOT_FOUND,
)
async def export_reservations(
    caller: Caller,
    export: Annotated[DispatchExport, provided(lambda c: c.commands.dispatch_export)],
    depot_id: Annotated[Text, Query(description="The depot of the sheet")],
    since: Annotated[Instant | None, Query(alias="from", description="Default: now")] = None,
    until: Annotated[Instant | None, Query(description="Default: the end of the depot's horizon")] = None,
    bom: Annotated[bool, Query(description="Begin with a byte order mark, so that Excel recognises UTF-8")] = True,
) -> Response:
    """Export the depot's own reservations on the operating days that overlap the period as a CSV file, in the depot's
    time; importing it again changes nothing. The file leaves out partners' bookings and cancelled entries."""
    lines = export(caller.tenant_id, DepotId(depot_id), since, until)
    return await csv_download(lines, "reservations.csv", bom=bom)


async def found_plan(dispatch_imports: imports.DispatchImports, caller: Identity, plan_id: str) -> PlanRecord:
    """Return the plan. Raises `ImportPlanUnknown`, including for a plan of a depot that is not the caller's."""
    record = await dispatch_imports.find(caller.tenant_id, plan_id)
    if caller.depots is not None and record.depot_id not in caller.depots:
        raise ImportPlanUnknown("Import plan not found; an unapplied plan is kept for 7 days.")
    return record
