"""An event store in memory for tests: the same store over pyeventsourcing's in-memory recorder."""

from __future__ import annotations

from eventsourcing.popo import POPOApplicationRecorder

from access_policy.adapters.event_stores.recorder_store import TIMEOUT_S, RecorderEventStore
from access_policy.adapters.event_stores.serde import DOMAIN_SERDE, EventSerde


def memory_event_store(*, timeout_s: float = TIMEOUT_S, serde: EventSerde = DOMAIN_SERDE) -> RecorderEventStore:
    return RecorderEventStore(POPOApplicationRecorder(), timeout_s=timeout_s, serde=serde)
