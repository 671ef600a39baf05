"""Failures that an operator can fix. Their message is sufficient, and a restart does not help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class CannotRun(Exception):
    """The process cannot run; the message says what is wrong and what to do."""


@contextmanager
def explained() -> Iterator[None]:
    """Convert errors of settings, files, stores and ports to `CannotRun`. Any other error is a bug and propagates."""
    from eventsourcing.persistence import PersistenceError
    from sqlalchemy.exc import SQLAlchemyError

    from access_policy.adapters.event_stores.postgres import LosesEvents
    from access_policy.adapters.event_stores.sqlite import NotDurable
    from access_policy.adapters.identity.embedded import KeyFileUnsafe
    from access_policy.adapters.local_files.tls_files import TlsUnusable
    from access_policy.adapters.read_models.rebuilding import RebuildOvertaken
    from access_policy.adapters.secrets.key_files import KeyFileUnusable
    from access_policy.adapters.sql.migrations import MigrationNeeded
    from access_policy.application.ports.event_store import StoreUnavailable
    from access_policy.entrypoints.processes.safety import NotAllowed

    of_settings = (NotAllowed, TlsUnusable, KeyFileUnsafe, KeyFileUnusable, LosesEvents)
    of_stores = (NotDurable, MigrationNeeded, RebuildOvertaken, StoreUnavailable, PersistenceError, SQLAlchemyError)
    try:
        yield
    except* (*of_settings, *of_stores, OSError) as group:
        failure = CannotRun(str(_first(group)))
        failure.__cause__ = group
    else:
        return
    raise failure


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
