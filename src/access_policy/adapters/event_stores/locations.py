"""The location of an event store, whether a store exists there, and how another process opens it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_stores import postgres
from access_policy.adapters.event_stores.dynamodb import store as dynamodb
from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.adapters.event_stores.sqlite import sqlite_event_store

StoreLocation = Path | str | AwsAddress  # an SQLite file, a `postgresql://` URL, a DynamoDB table


def is_in_use(location: StoreLocation) -> bool:
    """Tell whether the store is in use, so that new keys must not be created for it. Raises like opening the store."""
    match location:
        case Path():
            return location.exists()
        case AwsAddress():
            return dynamodb.has_events(location)
        case _:
            return postgres.has_events(location)


def opens(location: StoreLocation) -> Callable[[], RecorderEventStore] | None:
    """Return a function that another process can import to open the same store. None for DynamoDB, where reading is slower than
    the folds.
    """
    match location:
        case Path():
            return partial(sqlite_event_store, location)
        case AwsAddress():
            return None
        case _:
            return partial(postgres.postgres_event_store, location)
