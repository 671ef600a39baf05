"""One cache of compiled SQLite statements for all engines of a process. Tests open hundreds of files with the same tables, and
each engine would compile each statement again."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

from access_policy.adapters.sql import databases

STATEMENTS_MAX: Final = 5_000


def share_statements() -> None:
    """Make all SQLite engines that are created from now on share one dialect and its compiled statements."""
    kept: LRUCache[Any, Any] = LRUCache(STATEMENTS_MAX)
    first = sqlalchemy.create_engine("sqlite://")
    first.connect().close()  # reads the version of the library

    def create_engine(url: str, **options: Any) -> Engine:
        is_file = url.startswith("sqlite:")
        engine = sqlalchemy.create_engine(url, _initialize=not is_file, **options)
        if is_file:
            engine.dialect = first.dialect
            engine._compiled_cache = kept
        return engine

    databases.create_engine = create_engine  # type: ignore[assignment]
