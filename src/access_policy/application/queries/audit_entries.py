"""Audit entries as callers read them: the fields that changed, each with its old and its new value in words."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from access_policy.application.changes_in_words import change_in_words
from access_policy.application.ports.views import PAGE_MAX, AuditFilter, Row, Views
from access_policy.application.spreadsheets import guarded
from access_policy.domain.ids import TenantId

COLUMNS: Final = (
    "recorded_at",
    "kind",
    "event",
    "operation",
    "actor",
    "address",
    "subject_kind",
    "subject_id",
    "part",
    "changes",
    "request_id",
    "idempotency_key",
    "causation_id",
    "event_id",
    "position",
)


def changes_of(row: Row) -> list[dict[str, str | None]]:
    """Return the fields that differ, in the event's order; all fields if the part is gone."""
    old, new = row["old_values"], row["new_values"]
    names = old if row["gone"] else new
    return [
        {"field": name, "old": old.get(name), "new": new.get(name)} for name in names if old.get(name) != new.get(name)
    ]


def part_of(row: Row) -> str | None:
    """Return the part of the subject that changed, such as `rule r1`; None for the subject itself."""
    thing = row["thing"] or ""
    return thing.removeprefix(f"{row['subject_kind']}/{row['subject_id']}/") or None


@dataclass(frozen=True, slots=True)
class AuditExport:
    """All matching entries, newest first, one page at a time."""

    views: Views

    async def csv(self, tenant_id: TenantId, wanted: AuditFilter) -> AsyncIterator[str]:
        """Yield the entries as CSV. Raises `StoreUnavailable`."""
        yield _csv([dict(zip(COLUMNS, COLUMNS, strict=True))])
        async for rows in self._pages(tenant_id, wanted):
            yield _csv([{**row, "changes": _in_words(row["changes"])} for row in rows])

    async def json_lines(self, tenant_id: TenantId, wanted: AuditFilter) -> AsyncIterator[str]:
        """Yield the entries as JSON, one per line. Raises `StoreUnavailable`."""
        async for rows in self._pages(tenant_id, wanted):
            yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    async def _pages(self, tenant_id: TenantId, wanted: AuditFilter) -> AsyncIterator[list[dict[str, Any]]]:
        cursor: str | None = None
        while True:
            page = await self.views.audit(tenant_id, wanted, cursor=cursor, limit=PAGE_MAX)
            yield [_exported(row) for row in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return


def _exported(row: Row) -> dict[str, Any]:
    values = {**row, "part": part_of(row), "changes": changes_of(row)}
    return {name: _instant(value) if isinstance(value := values[name], datetime) else value for name in COLUMNS}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _in_words(changes: Iterable[Mapping[str, str | None]]) -> str:
    return "; ".join(change_in_words(str(each["field"]), each["old"], each["new"]) for each in changes)


def _csv(rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows(
        [guarded(cell) if isinstance(cell := row[name], str) else cell for name in COLUMNS] for row in rows
    )
    return text.getvalue()
