"""One row for each request to switch a charger: when it was due, when it was first verified, how late, or why it failed."""

from __future__ import annotations

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Change, Projection, Put, RowChange, types_of
from access_policy.domain.charger_access_policy.application import REBOOT_REQUIRED
from access_policy.domain.charger_access_policy.events import ModeApplicationFailed, ModeApplied, ModeChangeRequested

TABLE = "mode_changes"


def fold(recorded: Recorded) -> list[RowChange]:
    """Fold the event; verifications after the first one do not affect lateness and change no row."""
    event = recorded.event
    key = {
        "tenant_id": recorded.envelope.tenant_id,
        "charger_id": event.charger_id,
        "generation": event.generation,
    }
    match event:
        case ModeChangeRequested():
            return [Put(TABLE, key, {}, at_first=_requested(recorded, event))]
        case ModeApplied():
            applied = {
                "outcome": "applied",
                "due_at": event.due_at,
                "applied_at": event.applied_at,
                "late_s": event.late_s,
                "evidence": event.evidence,
            }
            return [Change(TABLE, {**key, "applied_at": None}, applied)]
        case ModeApplicationFailed(reason=reason) if reason == REBOOT_REQUIRED:
            waits = {"outcome": "pending", "failure": reason, "failure_detail": event.detail}
            return [Change(TABLE, {**key, "applied_at": None}, waits)]
        case ModeApplicationFailed():
            failed = {
                "outcome": "failed",
                "failed_at": event.failed_at,
                "failure": event.reason,
                "failure_detail": event.detail,
            }
            return [Change(TABLE, {**key, "applied_at": None}, failed)]
        case _:
            raise TypeError(f"the mode changes do not fold {type(event).__name__}")


def _requested(recorded: Recorded, event: ModeChangeRequested) -> dict[str, object]:
    return {
        "position": recorded.position,
        "mode": event.mode.value,
        "cause_kind": event.cause.kind.value,
        "cause_id": event.cause.id,
        "cause_name": event.cause.name,
        "mode_control": event.mode_control,
        "trigger": event.trigger,
        "due_at": event.due_at,
        "requested_at": recorded.envelope.recorded_at,
        "outcome": "requested",
    }


MODE_CHANGES = Projection(
    "mode_changes", (TABLE,), types_of(ModeChangeRequested, ModeApplied, ModeApplicationFailed), fold
)
