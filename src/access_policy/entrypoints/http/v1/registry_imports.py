"""`/v1/registry/imports` and `/v1/registry/export`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from access_policy.application.registry_import.changes import changes_of
from access_policy.application.registry_import.checks import ApplyOptions, needs_confirmation
from access_policy.application.spreadsheets import BYTE_ORDER_MARK
from access_policy.application.turns import let_go
from access_policy.domain.vehicle_registry.import_plan import (
    Action,
    ImportMode,
    PlanRecord,
    PlanRow,
    PlanState,
    RefusedRow,
)
from access_policy.entrypoints.http.answers import answer, instant
from access_policy.entrypoints.http.auth import Caller, Services, context_of
from access_policy.entrypoints.http.problems import ApiProblem

router = APIRouter(tags=["registry"])

WAIT_S = 1.0  # for an import to end before it is answered that it is under way
_NOT_A_FILE = ("application/json", "multipart/", "application/vnd.openxmlformats")
_CSV_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}
}
_CSV_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The registry", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


class ApplyBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    partial: Annotated[bool, Field(strict=True)] = False
    confirm_removals: Annotated[int, Field(strict=True, ge=0)] | None = None


@router.post("/registry/imports", operation_id="plan_registry_import", status_code=201, openapi_extra=_CSV_BODY)
async def plan_registry_import(
    request: Request, caller: Caller, services: Services, mode: Annotated[ImportMode, Query()] = ImportMode.MERGE
) -> Response:
    """What the CSV file in the body would change: add, change, remove or leave each vehicle, or why not. Changes nothing.

    An empty cell leaves what is there, `-` empties it, `;` stands between several identifiers. With `replace` the vehicles
    that the file does not have are removed. The same file against the same registry is the same plan, kept for a week.
    """
    _refuse_other_types(request.headers.get("Content-Type", ""))
    record, plan = await services.registry_imports.plan(caller.tenant_id, await request.body(), mode)
    rows = list(plan.rows)
    del plan  # so that `_answer_with_rows` lets go of the rows in turns
    return await _answer_with_rows(record, rows, status=201)


@router.get("/registry/imports/{plan_id}", operation_id="get_registry_import")
async def get_registry_import(
    caller: Caller,
    services: Services,
    plan_id: str,
    action: Annotated[list[Action] | None, Query(description="Only rows of these actions")] = None,
    rows: Annotated[bool, Query(description="False: only the state and the progress")] = True,
) -> Response:
    """The plan, how far it is applied, and its result. The rows are deleted when it has been applied."""
    record = await services.registry_imports.find(caller.tenant_id, plan_id)
    found = list(await services.registry_imports.rows(record)) if rows else []
    return await _answer_with_rows(record, found, set(action or Action))


@router.post("/registry/imports/{plan_id}/apply", operation_id="apply_registry_import")
async def apply_registry_import(
    request: Request, caller: Caller, services: Services, plan_id: str, body: Annotated[ApplyBody | None, Body()] = None
) -> Response:
    """Apply exactly the plan. 202 while it takes longer: ask for the plan, or apply it again to wait on. Applying it again
    answers the first result. 409 where vehicles of the plan were changed since; then plan the file anew."""
    chosen = body or ApplyBody()
    options = ApplyOptions(partial=chosen.partial, confirm_removals=chosen.confirm_removals)
    imports = services.registry_imports
    record = await imports.apply(context_of(request, caller), plan_id, options, wait_s=WAIT_S)
    if record.state is not PlanState.APPLIED:
        return answer(_head(record), status=202)
    await services.settled(await imports.log_position())
    return answer(_head(record))


@router.get("/registry/export", operation_id="export_registry", response_class=Response, responses=_CSV_ANSWER)
async def export_registry(
    caller: Caller,
    services: Services,
    bom: Annotated[bool, Query(description="Begin with a byte order mark, by which Excel knows UTF-8")] = True,
) -> Response:
    """All vehicles as a CSV file with their identifiers; imported, it leaves all unchanged. PINs are masked."""
    await services.registry_export.ready(services.settled)
    lines = services.registry_export(caller.tenant_id)
    header = await anext(lines)
    first_page = await anext(lines, "")  # what cannot be read is a problem document now, and a broken-off answer later
    begin = (BYTE_ORDER_MARK if bom else "") + header + first_page
    headers = {"Content-Disposition": 'attachment; filename="registry.csv"', "Cache-Control": "no-store"}
    return StreamingResponse(_followed_by(begin, lines), media_type="text/csv; charset=utf-8", headers=headers)


async def _followed_by(begin: str, lines: AsyncIterator[str]) -> AsyncIterator[str]:
    yield begin
    async for each in lines:
        yield each


def _refuse_other_types(content_type: str) -> None:
    if content_type.strip().lower().startswith(_NOT_A_FILE):
        raise ApiProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "not-a-csv-file",
            "Send the file itself as the body, with 'Content-Type: text/csv'.",
        )


async def _answer_with_rows(
    record: PlanRecord, rows: list[PlanRow], actions: Collection[Action] = tuple(Action), *, status: int = 200
) -> Response:
    """Row by row and on a thread: there may be hundreds of thousands. `rows` is empty afterwards."""

    def encoded() -> bytes:
        shown = bytearray(msgspec.json.encode(_head(record))[:-1] + b',"rows":[')
        for row in rows:
            if row.action in actions:
                shown += msgspec.json.encode(_row(row)) + b","
        if shown.endswith(b","):
            del shown[-1:]
        shown += b"]}"
        return bytes(shown)

    body = await asyncio.to_thread(encoded)
    await let_go(rows)
    return Response(body, status, media_type="application/json")


def _head(record: PlanRecord) -> dict[str, Any]:
    removals = record.counts[Action.REMOVE.value]
    return {
        "plan_id": record.plan_id,
        "state": record.state.value,
        "mode": record.mode.value,
        "file_fingerprint": record.file_fingerprint,
        "counts": record.counts,
        "confirm_removals": removals if needs_confirmation(removals, record.vehicles) else None,
        "registry_version": record.registry_version,
        "created_at": instant(record.created_at),
        "expires_at": instant(record.expires_at),
        "done": record.done,
        "of": record.of,
        "error": record.error,
        "result": _result(record),
    }


def _result(record: PlanRecord) -> dict[str, Any] | None:
    if record.result is None:
        return None
    return {
        "applied": record.result.applied,
        "left_out": [_left_out(row) for row in record.result.left_out],
        "registry_version": record.result.registry_version,
        "applied_at": instant(record.result.applied_at),
    }


def _left_out(row: RefusedRow) -> dict[str, Any]:
    return {"line": row.line, "vehicle_id": row.vehicle_id, "message": row.message}


def _row(row: PlanRow) -> dict[str, Any]:
    return {
        "line": row.line,
        "action": row.action.value,
        "vehicle_id": row.vehicle_id,
        "changes": {
            column: {"before": change.before, "after": change.after} for column, change in changes_of(row).items()
        },
        "errors": [{"column": error.column, "message": error.message} for error in row.errors],
    }
