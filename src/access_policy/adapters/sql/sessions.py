"""Who else uses a database."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.sql.databases import database_at

_OTHERS: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)


def other_sessions(url: str) -> int:
    """The number of sessions of the PostgreSQL database besides the one that asks; 0 if the database cannot be reached, which
    its next user finds out."""
    database = database_at(url, "sessions")
    try:
        with database.reading.connect() as connection:
            return int(connection.execute(_OTHERS).scalar_one())
    except SQLAlchemyError:
        return 0
    finally:
        database.close()
