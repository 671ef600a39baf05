"""Connections that poll for the file's lock while another process has it.

SQLite's wait (`busy_timeout`) sleeps longer and longer, up to 100 ms, and never queues: beside a gateway that commits all the
time, a commit of the office waited 200 to 400 ms for a lock that was free every few milliseconds.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from typing import Any, Final

AGAIN_MIN_S: Final = 0.0005
AGAIN_MAX_S: Final = 0.002
PRIMARY: Final = 0xFF  # the part of an error code that says what happened; the rest says why


class PromptConnection(sqlite3.Connection):
    """A connection whose statements wait up to `patience_s` for the lock, and then raise SQLite's error. In a transaction that
    has read before another process wrote, they fail at once, because retrying cannot help.
    """

    patience_s: float = 0.0
    pause: Callable[[float], None] = staticmethod(time.sleep)

    def cursor(self, *_: Any, **__: Any) -> PromptCursor:  # type: ignore[override]
        return super().cursor(PromptCursor)


class PromptCursor(sqlite3.Cursor):
    connection: PromptConnection

    def execute(self, sql: str, parameters: Any = (), /) -> PromptCursor:
        until = None
        while True:
            try:
                return super().execute(sql, parameters)
            except sqlite3.OperationalError as error:
                now = time.monotonic()
                until = now + self.connection.patience_s if until is None else until
                if now >= until or not _is_a_lock(error):
                    raise
            self.connection.pause(random.uniform(AGAIN_MIN_S, AGAIN_MAX_S))  # noqa: S311  no secret


def _is_a_lock(error: sqlite3.OperationalError) -> bool:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & PRIMARY == sqlite3.SQLITE_BUSY and code != sqlite3.SQLITE_BUSY_SNAPSHOT
