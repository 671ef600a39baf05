"""The energy of sites for reports: envelopes, demand by the minute, each charger's gate changes, and silent feeds.

`energy_starts.py` creates the rows of starts that a gate judged, `energy_changes.py` the rows of changes that affect
limits.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Change, Projection, Put, RowChange, types_of
from access_policy.domain.site_energy.envelopes import OperatingEnvelope
from access_policy.domain.site_energy.events import (
    AccessNarrowed,
    AccessWidened,
    DemandMeasured,
    EnergyControlDegraded,
    EnergyControlRestored,
    OperatingEnvelopeIgnored,
    OperatingEnvelopeReceived,
    OperatingEnvelopeWithdrawn,
)
from access_policy.domain.site_energy.gate import GateEnvelope

ENVELOPES = "energy_envelopes"
IGNORED = "energy_ignored_envelopes"
DEMAND = "energy_demand"
GATES = "energy_gates"
SILENCES = "energy_silences"


def fold(recorded: Recorded) -> list[RowChange]:
    event = recorded.event
    match event:
        case OperatingEnvelopeReceived(envelope=envelope):
            key = {**_tenant(recorded), "envelope_id": envelope.envelope_id}
            return [Put(ENVELOPES, key, _envelope(recorded, envelope), at_first={"withdrawn_at": None})]
        case OperatingEnvelopeWithdrawn(envelope_id=envelope_id, withdrawn_at=withdrawn_at):
            where = {**_tenant(recorded), "envelope_id": envelope_id}
            return [Change(ENVELOPES, where, {"withdrawn_at": withdrawn_at, "version": recorded.version})]
        case OperatingEnvelopeIgnored():
            return [_ignored(recorded)]
        case DemandMeasured(items=items):
            return [
                Put(
                    DEMAND,
                    {
                        **_depot(recorded),
                        "node_id": each.node_id,
                        "minute": each.observed_at.replace(second=0, microsecond=0),
                    },
                    {"observed_at": each.observed_at, "demand_w": each.demand_w},
                )
                for each in items
            ]
        case AccessNarrowed(narrowed_at=at) | AccessWidened(widened_at=at):
            return _gates(recorded, event, at)
        case EnergyControlDegraded(since=since):
            key = {**_feed(recorded), "position": recorded.position}
            return [Put(SILENCES, key, {"since": since}, at_first={"is_open": True, "restored_at": None})]
        case EnergyControlRestored(restored_at=restored_at):
            where = {**_feed(recorded), "is_open": True}
            restored = {"is_open": False, "restored_at": restored_at}
            return [Change(SILENCES, where, restored, before=recorded.position)]
        case _:
            raise TypeError(f"the energy of sites does not fold {type(event).__name__}")


def envelope_columns(envelope: GateEnvelope | None) -> dict[str, Any]:
    """Return the columns of the envelope whose limit binds."""
    names = ("id", "sequence", "state", "valid_from", "valid_until")
    if envelope is None:
        return {f"envelope_{name}": None for name in names}
    values = (
        envelope.envelope_id,
        envelope.sequence,
        envelope.state.value,
        envelope.valid_from,
        envelope.valid_until,
    )
    return {f"envelope_{name}": value for name, value in zip(names, values, strict=True)}


def _gates(recorded: Recorded, event: AccessNarrowed | AccessWidened, at: datetime) -> list[RowChange]:
    values = {
        "depot_id": event.depot_id,
        "at": at,
        "level": event.level.value,
        "is_narrower": isinstance(event, AccessNarrowed),
        "node_id": event.node_id,
        "limit_source": None if event.limit_source is None else event.limit_source.value,
        "effective_w": event.effective_w,
        "committed_w": event.committed_w,
        "threshold_w": event.threshold_w,
        "is_advisory": event.is_advisory,
        **envelope_columns(event.envelope),
    }
    key = {**_tenant(recorded), "position": recorded.position}
    return [Put(GATES, {**key, "charger_id": charger_id}, values) for charger_id in event.charger_ids]


def operating_envelope_columns(envelope: OperatingEnvelope) -> dict[str, Any]:
    """Return the columns of an envelope without its id."""
    fallback = envelope.fallback
    return {
        "node_id": envelope.node_id,
        "source": envelope.source,
        "sequence": envelope.sequence,
        "valid_from": envelope.valid_from,
        "valid_until": envelope.valid_until,
        "import_limit_w": envelope.import_limit_w,
        "fallback_limit_w": None if fallback is None else fallback.import_limit_w,
        "fallback_until": None if fallback is None else fallback.valid_until,
    }


def _envelope(recorded: Recorded, envelope: OperatingEnvelope) -> dict[str, Any]:
    return {
        "depot_id": recorded.event.depot_id,
        **operating_envelope_columns(envelope),
        "received_at": recorded.event.received_at,
        "position": recorded.position,
        "version": recorded.version,
    }


def _ignored(recorded: Recorded) -> RowChange:
    event = recorded.event
    envelope = event.envelope
    values = {
        "envelope_id": envelope.envelope_id,
        "node_id": envelope.node_id,
        "source": envelope.source,
        "sequence": envelope.sequence,
        "reason": event.reason.value,
        "ignored_at": event.ignored_at,
    }
    return Put(IGNORED, {**_depot(recorded), "position": recorded.position}, values)


def _tenant(recorded: Recorded) -> dict[str, Any]:
    return {"tenant_id": recorded.envelope.tenant_id}


def _depot(recorded: Recorded) -> dict[str, Any]:
    return {"tenant_id": recorded.envelope.tenant_id, "depot_id": recorded.event.depot_id}


def _feed(recorded: Recorded) -> dict[str, Any]:
    """Return the key of the feed that became silent, as a string, because a key column is never empty."""
    event = recorded.event
    return {**_depot(recorded), "reason": event.reason.value, "feed": event.source or event.node_id or "-"}


ENERGY = Projection(
    "energy",
    (ENVELOPES, IGNORED, DEMAND, GATES, SILENCES),
    types_of(
        OperatingEnvelopeReceived,
        OperatingEnvelopeWithdrawn,
        OperatingEnvelopeIgnored,
        DemandMeasured,
        AccessNarrowed,
        AccessWidened,
        EnergyControlDegraded,
        EnergyControlRestored,
    ),
    fold,
)
