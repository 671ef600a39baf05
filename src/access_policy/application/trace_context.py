"""The trace of the current work: its events record the `traceparent` (W3C Trace Context) and its spans continue it.
None if tracing is off and the caller sent no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)

current_traceparent = _traceparent.get


@contextmanager
def within_trace(traceparent: str | None) -> Iterator[None]:
    """Let the work in the block, and the tasks that it starts, belong to that trace."""
    token = _traceparent.set(traceparent)
    try:
        yield
    finally:
        _traceparent.reset(token)
