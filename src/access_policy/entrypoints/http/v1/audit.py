"""`/v1/audit`: who changed what, from where, with the old and the new values; and who was shown identifier values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.responses import Response, StreamingResponse

from access_policy.application.ports.views import AuditFilter, Row
from access_policy.application.queries.audit_entries import AuditExport, changes_of, part_of
from access_policy.application.spreadsheets import BYTE_ORDER_MARK
from access_policy.entrypoints.http.auth import AUDITORS, Caller, requires
from access_policy.entrypoints.http.dependencies import Views, provided
from access_policy.entrypoints.http.fields import End, Instant, Page, ResponseModel, UtcInstant
from access_policy.entrypoints.http.pages import Cursor, Limit
from access_policy.entrypoints.http.responses import Responses
from access_policy.entrypoints.http.under import api_router

router = api_router(tags=["audit"])

EXPORTED: Responses = {
    200: {
        "content": {"text/csv": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": {"type": "string"}}}
    }
}


class ChangedValue(ResponseModel):
    """The values in words. `old` is null if there was no value, `new` if there is none now."""

    field: str
    old: str | None
    new: str | None


class RequestMade(ResponseModel):
    """The request that made the change; `operation` and `address` are null for a change that no request made."""

    request_id: str
    operation: str | None
    address: str | None
    idempotency_key: str | None


class AuditEntry(ResponseModel):
    """An audit entry. `kind` is `change`, or `read` for identifier values that were shown. `part` names the part of the
    subject that changed, such as `rule r1`; null for the subject itself. `event_id` is also the id of a published
    event."""

    event_id: str
    recorded_at: UtcInstant
    kind: Literal["change", "read"]
    event: str
    actor: str
    subject_kind: str
    subject_id: str
    part: str | None
    changes: list[ChangedValue]
    request: RequestMade
    causation_id: str | None

    @classmethod
    def of(cls, row: Row) -> AuditEntry:
        return cls(
            **{name: row[name] for name in _PLAIN},
            part=part_of(row),
            changes=[ChangedValue(**each) for each in changes_of(row)],
            request=RequestMade(**{name: row[name] for name in RequestMade.model_fields}),
        )


_PLAIN = ("event_id", "recorded_at", "kind", "event", "actor", "subject_kind", "subject_id", "causation_id")


async def _filter(
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[End | None, Query()] = None,
    kind: Annotated[Literal["change", "read"] | None, Query()] = None,
    actor: Annotated[str | None, Query(max_length=200)] = None,
    operation: Annotated[str | None, Query(max_length=64, description="An operation of this API, or an event")] = None,
    subject_kind: Annotated[str | None, Query(max_length=64)] = None,
    subject_id: Annotated[str | None, Query(max_length=64)] = None,
) -> AuditFilter:
    return AuditFilter(
        kind=kind,
        actor=actor,
        operation=operation,
        subject_kind=subject_kind,
        subject_id=subject_id,
        since=from_,
        until=until,
    )


Wanted = Annotated[AuditFilter, Depends(_filter)]


@router.get("/audit", operation_id="list_audit", dependencies=requires(AUDITORS))
async def list_audit(
    caller: Caller, views: Views, wanted: Wanted, cursor: Cursor = None, limit: Limit = 50
) -> Page[AuditEntry]:
    """List the entries, newest first by the time of the record, to which `from` and `until` also apply."""
    found = await views.audit(caller.tenant_id, wanted, cursor=cursor, limit=limit)
    return Page(items=[AuditEntry.of(row) for row in found.items], next_cursor=found.next_cursor)


@router.get(
    "/audit/export",
    operation_id="export_audit",
    dependencies=requires(AUDITORS),
    response_class=Response,
    responses=EXPORTED,
)
async def export_audit(
    caller: Caller,
    wanted: Wanted,
    export: Annotated[AuditExport, provided(lambda c: c.queries.audit_export)],
    format: Annotated[Literal["csv", "jsonl"], Query(description="jsonl: one JSON object per line")] = "csv",
    bom: Annotated[bool, Query(description="Begin CSV with a byte order mark, so that Excel recognises UTF-8")] = True,
) -> Response:
    """Export all entries that match, as `GET /v1/audit` lists them."""
    is_csv = format == "csv"
    parts = export.csv(caller.tenant_id, wanted) if is_csv else export.json_lines(caller.tenant_id, wanted)
    begin = await anext(parts)
    if is_csv:  # an unreadable page is a problem document now, and a truncated response later
        begin = (BYTE_ORDER_MARK if bom else "") + begin + await anext(parts)
    media_type = "text/csv; charset=utf-8" if is_csv else "application/x-ndjson"
    headers = {"Content-Disposition": f'attachment; filename="audit.{format}"', "Cache-Control": "no-store"}
    return StreamingResponse(_followed_by(begin, parts), media_type=media_type, headers=headers)


async def _followed_by(begin: str, parts: AsyncIterator[str]) -> AsyncIterator[str]:
    yield begin
    async for each in parts:
        yield each
