"""What the energy of a site leaves to a new start at one charger: a pure function (energy.md, "The evaluation").

It asks in this order: which node is meant; which nodes are above it; is their telemetry fresh; which demand and limit count
instead if not; what is still safe after all limits.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from access_policy.domain.ids import EnergyNodeId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy, GateEnforcement
from access_policy.domain.site_energy.envelopes import KnownEnvelope
from access_policy.domain.site_energy.gate import Gate, GateEnvelope, GateLevel, LimitSource
from access_policy.domain.site_energy.levels import Held, Thresholds
from access_policy.domain.site_energy.lifecycle import Standing, standings, turns
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind

TURNS_AHEAD: Final = 16  # of a path, until the gate is computed anew


class RunningBelow(NamedTuple):
    """The chargers at or below a node at which charges run: they may draw `watts`, and `unlimited` more of them have no
    limit of their own."""

    watts: int = 0
    unlimited: int = 0


NOTHING_RUNS: Final = RunningBelow()


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHere:
    """A node and all that counts for it. `offline`: the instants from which sources are silent."""

    node: EnergyNode
    envelopes: Sequence[KnownEnvelope] = ()
    offline: Mapping[str, datetime]
    demand: Demand | None = None
    running: RunningBelow = NOTHING_RUNS
    planned_w: int | None = None  # the demand that a plan assumes

    def turns(self, policy: EnergyPolicy) -> set[datetime]:
        """The instants at which its limit or its demand may change without an event."""
        found: set[datetime] = set()
        for each in self.envelopes:
            found.update(turns(each, self.offline.get(each.envelope.source), policy.hold_max))
        if self.demand is not None and self.planned_w is None:
            stale_at = self.demand.observed_at + policy.measurement_max_age
            found.update((stale_at, stale_at + policy.hold_max))
        return found

    def as_planned(self, policy: EnergyPolicy, at: datetime) -> NodeHere:
        """As it will be if measurements go on as at `at`, and sources that are there stay."""
        offline = {source: since for source, since in self.offline.items() if since <= at}
        measured = measured_demand(self, policy, at)
        return replace(self, offline=offline, planned_w=None if measured is None else measured.demand_w)


class Slack(NamedTuple):
    """What one node leaves: limit less committed. The other fields as in `Gate`."""

    effective_w: int
    node_id: EnergyNodeId
    committed_w: int
    limit_source: LimitSource
    envelope: GateEnvelope | None
    observed_at: datetime | None


def measured_demand(here: NodeHere, policy: EnergyPolicy, at: datetime) -> Demand | None:
    """The measurement that counts at `at`: a fresh one, or for the hold time one that has become stale and is above what the
    running charges may draw."""
    demand = here.demand
    if demand is None:
        return None
    stale_at = demand.observed_at + policy.measurement_max_age
    if at < stale_at:
        return demand
    is_held = at < stale_at + policy.hold_max and demand.demand_w > here.running.watts
    return demand if is_held else None


def slack_of(here: NodeHere, policy: EnergyPolicy, at: datetime) -> Slack | None:
    """None where the node has no limit at `at`."""
    static_w, binding = here.node.limit_w, _least_envelope(here, policy, at)
    if binding is None or binding.limit_w is None or (static_w is not None and static_w <= binding.limit_w):
        if static_w is None:
            return None
        is_charger = here.node.kind is NodeKind.CHARGER
        limit_w, source = static_w, LimitSource.CHARGER if is_charger else LimitSource.STATIC_NODE
        envelope = None
    else:
        assert binding.source is not None, "a limit has a source"
        limit_w, source = binding.limit_w, binding.source
        envelope = binding.shown(here.offline.get(binding.known.envelope.source))
    committed_w, observed_at = _committed(here, policy, at, limit_w)
    return Slack(limit_w - committed_w, here.node.node_id, committed_w, source, envelope, observed_at)


def _least_envelope(here: NodeHere, policy: EnergyPolicy, at: datetime) -> Standing | None:
    if not here.envelopes:
        return None
    limiting = (
        each for each in standings(here.envelopes, here.offline, policy.hold_max, at) if each.limit_w is not None
    )
    return min(limiting, key=lambda each: (each.limit_w, each.known.envelope.source), default=None)


def _committed(here: NodeHere, policy: EnergyPolicy, at: datetime, limit_w: int) -> tuple[int, datetime | None]:
    """A running charge without any limit of its own may draw all that the node allows."""
    if here.planned_w is not None:
        return here.planned_w, None
    running_w = max(here.running.watts, limit_w) if here.running.unlimited else here.running.watts
    measured = measured_demand(here, policy, at)
    if measured is None:
        return running_w, None
    is_fresh = at < measured.observed_at + policy.measurement_max_age
    if not is_fresh and running_w > measured.demand_w:
        return running_w, None
    return measured.demand_w, measured.observed_at


def least(slacks: Iterator[Slack | None]) -> Slack | None:
    """The binding one: the least, of equals the nearest to the charger. None without any."""
    found: Slack | None = None
    for each in slacks:
        if each is not None and (found is None or each.effective_w < found.effective_w):
            found = each
    return found


# --- one charger over time --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChargerPath:
    """The nodes from the charger's to the root, and the policy of the depot."""

    nodes: Sequence[NodeHere]
    policy: EnergyPolicy
    version: int

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds.of(self.policy, self.nodes[0].node.minimum_start_w)

    def slack(self, at: datetime) -> Slack | None:
        return least(slack_of(each, self.policy, at) for each in self.nodes)

    def capacity_w(self, at: datetime) -> int | None:
        """The effective capacity; None where no node has a limit."""
        slack = self.slack(at)
        return None if slack is None else slack.effective_w

    def turns(self, after: datetime) -> list[datetime]:
        """The instants after `after` at which the capacity may change by itself, in order."""
        found = set[datetime]().union(*(each.turns(self.policy) for each in self.nodes))
        return sorted(each for each in found if each > after)

    def as_planned(self, at: datetime) -> ChargerPath:
        return replace(self, nodes=[each.as_planned(self.policy, at) for each in self.nodes])

    def stepped(self, held: Held, at: datetime) -> Held:
        """`held` with the capacity of `at` from then on, as after an event or a turn."""
        settled = held.settled(self.policy.minimum_dwell, at)
        return settled.stepped(self.capacity_w(at), self.thresholds, at)

    def advanced(self, held: Held, since: datetime, until: datetime) -> Held:
        """`held`, which was stepped at `since`, at `until` if no event comes between."""
        for turn in self.turns(since):
            if turn > until:
                break
            held = self.stepped(held, turn)
        return held.settled(self.policy.minimum_dwell, until)

    def gate(self, held: Held, at: datetime) -> Gate:
        """The gate at `at`, to which `held` has been advanced."""
        slack = self.slack(at)
        return gate_of(self, held, slack, at, self.changes_at(held, at))

    def changes_at(self, held: Held, at: datetime) -> datetime | None:
        """The next instant at which the level changes without an event, or at which the gate is to be computed anew."""
        dwell, ahead = self.policy.minimum_dwell, self.turns(at)
        level = held.level
        for turn in ahead[:TURNS_AHEAD]:
            widens_at = held.widens_at(dwell)
            if widens_at is not None and widens_at <= turn:
                return widens_at
            held = self.stepped(held, turn)
            if held.level is not level:
                return turn
        widens_at = held.widens_at(dwell)
        if len(ahead) > TURNS_AHEAD:
            last = ahead[TURNS_AHEAD - 1]
            return last if widens_at is None else min(last, widens_at)
        return widens_at


