"""The event store in a DynamoDB table."""

from __future__ import annotations

from typing import Final

from access_policy.adapters.aws.address import AwsAddress
from access_policy.adapters.aws.clients import AWS_TROUBLE
from access_policy.adapters.event_stores.dynamodb.recorder import DynamoDbRecorder
from access_policy.adapters.event_stores.recorder_store import TIMEOUT_S, RecorderEventStore
from access_policy.adapters.event_stores.serde import DOMAIN_SERDE, EventSerde

# share of the store's deadline, so that the driver's error arrives before the caller gives up
DRIVER_TIMEOUT_SHARE: Final = 0.8


def dynamodb_event_store(
    address: AwsAddress, *, timeout_s: float = TIMEOUT_S, serde: EventSerde = DOMAIN_SERDE
) -> RecorderEventStore:
    """Open the store in a table that `access-policy migrate` created. Raises `TableMissing` or `PersistenceError`."""
    recorder = opened_recorder(address, timeout_s=timeout_s * DRIVER_TIMEOUT_SHARE)
    return RecorderEventStore(
        recorder,
        timeout_s=timeout_s,
        serde=serde,
        driver_errors=AWS_TROUBLE,
        close_recorder=recorder.close,
        refuses_gaps=True,
    )


def has_events(address: AwsAddress) -> bool:
    """Tell whether the table has events. Raises like opening the store."""
    recorder = opened_recorder(address, timeout_s=TIMEOUT_S)
    try:
        return recorder.max_notification_id() is not None
    finally:
        recorder.close()


def opened_recorder(address: AwsAddress, *, timeout_s: float) -> DynamoDbRecorder:
    recorder = DynamoDbRecorder(address, timeout_s=timeout_s)
    try:
        recorder.require_table()
    except BaseException:
        recorder.close()
        raise
    return recorder
