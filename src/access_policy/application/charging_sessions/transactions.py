"""Load the streams of a transaction and of its attempt, and interpret them."""

from __future__ import annotations

from collections.abc import Sequence

from access_policy.application.ports.event_store import Recorded, Streams
from access_policy.application.streams import attempt_stream, transaction_stream
from access_policy.domain.access.events import (
    ASSUMED_ENDS,
    AccessAllowed,
    AccessDenied,
    ChargingEnded,
    ChargingStarted,
)
from access_policy.domain.access.transaction_record import TransactionRecord
from access_policy.domain.ids import AttemptId, ChargerId, TenantId


async def transaction_record(
    store: Streams, tenant_id: TenantId, charger_id: ChargerId, transaction_id: str
) -> TransactionRecord:
    """Return the transaction's record; an empty one for an unknown transaction. Raises `StoreUnavailable`."""
    record = TransactionRecord()
    for recorded in await store.load(transaction_stream(tenant_id, charger_id, transaction_id)):
        record = record.after(recorded.event)
    return record


async def attempt_history(store: Streams, tenant_id: TenantId, attempt_id: AttemptId | None) -> list[Recorded]:
    """Return the events of the attempt; none without an attempt. Raises `StoreUnavailable`."""
    return [] if attempt_id is None else await store.load(attempt_stream(tenant_id, attempt_id))


def start_in(history: Sequence[Recorded]) -> ChargingStarted | None:
    """Return the latest report of the attempt's start."""
    return next((each.event for each in reversed(history) if isinstance(each.event, ChargingStarted)), None)


def is_over(history: Sequence[Recorded], *, also_assumed: bool) -> bool:
    """Return True if the charger reported the end of the session or, with `also_assumed`, the service concluded it."""
    ends = [each.event.reason for each in history if isinstance(each.event, ChargingEnded)]
    return any(also_assumed or reason not in ASSUMED_ENDS for reason in ends)


def latest_decision(history: Sequence[Recorded]) -> AccessAllowed | AccessDenied | None:
    decisions = [each.event for each in history if isinstance(each.event, AccessAllowed | AccessDenied)]
    return decisions[-1] if decisions else None
