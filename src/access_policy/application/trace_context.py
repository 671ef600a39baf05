"""The trace that the present work belongs to: the `traceparent` of W3C Trace Context that its events record and its spans
continue. None where the service traces nothing and no caller sent one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)

current_traceparent = _traceparent.get


@contextmanager
def within_trace(traceparent: str | None) -> Iterator[None]:
    """The block's work, and the tasks that it starts, belong to that trace."""
    token = _traceparent.set(traceparent)
    try:
        yield
    finally:
        _traceparent.reset(token)
