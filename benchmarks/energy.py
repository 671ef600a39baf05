"""The energy gate of a charger in a tree of 1,000 nodes with 200 envelopes, read from memory and computed from scratch; and the
cost of an event of the site.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

from access_policy.application.decision_view.recent_activity import RecentActivity
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.ports.event_store import Envelope, Recorded
from access_policy.application.site_energy.gates import EnergyGates
from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import AccessMode, Enforcement
from access_policy.domain.charger_access_policy.events import ChargerRegistered, ChargerSettings
from access_policy.domain.ids import ActorId, ChargePointId, ChargerId, DepotId, EnergyNodeId, EnvelopeId, TenantId
from access_policy.domain.site_energy import events
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.envelopes import OperatingEnvelope
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind

TENANT, DEPOT, ROOT = TenantId("bench"), DepotId("bench"), EnergyNodeId("site")
CIRCUITS: Final = 20
GROUPS: Final = 2  # per circuit
CHARGERS: Final = 939  # the rest of the 1,000 nodes
ENVELOPES: Final = 200  # half of them for the site, for the coming hours, the others for circuits
ROUNDS: Final = 7
KW: Final = 1_000
AHEAD: Final = timedelta(hours=51)


@dataclass(frozen=True)
class Measured:
    """Microseconds of processor time, medians of the rounds."""

    unchanged: float
    changed: float  # each reading is the charger's first after a measurement of the whole site
    from_nothing: float
    measurement_of_site: float
    measurement_of_circuit: float
    plan_of_depot: float  # the windows of all chargers for the next two days, after a measurement of the site


class _Clock:
    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def now(self) -> datetime:
        return self.at


def measure(reads: int = 20_000) -> Measured:
    view, live, clock = DecisionView(), RecentActivity(), _Clock()
    for number in range(CHARGERS):
        view._fold(_registered(_charger(number), clock.at))
    gates = EnergyGates(view, live, clock)
    for event in _site(clock.at):
        _record(view, event, clock.at)
    gc.collect()
    rounds = [_round(view, gates, clock, reads) for _ in range(ROUNDS + 1)][1:]  # the first one is a warm-up
    return Measured(*(median(column) for column in zip(*rounds, strict=True)))


def _round(view: DecisionView, gates: EnergyGates, clock: _Clock, reads: int) -> tuple[float, ...]:
    def read(number: int) -> None:
        assert gates.gate(TENANT, _charger(number % CHARGERS), clock.at) is not None

    def measured(node_id: EnergyNodeId) -> Callable[[int], None]:
        def at_once(number: int) -> None:
            clock.at += timedelta(milliseconds=1)
            item = Demand(node_id=node_id, observed_at=clock.at, demand_w=(900 + number % 7) * KW)
            _record(view, events.DemandMeasured(depot_id=DEPOT, items=(item,), received_at=clock.at), clock.at)

        return at_once

    site = view.site_energy(TENANT, DEPOT)
    of_site = _took(measured(ROOT), 100)
    changed = _took(read, CHARGERS)
    unchanged = _took(read, reads)
    from_nothing = _took(lambda number: site.gate(_charger(number), (), clock.at), 100)
    of_circuit = _took(measured(_circuit(0)), 100)

    def plan_of_depot(number: int) -> None:
        measured(ROOT)(number)
        for charger in range(CHARGERS):
            gates.narrowings(TENANT, _charger(charger), clock.at, clock.at + AHEAD)

    return unchanged, changed, from_nothing, of_site, of_circuit, _took(plan_of_depot, 3)


def _took(each: Callable[[int], object], times: int) -> float:
    """Return the microseconds of one call."""
    busy = time.process_time()
    for number in range(times):
        each(number)
    return 1e6 * (time.process_time() - busy) / times


def _record(view: DecisionView, event: events.SiteEnergyEvent, at: datetime) -> None:
    view.follow_site(TENANT, event, view.site_energy(TENANT, DEPOT).version + 1, at)


def _site(now: datetime) -> Iterator[events.SiteEnergyEvent]:
    nodes = [EnergyNode(node_id=ROOT, parent_id=None, kind=NodeKind.SITE, limit_w=9_000 * KW)]
    for number in range(CIRCUITS):
        circuit = EnergyNode(node_id=_circuit(number), parent_id=ROOT, kind=NodeKind.CIRCUIT, limit_w=2_000 * KW)
        nodes.append(circuit)
        for group in range(GROUPS):
            node_id = EnergyNodeId(f"{circuit.node_id}-{group}")
            nodes.append(
                EnergyNode(node_id=node_id, parent_id=circuit.node_id, kind=NodeKind.CHARGER_GROUP, limit_w=1_500 * KW)
            )
    groups = [each.node_id for each in nodes if each.kind is NodeKind.CHARGER_GROUP]
    nodes += (_charger_node(number, groups[number % len(groups)]) for number in range(CHARGERS - 1))
    nodes.append(_charger_node(CHARGERS - 1, ROOT))
    assert len(nodes) == 1_000
    yield from (events.EnergyNodePut(depot_id=DEPOT, node=each) for each in nodes)
    policy = EnergyPolicy(
        enabled=True, own_and_agreement_below_w=100 * KW, own_only_below_w=50 * KW, hysteresis_w=10 * KW
    )
    yield events.EnergyPolicyPut(depot_id=DEPOT, policy=policy)
    for number in range(ENVELOPES):
        yield events.OperatingEnvelopeReceived(depot_id=DEPOT, envelope=_envelope(number, now), received_at=now)


def _envelope(number: int, now: datetime) -> OperatingEnvelope:
    begins = now + timedelta(minutes=15 * (number // 2))
    return OperatingEnvelope(
        envelope_id=EnvelopeId(f"e{number}"),
        node_id=ROOT if number % 2 == 0 else _circuit(number % CIRCUITS),
        source="grid",
        sequence=number,
        valid_from=begins,
        valid_until=begins + timedelta(minutes=15),
        import_limit_w=(1_500 + number) * KW,
    )


def _charger_node(number: int, parent_id: EnergyNodeId) -> EnergyNode:
    return EnergyNode(
        node_id=EnergyNodeId(f"node-{number}"),
        parent_id=parent_id,
        kind=NodeKind.CHARGER,
        limit_w=150 * KW,
        charger_id=_charger(number),
    )


def _registered(charger_id: ChargerId, now: datetime) -> Recorded:
    settings = ChargerSettings(
        charge_point_id=ChargePointId(f"CP-{charger_id}"),
        depot_id=DEPOT,
        time_zone="UTC",
        profile="ocpp16-central",
        baseline_mode=AccessMode.MANAGED,
    )
    event = ChargerRegistered(charger_id=charger_id, settings=settings, enforcement=Enforcement.ENFORCE)
    envelope = Envelope(
        event_id="0" * 32,
        tenant_id=TENANT,
        occurred_at=now,
        recorded_at=now,
        actor=ActorId("bench"),
        correlation_id="bench",
        causation_id=None,
    )
    return Recorded(policy_stream(TENANT, charger_id), 1, 1, event, envelope)


def _charger(number: int) -> ChargerId:
    return ChargerId(f"charger-{number}")


def _circuit(number: int) -> EnergyNodeId:
    return EnergyNodeId(f"circuit-{number}")
