"""Event stores and secrets for tests, and events to put into them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from eventsourcing.persistence import StoredEvent

from access_policy.adapters.event_stores.memory import memory_event_store
from access_policy.adapters.event_stores.postgres import postgres_event_store
from access_policy.adapters.event_stores.recorder_store import TIMEOUT_S, RecorderEventStore
from access_policy.adapters.event_stores.serde import DOMAIN_SERDE, EventSerde
from access_policy.adapters.event_stores.sqlite import sqlite_event_store
from access_policy.adapters.records.charger_credentials import SqlChargerCredentials
from access_policy.adapters.records.vehicle_vault import SqlVehicleVault
from access_policy.adapters.secrets.pseudonyms import HmacPseudonyms
from access_policy.adapters.sql.databases import database_at
from access_policy.adapters.sql.migrations import Part, migrate
from access_policy.application.context import new_id
from access_policy.application.ports.event_store import Append, Envelope, NewEvent, StreamId
from access_policy.domain.charger_condition.events import ChargerDisconnected
from access_policy.domain.ids import ActorId, ChargerId, TenantId

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
TEST_KEY = bytes(range(32))
TOGETHER = 50


def memory_store() -> RecorderEventStore:
    return memory_event_store()


def batched(appends: Iterable[Append]) -> Iterator[list[Append]]:
    """Yield the appends in batches. Thousands of events are stored much faster with many appends per transaction."""
    left = iter(appends)
    while batch := list(islice(left, TOGETHER)):
        yield batch


def stored_events(store: RecorderEventStore) -> Sequence[StoredEvent]:
    """All events of the store, in the order of the log."""
    log = store._recorder.select_notifications(None, sys.maxsize)
    return [StoredEvent(each.originator_id, each.originator_version, each.topic, each.state) for each in log]


def memory_store_of(events: Sequence[StoredEvent]) -> RecorderEventStore:
    """A store in memory that holds these already."""
    store = memory_store()
    store._recorder.insert_events(events)
    return store


def sqlite_store(directory: Path) -> RecorderEventStore:
    """The store in `directory`/events.sqlite; opening it again finds what was appended."""
    return sqlite_event_store(directory / "events.sqlite")


def postgres_store(url: str, *, serde: EventSerde = DOMAIN_SERDE, timeout_s: float = TIMEOUT_S) -> RecorderEventStore:
    """The store in the database, migrated."""
    database = database_at(url, "tests")
    with database.writing.begin() as connection:
        migrate(connection, Part.EVENTS)
    database.close()
    return postgres_event_store(url, serde=serde, timeout_s=timeout_s)


def pseudonyms() -> HmacPseudonyms:
    return HmacPseudonyms(TEST_KEY)


def vehicle_vault(place: Path | str, key: bytes = TEST_KEY) -> SqlVehicleVault:
    """In a file of the directory, or in the database of the URL."""
    return SqlVehicleVault(place / "vault.sqlite" if isinstance(place, Path) else place, key)


def charger_credentials(place: Path | str) -> SqlChargerCredentials:
    """In a file of the directory, or in the database of the URL."""
    return SqlChargerCredentials(place / "credentials.sqlite" if isinstance(place, Path) else place, TEST_KEY)


def envelope(*, event_id: str | None = None, at: datetime = NOON, tenant: str = "acme") -> Envelope:
    return Envelope(
        event_id=event_id or new_id(),
        tenant_id=TenantId(tenant),
        occurred_at=at,
        recorded_at=at,
        actor=ActorId("tester"),
        correlation_id="a-test",
    )


def happened(event: object, *, event_id: str | None = None, at: datetime = NOON) -> NewEvent:
    return NewEvent(event, envelope(event_id=event_id, at=at))


def note(text: str, *, at: datetime = NOON) -> ChargerDisconnected:
    """A small event that carries a text of the test's."""
    return ChargerDisconnected(charger_id=ChargerId("bay-1"), reason=text, disconnected_at=at)


def text_of(event: ChargerDisconnected) -> str:
    return event.reason


def notes(stream: str, texts: Sequence[str], *, expected_version: int = 0) -> Append:
    """New events, each with an id of its own, one for each text."""
    return Append(StreamId(stream), expected_version, tuple(happened(note(text)) for text in texts))


class Inline(Executor):
    """An executor that runs each call at once: in memory, the store's threads cost more than its work."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        outcome: Future[Any] = Future()
        try:
            outcome.set_result(fn(*args, **kwargs))
        except Exception as failure:  # noqa: BLE001  raised where the future is awaited
            outcome.set_exception(failure)
        return outcome


def inline_memory_store() -> RecorderEventStore:
    """`memory_store` without threads: for virtual time, and for tests with thousands of small steps."""
    store = memory_store()
    for name in ("_readers", "_writer"):
        getattr(store, name).shutdown()
        setattr(store, name, Inline())
    return store
