"""The location of an event store, and whether a store exists there."""

from __future__ import annotations

from pathlib import Path

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.event_stores import postgres
from access_policy.adapters.event_stores.dynamodb import store as dynamodb

StoreLocation = Path | str | AwsAddress  # an SQLite file, a `postgresql://` URL, a DynamoDB table


def is_in_use(location: StoreLocation) -> bool:
    """True if the store has events, so that new keys must not be created for it. Raises like opening the store."""
    match location:
        case Path():
            return location.exists()
        case AwsAddress():
            return dynamodb.has_events(location)
        case _:
            return postgres.has_events(location)
