"""One row for each attempt that was decided under an energy gate: its latest decision, and the inputs of the gate."""

from __future__ import annotations

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Projection, Put, RowChange, types_of
from access_policy.application.projections.energy import envelope_columns
from access_policy.domain.access.events import AccessAllowed, AccessDenied

TABLE = "energy_starts"


def fold(recorded: Recorded) -> list[RowChange]:
    event: AccessAllowed | AccessDenied = recorded.event
    lineage = event.lineage
    gate = lineage.gate
    if gate is None:
        return []
    would_deny = event.would_deny if isinstance(event, AccessAllowed) else None
    values = {
        "depot_id": lineage.depot_id,
        "charger_id": lineage.charger_id,
        "occurred_at": lineage.decided_for,
        "position": recorded.position,
        "decision": "allowed" if isinstance(event, AccessAllowed) else "denied",
        "reason": event.reason.value,
        "would_deny": None if would_deny is None else would_deny.value,
        "level": gate.level.value,
        "is_advisory": gate.is_advisory,
        "binding_node_id": gate.binding_node_id,
        "limit_source": None if gate.limit_source is None else gate.limit_source.value,
        "effective_w": gate.effective_w,
        "committed_w": gate.committed_w,
        "threshold_w": gate.threshold_w,
        "observed_at": gate.observed_at,
        "site_version": gate.version,
        **envelope_columns(gate.envelope),
    }
    key = {"tenant_id": recorded.envelope.tenant_id, "attempt_id": lineage.attempt_id}
    return [Put(TABLE, key, values)]


ENERGY_STARTS = Projection("energy_starts", (TABLE,), types_of(AccessAllowed, AccessDenied), fold)
