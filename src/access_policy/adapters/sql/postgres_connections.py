"""PostgreSQL connections with deadlines for locks, statements, and servers that hang or vanish (ADR 0019)."""

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
LOCK_TIMEOUT_SHARE: Final = 0.9  # so that the server's lock timeout arrives before the client's
KEEPALIVE_S: Final = 10  # a vanished server is detected after about three of these
NEVER: Final = float("inf")


class _OfThisThread(threading.local):
    deadline = NEVER  # of the current call, on the monotonic clock


_of_this_thread: Final = _OfThisThread()


@contextmanager
def deadline(timeout_s: float) -> Iterator[None]:
    """Limit the total time of all calls of this thread's connections inside the block; a late call raises."""
    _of_this_thread.deadline = time.monotonic() + timeout_s
    try:
        yield
    finally:
        _of_this_thread.deadline = NEVER


def time_left() -> float:
    """Return the seconds until this thread's deadline; negative once it has passed."""
    return _of_this_thread.deadline - time.monotonic()


class PunctualConnection(Connection[Any]):
    """Enforces the deadline of the thread that uses it on the client's side, because a server that hangs cannot."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if timeout is None and _of_this_thread.deadline != NEVER:
            timeout = max(0.0, time_left())
        try:
            return super().wait(gen, interval, timeout)
        except errors._WaitTimeout as late:  # the server may still complete the statement
            self.pgconn.finish()
            raise psycopg.OperationalError("the server did not answer in time") from late


def connection_settings(url: str, timeout_s: float, purpose: str, **more: Any) -> dict[str, Any]:
    """Return the parameters of `psycopg.connect` besides `url`. Parameters in `url` take precedence."""
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
