"""Record each change that affects the limits of a site as one row: nodes, policy, envelopes, withdrawals, silent
sources.

Measurements are rows of `energy.py`; here one row records when the depot first had a feed. `queries/energy_past.py`
reads the rows back as events, and so reconstructs a past site without its whole stream.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from access_policy.application.ports.event_store import Recorded
from access_policy.application.projections.changes import Projection, Put, RowChange, types_of
from access_policy.application.projections.energy import operating_envelope_columns
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import OperatingEnvelope
from access_policy.domain.site_energy.events import (
    DemandMeasured,
    EnergyNodePut,
    EnergyNodeRemoved,
    EnergyPolicyPut,
    EnergySourceHeard,
    EnergySourceWentOffline,
    OperatingEnvelopeReceived,
    OperatingEnvelopeWithdrawn,
)
from access_policy.domain.site_energy.nodes import EnergyNode

TABLE = "energy_changes"


class ChangeKind(StrEnum):
    NODE = "node"
    NODE_REMOVED = "node_removed"
    POLICY = "policy"
    ENVELOPE = "envelope"
    WITHDRAWAL = "withdrawal"
    HEARD = "heard"
    OFFLINE = "offline"
    FEED = "feed"  # the first envelope or measurement, at position 0


def fold(recorded: Recorded) -> list[RowChange]:
    event = recorded.event
    match event:
        case EnergyNodePut(node=node):
            return [_put(recorded, ChangeKind.NODE, **_node(node))]
        case EnergyNodeRemoved(node_id=node_id):
            return [_put(recorded, ChangeKind.NODE_REMOVED, node_id=node_id)]
        case EnergyPolicyPut(policy=policy):
            return [_put(recorded, ChangeKind.POLICY, **_policy(policy))]
        case OperatingEnvelopeReceived(envelope=envelope, received_at=received_at):
            return [
                _put(recorded, ChangeKind.ENVELOPE, happened_at=received_at, **_envelope(envelope)),
                _feed(recorded),
            ]
        case OperatingEnvelopeWithdrawn(envelope_id=envelope_id, withdrawn_at=withdrawn_at):
            return [_put(recorded, ChangeKind.WITHDRAWAL, happened_at=withdrawn_at, envelope_id=envelope_id)]
        case EnergySourceHeard(source=source, heard_at=heard_at):
            return [_put(recorded, ChangeKind.HEARD, happened_at=heard_at, source=source)]
        case EnergySourceWentOffline(source=source, offline_at=offline_at, reported_at=reported_at):
            values = {"happened_at": offline_at, "reported_at": reported_at, "source": source}
            return [_put(recorded, ChangeKind.OFFLINE, **values)]
        case DemandMeasured():
            return [_feed(recorded)]
        case _:
            raise TypeError(f"the changes of sites do not fold {type(event).__name__}")


def _put(recorded: Recorded, kind: ChangeKind, **values: Any) -> RowChange:
    key = {**_depot(recorded), "position": recorded.position}
    return Put(TABLE, key, {"kind": kind.value, "at": recorded.envelope.recorded_at, **values})


def _feed(recorded: Recorded) -> RowChange:
    key = {**_depot(recorded), "position": 0}
    at_first = {"at": recorded.envelope.recorded_at, "happened_at": recorded.event.received_at}
    return Put(TABLE, key, {"kind": ChangeKind.FEED.value}, at_first=at_first)


def _depot(recorded: Recorded) -> dict[str, Any]:
    return {"tenant_id": recorded.envelope.tenant_id, "depot_id": recorded.event.depot_id}


def _node(node: EnergyNode) -> dict[str, Any]:
    return {
        "node_id": node.node_id,
        "parent_id": node.parent_id,
        "node_kind": node.kind.value,
        "charger_id": node.charger_id,
        "limit_w": node.limit_w,
        "minimum_start_w": node.minimum_start_w,
    }


def _policy(policy: EnergyPolicy) -> dict[str, Any]:
    names = ("own_and_agreement_below_w", "own_only_below_w", "hysteresis_w")
    seconds = ("minimum_dwell_s", "measurement_max_age_s", "hold_max_s")
    return {
        "is_enabled": policy.enabled,
        "enforcement": policy.enforcement.value,
        **{name: getattr(policy, name) for name in (*names, *seconds)},
    }


def _envelope(envelope: OperatingEnvelope) -> dict[str, Any]:
    """Return the columns. After `counts_until` the envelope limits nothing, unless its source's silence holds it for a
    while."""
    fallback = envelope.fallback
    counts_until = envelope.valid_until if fallback is None else max(envelope.valid_until, fallback.valid_until)
    columns = operating_envelope_columns(envelope)
    return {"envelope_id": envelope.envelope_id, **columns, "counts_until": counts_until}


ENERGY_CHANGES = Projection(
    "energy_changes",
    (TABLE,),
    types_of(
        EnergyNodePut,
        EnergyNodeRemoved,
        EnergyPolicyPut,
        OperatingEnvelopeReceived,
        OperatingEnvelopeWithdrawn,
        EnergySourceHeard,
        EnergySourceWentOffline,
        DemandMeasured,
    ),
    fold,
)
