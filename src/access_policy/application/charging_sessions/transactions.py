"""The record of one transaction of a charger, from the transaction's own stream (ADR 0003)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from access_policy.application.ports.event_store import Recorded, Streams
from access_policy.application.streams import attempt_stream, transaction_stream
from access_policy.domain.access.events import (
    ASSUMED_ENDS,
    ChargingEnded,
    ChargingStarted,
    TransactionAnnounced,
    TransactionEnded,
    TransactionOpened,
)
from access_policy.domain.ids import AttemptId, ChargerId, TenantId


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """`version` is that of the transaction's stream. `meter_wh` is the first reading announced, `ended` an end that was
    reported before any start. `earlier` counts the transactions for which the charger used the id before."""

    version: int = 0
    attempt_id: AttemptId | None = None
    connector_id: int | None = None
    meter_wh: int | None = None
    ended: TransactionEnded | None = None
    earlier: int = 0

    def used_again(self) -> TransactionRecord:
        """The charger has taken the id for another transaction: nothing is on record of that one yet."""
        return TransactionRecord(version=self.version, earlier=self.earlier + 1)

    def after(self, event: object) -> TransactionRecord:
        if self.attempt_id is not None and isinstance(event, TransactionAnnounced | TransactionOpened):
            return self.used_again().after(event)
        following = replace(self, version=self.version + 1)
        match event:
            case TransactionOpened():
                return replace(following, attempt_id=event.attempt_id)
            case TransactionAnnounced():
                return replace(
                    following,
                    connector_id=event.connector_id if self.connector_id is None else self.connector_id,
                    meter_wh=event.meter_wh if self.meter_wh is None else self.meter_wh,
                )
            case TransactionEnded():
                connector_id = event.connector_id if self.connector_id is None else self.connector_id
                return replace(following, connector_id=connector_id, ended=event)
            case _:
                return following


async def transaction_record(
    store: Streams, tenant_id: TenantId, charger_id: ChargerId, transaction_id: str
) -> TransactionRecord:
    """An empty record for a transaction never seen. Raises `StoreUnavailable`."""
    record = TransactionRecord()
    for recorded in await store.load(transaction_stream(tenant_id, charger_id, transaction_id)):
        record = record.after(recorded.event)
    return record


async def attempt_history(store: Streams, tenant_id: TenantId, attempt_id: AttemptId | None) -> list[Recorded]:
    """The events of the attempt; none without an attempt. Raises `StoreUnavailable`."""
    return [] if attempt_id is None else await store.load(attempt_stream(tenant_id, attempt_id))


def start_in(history: Sequence[Recorded]) -> ChargingStarted | None:
    """The latest report of the attempt's start."""
    return next((each.event for each in reversed(history) if isinstance(each.event, ChargingStarted)), None)


def is_over(history: Sequence[Recorded], *, also_assumed: bool) -> bool:
    """The charger has reported the end of the session; with `also_assumed`, or the service has concluded it."""
    ends = [each.event.reason for each in history if isinstance(each.event, ChargingEnded)]
    return any(also_assumed or reason not in ASSUMED_ENDS for reason in ends)
