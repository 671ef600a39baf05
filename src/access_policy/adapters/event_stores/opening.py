"""Where an event store lies, and the adapter for it."""

from __future__ import annotations

from pathlib import Path

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_stores import postgres
from access_policy.adapters.event_stores.dynamodb import store as dynamodb
from access_policy.adapters.event_stores.recorder_store import RecorderEventStore
from access_policy.adapters.event_stores.sqlite import sqlite_event_store

Place = Path | str | AwsAddress  # an SQLite file, a `postgresql://` URL, a DynamoDB table


def open_event_store(place: Place) -> RecorderEventStore:
    """Raises what opening the adapter's raises."""
    match place:
        case Path():
            return sqlite_event_store(place)
        case AwsAddress():
            return dynamodb.dynamodb_event_store(place)
        case _:
            return postgres.postgres_event_store(place)


def is_in_use(place: Place) -> bool:
    """Whether keys may not be made anew beside it. Raises as opening does."""
    match place:
        case Path():
            return place.exists()
        case AwsAddress():
            return dynamodb.has_events(place)
        case _:
            return postgres.has_events(place)
