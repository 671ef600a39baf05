"""The energy of the depot of `builders`: a grid connection, a circuit below it, and bays 1 and 2 below that."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from access_policy.domain.ids import ChargerId, EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy import events
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import FallbackLimit, OperatingEnvelope
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind
from tests.support.builders import BAY, HOUR, NOON, NORTH

BAY_2 = ChargerId("bay-2")
GRID, CIRCUIT, NODE_1, NODE_2 = (EnergyNodeId(each) for each in ("grid", "circuit", "node-1", "node-2"))
E1, E2 = EnvelopeId("e1"), EnvelopeId("e2")
KW = 1_000


def node(node_id: EnergyNodeId, parent_id: EnergyNodeId | None, **changes: Any) -> EnergyNode:
    return EnergyNode(node_id=node_id, parent_id=parent_id, **({"kind": NodeKind.CIRCUIT} | changes))


def charger_node(
    node_id: EnergyNodeId, charger_id: ChargerId, parent_id: EnergyNodeId = CIRCUIT, **changes: Any
) -> EnergyNode:
    """A charger of 150 kW."""
    values: dict[str, Any] = {"kind": NodeKind.CHARGER, "charger_id": charger_id, "limit_w": 150 * KW}
    return node(node_id, parent_id, **(values | changes))


GRID_NODE = node(GRID, None, kind=NodeKind.GRID_CONNECTION, limit_w=500 * KW)
CIRCUIT_NODE = node(CIRCUIT, GRID, limit_w=400 * KW)
TREE = (GRID_NODE, CIRCUIT_NODE, charger_node(NODE_1, BAY), charger_node(NODE_2, BAY_2))


def node_put(put: EnergyNode) -> events.EnergyNodePut:
    return events.EnergyNodePut(depot_id=NORTH, node=put)


def policy(**changes: Any) -> EnergyPolicy:
    """Below 100 kW for own vehicles and agreements, below 50 kW for own vehicles only; 10 kW and 5 minutes to widen."""
    values: dict[str, Any] = {
        "enabled": True,
        "own_and_agreement_below_w": 100 * KW,
        "own_only_below_w": 50 * KW,
        "hysteresis_w": 10 * KW,
        "minimum_dwell_s": 300,
        "measurement_max_age_s": 60,
        "hold_max_s": 900,
    }
    return EnergyPolicy(**(values | changes))


def policy_put(**changes: Any) -> events.EnergyPolicyPut:
    return events.EnergyPolicyPut(depot_id=NORTH, policy=policy(**changes))


def opted_in(**changes: Any) -> tuple[events.SiteEnergyEvent, ...]:
    """The tree and the policy."""
    return (*map(node_put, TREE), policy_put(**changes))


def envelope(envelope_id: EnvelopeId = E1, sequence: int = 1, **changes: Any) -> OperatingEnvelope:
    """The grid connection imports at most 200 kW from 12:00 to 14:00 UTC."""
    values: dict[str, Any] = {
        "node_id": GRID,
        "source": "dso",
        "valid_from": NOON,
        "valid_until": NOON + 2 * HOUR,
        "import_limit_w": 200 * KW,
    }
    return OperatingEnvelope(envelope_id=envelope_id, sequence=sequence, **(values | changes))


def fallback(limit_w: int = 120 * KW, valid_until: datetime = NOON + 4 * HOUR) -> FallbackLimit:
    return FallbackLimit(import_limit_w=limit_w, valid_until=valid_until)


def received(envelope_: OperatingEnvelope | None = None, at: datetime = NOON) -> events.OperatingEnvelopeReceived:
    return events.OperatingEnvelopeReceived(depot_id=NORTH, envelope=envelope_ or envelope(), received_at=at)


def withdrawn(at: datetime, envelope_id: EnvelopeId = E1) -> events.OperatingEnvelopeWithdrawn:
    return events.OperatingEnvelopeWithdrawn(depot_id=NORTH, envelope_id=envelope_id, withdrawn_at=at)


def demand(demand_w: int, at: datetime = NOON, node_id: EnergyNodeId = GRID) -> Demand:
    return Demand(node_id=node_id, observed_at=at, demand_w=demand_w)


def measured(*items: Demand, at: datetime | None = None) -> events.DemandMeasured:
    return events.DemandMeasured(depot_id=NORTH, items=items, received_at=at or items[-1].observed_at)


def offline(
    offline_at: datetime, source: str = "dso", reported_at: datetime | None = None
) -> events.EnergySourceWentOffline:
    return events.EnergySourceWentOffline(
        depot_id=NORTH, source=source, offline_at=offline_at, reported_at=reported_at or offline_at
    )


def heard(at: datetime, source: str = "dso") -> events.EnergySourceHeard:
    return events.EnergySourceHeard(depot_id=NORTH, source=source, heard_at=at)
