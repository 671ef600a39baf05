"""`/v1/registry/export`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Query
from fastapi.responses import Response, StreamingResponse

from access_policy.application.queries.registry_export import RegistryExport
from access_policy.application.spreadsheets import BYTE_ORDER_MARK
from access_policy.entrypoints.http.auth import OPERATORS, requires
from access_policy.entrypoints.http.calls import CommandCall
from access_policy.entrypoints.http.dependencies import Process, provided
from access_policy.entrypoints.http.responses import CSV
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["registry"])


@router.get(
    "/registry/export",
    operation_id="export_registry",
    dependencies=requires(OPERATORS),
    response_class=Response,
    responses=CSV,
)
async def export_registry(
    call: CommandCall,
    process: Process,
    export: Annotated[RegistryExport, provided(lambda c: c.queries.registry_export)],
    bom: Annotated[bool, Query(description="Begin with a byte order mark, so that Excel recognises UTF-8")] = True,
) -> Response:
    """Export all vehicles with their identifiers as a CSV file; importing it again changes nothing. PINs are masked."""
    await export.ready(process.settled)
    return await csv_download(export(call.context), "registry.csv", bom=bom)


async def csv_download(lines: AsyncIterator[str], name: str, *, bom: bool) -> Response:
    """Return the lines as a file; the first ones are the header. Raises the errors of reading the first page."""
    header = await anext(lines)
    first_page = await anext(lines, "")  # an unreadable page is a problem document now, and a truncated response later
    begin = (BYTE_ORDER_MARK if bom else "") + header + first_page
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(_followed_by(begin, lines), media_type="text/csv; charset=utf-8", headers=headers)


async def _followed_by(begin: str, lines: AsyncIterator[str]) -> AsyncIterator[str]:
    yield begin
    async for each in lines:
        yield each
