"""PIN lock-outs: the charger or the entrance, the source and the period."""

from __future__ import annotations

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Projection, Put, RowChange, types_of
from access_policy.domain.access.events import EntrancePinsLockedOut, PinsLockedOut

TABLE = "pin_lockouts"


def fold(recorded: Recorded) -> list[RowChange]:
    event: PinsLockedOut | EntrancePinsLockedOut = recorded.event
    return [
        Put(
            TABLE,
            {"tenant_id": recorded.envelope.tenant_id, "attempt_id": event.attempt_id},
            {
                "charger_id": event.charger_id if isinstance(event, PinsLockedOut) else None,
                "entrance_id": event.entrance_id if isinstance(event, EntrancePinsLockedOut) else None,
                "depot_id": event.depot_id,
                "source": event.source,
                "locked_at": event.since,
                "locked_until": event.until,
                "position": recorded.position,
            },
        )
    ]


PIN_LOCKOUTS = Projection("pin_lockouts", (TABLE,), types_of(PinsLockedOut, EntrancePinsLockedOut), fold)
