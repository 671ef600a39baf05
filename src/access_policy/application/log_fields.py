"""Fields that every log line of the current task carries: tenant, charger, attempt and request id, as far as known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_fields: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default={})  # noqa: B039  never changed in place


def log_fields() -> Mapping[str, str]:
    return _fields.get()


def add_log_fields(**fields: str) -> None:
    """Add fields for the rest of the current task, and for tasks that it starts. Never pass identifier values."""
    _fields.set({**_fields.get(), **fields})


@contextmanager
def with_log_fields(**fields: str) -> Iterator[None]:
    """Add fields like `add_log_fields`, but only within the block."""
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)
