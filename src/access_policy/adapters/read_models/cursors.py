"""Pages of a query, and the cursors between them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Select, Table

from access_policy.application.ports.views import CursorInvalid, Page, Row

CURSOR_LENGTH_MAX: Final = 500


def from_id(query: Select[Any], table: Table, name: str, cursor: str | None, limit: int) -> Select[Any]:
    """Select the rows after the cursor, one more than the page contains."""
    if cursor is not None:
        (last,) = read_cursor(cursor, str)
        query = query.where(table.c[name] > last)
    return query.order_by(table.c[name]).limit(limit + 1)


def page_of(rows: list[Row], limit: int, key: Callable[[Row], list[Any]]) -> Page:
    if len(rows) <= limit:
        return Page(rows, None)
    kept = rows[:limit]
    return Page(kept, cursor_of(key(kept[-1])))


def cursor_of(parts: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, ensure_ascii=False).encode()).decode()


def read_cursor(cursor: str, *types: type) -> list[Any]:
    if len(cursor) > CURSOR_LENGTH_MAX:
        raise bad_cursor()
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode()
        parts = json.loads(text)
        json.dumps(parts, ensure_ascii=False).encode()  # fails for a lone surrogate written as an escape
    except ValueError as error:
        raise bad_cursor() from error
    fits = isinstance(parts, list) and len(parts) == len(types)
    if not fits or not all(isinstance(part, kind) for part, kind in zip(parts, types, strict=True)):
        raise bad_cursor()
    return list(parts)


def instant_in(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise bad_cursor()
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise bad_cursor() from error


def bad_cursor() -> CursorInvalid:
    return CursorInvalid("The cursor is not valid; use next_cursor of the previous page.", pointer="/cursor")
