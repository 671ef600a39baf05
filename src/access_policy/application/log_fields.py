"""Fields that every log line of the current task carries: tenant, charger, attempt and request id, where they are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_fields: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default={})  # noqa: B039  never changed in place


def log_fields() -> Mapping[str, str]:
    return _fields.get()


def add_log_fields(**fields: str) -> None:
    """For the rest of the current task, and for tasks that it starts. Identifier values must not be among the fields."""
    _fields.set({**_fields.get(), **fields})


@contextmanager
def with_log_fields(**fields: str) -> Iterator[None]:
    """As `add_log_fields`, for the block."""
    token = _fields.set({**_fields.get(), **fields})
    try:
        yield
    finally:
        _fields.reset(token)
