"""The content of the read models' tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from access_policy.adapters.read_models.runner import ReadModels
from access_policy.adapters.read_models.table_sets import tables_of
from tests.support.rows import Rows


def content(models: ReadModels) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, by primary key; columns that are empty are left out."""
    found = {}
    with models.engine.connect() as connection:
        for table in (table for projection in models.projections for table in tables_of(projection)):
            rows = connection.execute(select(table).order_by(*table.primary_key)).mappings()
            found[table.name] = [_filled(dict(row)) for row in rows]
    return found


def as_content(models: ReadModels, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """The same for rows in memory, in the form of `content`."""
    return {
        table.name: [_filled(row) for row in rows.table(table.name)]
        for projection in models.projections
        for table in tables_of(projection)
    }


def _filled(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
