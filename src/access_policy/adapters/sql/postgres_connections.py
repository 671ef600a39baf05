"""Connections to PostgreSQL that nobody waits for without end: not for a lock, not for a statement, not for a server that
hangs or is gone without a word (ADR 0019)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import Connection, errors
from psycopg.conninfo import conninfo_to_dict

CONNECT_TIMEOUT_S: Final = 3
LOCK_TIMEOUT_SHARE: Final = 0.9  # the server says that it waited for a lock before we stop listening
KEEPALIVE_S: Final = 10  # a server that is gone without a word is noticed after about three of these
NEVER: Final = float("inf")


class _OfThisThread(threading.local):
    deadline = NEVER  # monotonic; of the call under way


_of_this_thread: Final = _OfThisThread()


@contextmanager
def deadline(timeout_s: float) -> Iterator[None]:
    """All that connections do for this thread inside the block has ended by then, by an error if need be."""
    _of_this_thread.deadline = time.monotonic() + timeout_s
    try:
        yield
    finally:
        _of_this_thread.deadline = NEVER


def time_left() -> float:
    """Seconds until the deadline of this thread; negative when it is over."""
    return _of_this_thread.deadline - time.monotonic()


class PunctualConnection(Connection[Any]):
    """Keeps the deadline of the thread that uses it, on our side: a server that hangs keeps none."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if timeout is None and _of_this_thread.deadline != NEVER:
            timeout = max(0.0, time_left())
        try:
            return super().wait(gen, interval, timeout)
        except errors._WaitTimeout as late:  # what the server does with the rest of it is not known any more
            self.pgconn.finish()
            raise psycopg.OperationalError("the server did not answer in time") from late


def connection_settings(url: str, timeout_s: float, purpose: str, **more: Any) -> dict[str, Any]:
    """What `psycopg.connect` is given beside `url`. What `url` says itself goes before."""
    timeout_ms = round(timeout_s * 1000)
    limits = {
        "statement_timeout": timeout_ms,
        "lock_timeout": round(timeout_ms * LOCK_TIMEOUT_SHARE),
        "idle_in_transaction_session_timeout": timeout_ms,
    }
    asked = conninfo_to_dict(url)
    ours = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives_idle": KEEPALIVE_S,
        "keepalives_interval": KEEPALIVE_S,
        "keepalives_count": 2,
        "tcp_user_timeout": 3 * KEEPALIVE_S * 1000,
        "application_name": f"access-policy {purpose}",
    }
    options = [*(f"-c{name}={value}" for name, value in limits.items()), str(asked.get("options", ""))]
    settings = {name: value for name, value in ours.items() if name not in asked}
    return {**settings, "options": " ".join(options).strip(), **more}
