"""Other users of a database."""

from __future__ import annotations

import time
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from access_policy.adapters.sql.databases import database_at

_OTHERS: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)
_PATIENCE_S: Final = 5.0
_PAUSE_S: Final = 0.1


def other_sessions(url: str) -> int:
    """Return the number of other sessions of the PostgreSQL database; 0 if it cannot be reached, which its next user will find
    out.

    A session ends a moment after its client has closed the connection. So the sessions are counted again for up to five
    seconds, until there are none, so that a process that has just stopped does not count.
    """
    database = database_at(url, "sessions")
    try:
        with database.reading.connect() as connection:
            return _still_there(connection)
    except SQLAlchemyError:
        return 0
    finally:
        database.close()


def _still_there(connection: Connection) -> int:
    deadline = time.monotonic() + _PATIENCE_S
    while others := int(connection.execute(_OTHERS).scalar_one()):
        if time.monotonic() >= deadline:
            return others
        connection.rollback()  # a transaction keeps seeing the sessions that its first query found
        time.sleep(_PAUSE_S)
    return 0