def gate_of(path: ChargerPath, held: Held, slack: Slack | None, at: datetime, changes_at: datetime | None) -> Gate:
    return Gate(
        level=held.level,
        is_advisory=path.policy.enforcement is GateEnforcement.ADVISORY,
        node_path=tuple(each.node.node_id for each in path.nodes),
        binding_node_id=None if slack is None else slack.node_id,
        effective_w=None if slack is None else slack.effective_w,
        committed_w=None if slack is None else slack.committed_w,
        threshold_w=path.thresholds.below(held.level),
        limit_source=None if slack is None else slack.limit_source,
        envelope=None if slack is None else slack.envelope,
        observed_at=None if slack is None else slack.observed_at,
        computed_at=at,
        changes_at=changes_at,
        version=path.version,
    )


class Narrowing(NamedTuple):
    """In `[starts_at, ends_at)` the level is not `open`; `envelope` is that of the limit that binds at its start."""

    starts_at: datetime
    ends_at: datetime
    level: GateLevel
    envelope: GateEnvelope | None


def narrowings(path: ChargerPath, held: Held, at: datetime, end: datetime) -> Iterator[Narrowing]:
    """The narrowing in force at `at`, to which `held` has been advanced, and those planned until `end`, if feeds go on as they
    do at `at`. Neighbours differ in level or envelope."""
    planned = path.as_planned(at)
    dwell = path.policy.minimum_dwell
    ahead = planned.turns(at)
    heapq.heapify(ahead)
    begun, current = held.since or at, held
    envelope = _envelope_of(planned, at)
    while begun < end:
        turn = heapq.heappop(ahead) if ahead else end
        widens_at = current.widens_at(dwell)
        if widens_at is not None and widens_at < turn:
            heapq.heappush(ahead, turn)
            turn = widens_at
        turn = min(turn, end)
        following = planned.stepped(current, turn)
        bound = _envelope_of(planned, turn)
        is_other = following.level is not current.level or _id(bound) != _id(envelope)
        if is_other or turn >= end:
            if current.level is not GateLevel.OPEN and begun < turn:
                yield Narrowing(begun, turn, current.level, envelope)
            begun, envelope = turn, bound
        current = following


def _envelope_of(path: ChargerPath, at: datetime) -> GateEnvelope | None:
    slack = path.slack(at)
    return None if slack is None else slack.envelope


def _id(envelope: GateEnvelope | None) -> str | None:
    return None if envelope is None else envelope.envelope_id
