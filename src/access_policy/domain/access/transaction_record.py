"""The record of one transaction of a charger, folded from the transaction's own stream (ADR 0003)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from access_policy.domain.access.events import TransactionAnnounced, TransactionEnded, TransactionOpened
from access_policy.domain.ids import AttemptId


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """The state of one transaction. `version` is the version of the transaction's stream, `meter_wh` the first announced
    reading, and `ended` an end that was reported before any start. `earlier` counts the earlier transactions for which the
    charger used the same id.
    """

    version: int = 0
    attempt_id: AttemptId | None = None
    connector_id: int | None = None
    meter_wh: int | None = None
    ended: TransactionEnded | None = None
    earlier: int = 0

    def used_again(self) -> TransactionRecord:
        """Return an empty record for another transaction for which the charger uses the same id."""
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
