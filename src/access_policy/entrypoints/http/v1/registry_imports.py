"""`/v1/registry/imports`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Body, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from access_policy.application.event_loop import release
from access_policy.application.registry_import import imports
from access_policy.application.registry_import.checks import ApplyOptions, needs_confirmation
from access_policy.application.registry_import.runs import ImportRuns
from access_policy.domain.vehicle_registry.import_plan import Action, ImportMode, PlanRecord, PlanState
from access_policy.entrypoints.http.auth import OPERATORS, Caller, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import provided
from access_policy.entrypoints.http.fields import RequestModel, ResponseModel, UtcInstant
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.responses import json_in_pieces
from access_policy.entrypoints.http.under import api_router
from access_policy.entrypoints.http.v1.registry_import_rows import RegistryImportRow

router = api_router(tags=["registry"])

WAIT_S = 1.0  # for an import to end before the response says that it is under way
_NOT_A_FILE = ("application/json", "multipart/", "application/vnd.openxmlformats")
CSV_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}
}

Imports = Annotated[imports.RegistryImports, provided(lambda c: c.commands.registry_imports)]


class ApplyBody(RequestModel):
    partial: Annotated[bool, Field(strict=True)] = False
    confirm_removals: Annotated[int, Field(strict=True, ge=0)] | None = None

    def options(self) -> ApplyOptions:
        return ApplyOptions(partial=self.partial, confirm_removals=self.confirm_removals)


class RegistryImportCounts(ResponseModel):
    add: int
    change: int
    remove: int
    unchanged: int
    error: int


class RegistryImportLeftOut(ResponseModel):
    line: int | None
    vehicle_id: str | None
    message: str


class RegistryImportResult(ResponseModel):
    applied: dict[Literal["add", "change", "remove"], int]
    left_out: list[RegistryImportLeftOut]
    registry_version: int
    applied_at: UtcInstant

    @classmethod
    def of(cls, record: PlanRecord) -> RegistryImportResult | None:
        if (result := record.result) is None:
            return None
        return cls(
            applied=result.applied,
            left_out=[
                RegistryImportLeftOut(line=row.line, vehicle_id=row.vehicle_id, message=row.message)
                for row in result.left_out
            ],
            registry_version=result.registry_version,
            applied_at=result.applied_at,
        )


class RegistryImport(ResponseModel):
    """The plan of an import. `done` of `of` rows are applied. If `confirm_removals` is a number, send it with the
    request that applies the plan."""

    plan_id: str
    state: PlanState
    mode: ImportMode
    file_fingerprint: str
    counts: RegistryImportCounts
    confirm_removals: int | None
    registry_version: int
    created_at: UtcInstant
    expires_at: UtcInstant
    done: int
    of: int
    error: str | None
    result: RegistryImportResult | None


class RegistryImportPlan(RegistryImport):
    rows: list[RegistryImportRow]


@router.post(
    "/registry/imports",
    operation_id="plan_registry_import",
    dependencies=requires(OPERATORS),
    status_code=201,
    response_model=RegistryImportPlan,
    openapi_extra=CSV_BODY,
)
async def plan_registry_import(
    request: Request,
    caller: Caller,
    registry_imports: Imports,
    mode: Annotated[ImportMode, Query()] = ImportMode.MERGE,
) -> Response:
    """Plan the import of the CSV file in the body: each vehicle is added, changed, removed, unchanged, or has an error.
    Planning does not change the registry.

    An empty cell keeps the present value, `-` clears it, and `;` separates several identifiers. With `replace`, vehicles that
    are not in the file are removed. The same file against the same registry gives the same plan, which is kept for a week.
    """
    refuse_other_types(request.headers.get("Content-Type", ""))
    record, plan = await registry_imports.plan(caller.tenant_id, await request.body(), mode)
    rows = list(plan.rows)
    del plan  # so that `with_rows` frees the rows in pieces
    return await with_rows(import_head(record), rows, RegistryImportRow.of, status=201)


@router.get(
    "/registry/imports/{plan_id}",
    operation_id="get_registry_import",
    dependencies=requires(OPERATORS),
    response_model=RegistryImportPlan,
)
async def get_registry_import(
    caller: Caller,
    registry_imports: Imports,
    plan_id: str,
    action: Annotated[list[Action] | None, Query(description="Only rows with these actions")] = None,
    rows: Annotated[bool, Query(description="False: only the state and the progress")] = True,
) -> Response:
    """Get the plan, its progress and its result. The rows are deleted once the plan has been applied."""
    record = await registry_imports.find(caller.tenant_id, plan_id)
    found = list(await registry_imports.rows(record)) if rows else []
    return await with_rows(import_head(record), found, RegistryImportRow.of, set(action or Action))


@router.post(
    "/registry/imports/{plan_id}/apply",
    operation_id="apply_registry_import",
    dependencies=requires(OPERATORS),
    responses={202: {"model": RegistryImport}},
)
async def apply_registry_import(
    plan_id: str,
    call: CommandCall,
    registry_imports: Imports,
    response: Response,
    body: Annotated[ApplyBody | None, Body()] = None,
) -> RegistryImport:
    """Apply exactly the plan. 202 if that takes longer: get the plan to see the progress, or apply it again to continue
    waiting. Applying an applied plan again returns the first result. 409 if vehicles of the plan have changed since; in
    that case plan the file again."""
    return import_head(await applied(registry_imports, plan_id, call, response, body))


async def applied(
    runs: ImportRuns[Any], plan_id: str, call: CommandCall, response: Response, body: ApplyBody | None
) -> PlanRecord:
    """Apply the plan. If that takes longer than `WAIT_S`, the response is a 202."""
    options = ApplyOptions() if body is None else body.options()
    record = await runs.apply(call.context, plan_id, options, wait_s=WAIT_S)
    if record.state is not PlanState.APPLIED:
        response.status_code = HTTPStatus.ACCEPTED
    else:
        await call.settled(await runs.log_position())
    return record


def refuse_other_types(content_type: str) -> None:
    if content_type.strip().lower().startswith(_NOT_A_FILE):
        raise ApiProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "not-a-csv-file",
            "Send the file itself as the body, with 'Content-Type: text/csv'.",
        )


async def with_rows(
    head: BaseModel,
    rows: list[Any],
    shown: Callable[[Any], BaseModel],
    actions: Collection[Action] = tuple(Action),
    *,
    status: int = 200,
) -> Response:
    """Return a plan with the rows that have one of `actions`, converted by `shown`. There may be hundreds of thousands
    of rows; `rows` is empty afterwards."""
    found = (shown(row) for row in rows if row.action in actions)
    response = await json_in_pieces(head, "rows", found, status=status)
    await release(rows)
    return response


def import_head(record: PlanRecord) -> RegistryImport:
    """Return the plan without its rows."""
    removals = record.counts[Action.REMOVE.value]
    return RegistryImport(
        plan_id=record.plan_id,
        state=record.state,
        mode=record.mode,
        file_fingerprint=record.file_fingerprint,
        counts=RegistryImportCounts(**record.counts),
        confirm_removals=removals if needs_confirmation(removals, record.vehicles) else None,
        registry_version=record.registry_version,
        created_at=record.created_at,
        expires_at=record.expires_at,
        done=record.done,
        of=record.of,
        error=record.error,
        result=RegistryImportResult.of(record),
    )
