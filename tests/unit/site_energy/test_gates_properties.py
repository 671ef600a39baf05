"""However a site changes, its gates in memory are those that are computed from nothing, and time alone never loosens early."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from access_policy.application.site_energy.site_gates import SiteGates
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy.evaluation import ChargerPath
from access_policy.domain.site_energy.events import (
    DemandMeasured,
    OperatingEnvelopeReceived,
    OperatingEnvelopeWithdrawn,
    SiteEnergyEvent,
)
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.site_energy.levels import Held
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.site import SiteEnergy, fold
from tests.support.builders import BAY, HOUR, MINUTE, NOON, NORTH
from tests.support.lengths import Length
from tests.support.site_energy import (
    BAY_2,
    CIRCUIT,
    GRID,
    GRID_NODE,
    KW,
    NODE_1,
    NODE_2,
    charger_node,
    demand,
    envelope,
    fallback,
    measured,
    node,
    node_put,
    policy_put,
)

SITES = Length(ci=20, soak=2_000, of="sites")
CHARGERS = (BAY, BAY_2, ChargerId("bay-3"))
NODES = (GRID, CIRCUIT, NODE_1, NODE_2, EnergyNodeId("node-3"))
HISTORY: tuple[SiteEnergyEvent, ...] = (
    node_put(GRID_NODE),
    node_put(node(CIRCUIT, GRID)),
    node_put(charger_node(NODE_1, BAY)),
    node_put(charger_node(NODE_2, BAY_2, limit_w=None, minimum_start_w=80 * KW)),
    node_put(charger_node(NODES[4], CHARGERS[2], GRID, limit_w=None)),
    policy_put(),
    measured(demand(0)),
)
watts = st.sampled_from([0, 40, 60, 105, 115, 160, 300, 450, 600]).map(lambda each: each * KW)
minutes = st.integers(0, 40).map(lambda each: each * MINUTE)


class Gates(RuleBasedStateMachine):
    """Beside the gates in memory, each charger's level is computed anew from its whole path at every event and turn."""

    @initialize()
    def begin(self) -> None:
        self.now: datetime = NOON
        self.site: SiteEnergy = fold(NORTH, HISTORY)
        self.running: set[ChargerId] = set()
        self.sequence = 0
        self.held = {each: self.stepped(each, Held()) for each in CHARGERS}
        policy = self.site.policy
        assert policy is not None
        self.gates = SiteGates(self.site, policy, (), NOON)

    def path(self, charger_id: ChargerId):  # type: ignore[no-untyped-def]
        found = self.site.path_of(charger_id, self.site.tree.running_below(self.running))
        assert found is not None
        return found

    def stepped(self, charger_id: ChargerId, held: Held) -> Held:
        return self.path(charger_id).stepped(held, self.now)

    def record(self, *events: SiteEnergyEvent) -> None:
        for event in events:
            self.gates.advance(self.now)
            self.site.apply(event)
            match event:
                case DemandMeasured(items=items):
                    for item in items:
                        self.gates.reload(item.node_id, with_limits=False)
                case OperatingEnvelopeReceived(envelope=received):
                    self.gates.reload_sources()
                    self.gates.reload(received.node_id, with_limits=True)
                case OperatingEnvelopeWithdrawn(envelope_id=envelope_id):
                    known = self.site.envelopes.by_id[envelope_id]
                    self.gates.reload(known.envelope.node_id, with_limits=True)
                case _:
                    self.gates.reload_sources()
            self.held = {each: self.stepped(each, held) for each, held in self.held.items()}

    @rule(passed=st.sampled_from([1, 20, 59, 60, 61, 240, 300, 301, 900, 3_600]))
    def time_passes(self, passed: int) -> None:
        later = self.now + timedelta(seconds=passed)
        self.held = {each: self.path(each).advanced(held, self.now, later) for each, held in self.held.items()}
        self.now = later
        self.gates.advance(later)

    @rule(node_id=st.sampled_from(NODES), demand_w=watts, ago=st.sampled_from([0, 30, 70]))
    def measure(self, node_id: EnergyNodeId, demand_w: int, ago: int) -> None:
        item = Demand(node_id=node_id, observed_at=self.now - timedelta(seconds=ago), demand_w=demand_w)
        self.record(*self.site.measure([item], now=self.now))

    @rule(
        node_id=st.sampled_from(NODES[:3]),
        source=st.sampled_from(["dso", "site"]),
        limit_w=watts,
        start=minutes,
        lasts=st.integers(1, 40),
        falls_back_to=st.none() | watts,
        earlier=st.sampled_from([0, 0, 0, 3]),
    )
    def receive(
        self,
        node_id: EnergyNodeId,
        source: str,
        limit_w: int,
        start: timedelta,
        lasts: int,
        falls_back_to: int | None,
        earlier: int,
    ) -> None:
        self.sequence += 1
        valid_from = self.now + start - 10 * MINUTE
        sent = envelope(
            EnvelopeId(f"e{self.sequence}"),
            max(0, self.sequence - earlier),
            node_id=node_id,
            source=source,
            import_limit_w=limit_w,
            valid_from=valid_from,
            valid_until=valid_from + lasts * MINUTE,
        )
        if falls_back_to is not None:
            sent = replace(sent, fallback=fallback(falls_back_to, valid_from + (lasts + 30) * MINUTE))
        try:
            self.record(*self.site.receive(sent, now=self.now))
        except Refused:  # a late sequence changes nothing
            assert sent.envelope_id not in self.site.envelopes.by_id

    @precondition(lambda self: self.site.envelopes.by_id)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        envelope_id = data.draw(st.sampled_from(sorted(self.site.envelopes.by_id)))
        self.record(*self.site.withdraw(envelope_id, now=self.now))

    @rule(source=st.sampled_from(["dso", "site"]), offset=st.integers(-5, 20))
    def lose(self, source: str, offset: int) -> None:
        self.record(*self.site.lose(source, self.now + offset * MINUTE, now=self.now))

    @rule(source=st.sampled_from(["dso", "site"]))
    def hear(self, source: str) -> None:
        self.record(*self.site.hear(source, now=self.now))

    @rule(charger_id=st.sampled_from(CHARGERS))
    def start_or_end(self, charger_id: ChargerId) -> None:
        self.gates.advance(self.now)
        self.running ^= {charger_id}
        self.gates.start(charger_id, is_running=charger_id in self.running)
        self.held = {each: self.stepped(each, held) for each, held in self.held.items()}

    @invariant()
    def gates_are_as_if_computed_from_nothing(self) -> None:
        if not hasattr(self, "gates"):
            return
        for charger_id, held in self.held.items():
            assert self.gates.held(charger_id) == held
            found, expected = self.gates.gate(charger_id), self.path(charger_id).gate(held, self.now)
            assert found is not None
            assert replace(found, computed_at=self.now, changes_at=None, version=0) == replace(
                expected, changes_at=None, version=0
            )

    @invariant()
    def a_gate_does_not_change_before_it_says(self) -> None:
        if not hasattr(self, "gates"):
            return
        for charger_id, held in self.held.items():
            path, found = self.path(charger_id), self.gates.gate(charger_id)
            assert found is not None
            turns = list(path.turns(self.now))[:30]
            widens = [held.widens_at(path.policy.minimum_dwell)]
            for at in sorted({*turns, *(each for each in widens if each is not None)}):
                if found.changes_at is not None and at >= found.changes_at:
                    break
                assert path.advanced(held, self.now, at).level is held.level

    @invariant()
    def planned_narrowings_are_those_of_every_turn_in_order(self) -> None:
        if not hasattr(self, "gates"):
            return
        end = self.now + 3 * HOUR
        for charger_id, held in self.held.items():
            found = [each[:3] for each in self.gates.narrowings(charger_id, end)]
            levels = levels_ahead(self.path(charger_id), held, self.now, end)
            assert [
                (at, next((level for start, over, level in found if start <= at < over), GateLevel.OPEN))
                for at in levels
            ] == list(levels.items())
            assert all(start < over for start, over, _ in found)


def levels_ahead(path: ChargerPath, held: Held, now: datetime, end: datetime) -> dict[datetime, GateLevel]:
    """The planned level from `now` and from each turn of the path on, and from each end of a dwell between."""
    planned = path.as_planned(now)
    found = {now: held.level}
    instants = [turn for turn in planned.turns(now) if turn < end]
    for at, over in pairwise([now, *instants, end]):
        if at > now:
            held = planned.stepped(held, at)
            found[at] = held.level
        while (widens_at := held.widens_at(path.policy.minimum_dwell)) is not None and at <= widens_at < over:
            held = held.settled(path.policy.minimum_dwell, widens_at)
            found[widens_at] = held.level
    return found


@pytest.mark.soak(SITES)
def test_gates_in_memory_are_those_computed_from_nothing() -> None:
    settings = hypothesis.settings(max_examples=SITES.count, stateful_step_count=30, deadline=None)

    run_state_machine_as_test(Gates, settings=settings)
