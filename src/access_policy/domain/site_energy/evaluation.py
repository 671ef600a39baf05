"""What the energy of a site leaves to a new start at one charger: a pure function (energy.md, "The evaluation").

It asks in this order: which node is meant; which nodes are above it; is their telemetry fresh; which demand and limit count
instead if not; what is still safe after all limits.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Final, NamedTuple

from access_policy.domain.ids import EnergyNodeId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy, GateEnforcement
from access_policy.domain.site_energy.envelopes import KnownEnvelope
from access_policy.domain.site_energy.gate import Gate, GateEnvelope, GateLevel, LimitSource
from access_policy.domain.site_energy.levels import Held, Thresholds
from access_policy.domain.site_energy.lifecycle import Standing, standings, turns
from access_policy.domain.site_energy.measurements import Demand
from access_policy.domain.site_energy.nodes import EnergyNode, NodeKind

TURNS_AHEAD: Final = 100  # of a node, until the gate is computed anew
LIMITS_KEPT_MAX: Final = 2_000  # of a node


class RunningBelow(NamedTuple):
    """The chargers at or below a node at which charges run: they may draw `watts`, and `unlimited` more of them have no
    limit of their own."""

    watts: int = 0
    unlimited: int = 0


NOTHING_RUNS: Final = RunningBelow()


class Limit(NamedTuple):
    """What a node may import at one instant, and why."""

    watts: int
    source: LimitSource
    envelope: GateEnvelope | None = None


@dataclass(slots=True)
class KnownLimits:
    """What was computed already of a node's limits: by instant, and the instants at which they may change, in order."""

    by_instant: dict[datetime, Limit | None] = field(default_factory=dict)
    turns: list[datetime] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHere:
    """A node and all that counts for it. `offline`: the instants from which sources are silent. Values that differ in demand
    only may share `known`. `one_at_a_time`: a charger with one connector, at which a new charge can begin only after the one
    that draws has ended."""

    node: EnergyNode
    envelopes: Sequence[KnownEnvelope] = ()
    offline: Mapping[str, datetime]
    demand: Demand | None = None
    running: RunningBelow = NOTHING_RUNS
    planned_w: int | None = None  # the demand that a plan assumes
    one_at_a_time: bool = False
    known: KnownLimits = field(default_factory=KnownLimits, compare=False, repr=False)

    def turns(self, policy: EnergyPolicy, after: datetime) -> Iterator[datetime]:
        """The instants after `after` at which its limit or its demand may change without an event, in order."""
        of_limits = self.known.turns
        if of_limits is None:
            found = (turns(each, self.offline.get(each.envelope.source), policy.hold_max) for each in self.envelopes)
            of_limits = self.known.turns = sorted({each for several in found for each in several})
        ahead = islice(of_limits, bisect_right(of_limits, after), None)
        if self.demand is None or self.planned_w is not None:
            return ahead
        stale_at = self.demand.observed_at + policy.measurement_max_age
        of_demand = [each for each in (stale_at, stale_at + policy.hold_max) if each > after]
        return merge(ahead, of_demand)

    def as_planned(self, policy: EnergyPolicy, at: datetime) -> NodeHere:
        """As it will be if measurements go on as at `at`, and sources that are there stay."""
        offline = {source: since for source, since in self.offline.items() if since <= at}
        measured = measured_demand(self, policy, at)
        known = self.known if offline == self.offline else KnownLimits()
        planned_w = None if measured is None else measured.demand_w
        return replace(self, offline=offline, planned_w=planned_w, known=known)


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
    limit = limit_of(here, policy, at)
    if limit is None:
        return None
    committed_w, observed_at = _committed(here, policy, at, limit.watts)
    node_id = here.node.node_id
    return Slack(limit.watts - committed_w, node_id, committed_w, limit.source, limit.envelope, observed_at)


def limit_of(here: NodeHere, policy: EnergyPolicy, at: datetime) -> Limit | None:
    """The least limit of the node at `at`; the static one counts where it is not above the envelopes'."""
    if not here.envelopes:
        return _static_limit(here.node)
    by_instant = here.known.by_instant
    if at not in by_instant:
        if len(by_instant) >= LIMITS_KEPT_MAX:
            by_instant.clear()
        by_instant[at] = _limit_of(here, policy, at)
    return by_instant[at]


def _limit_of(here: NodeHere, policy: EnergyPolicy, at: datetime) -> Limit | None:
    static, binding = _static_limit(here.node), _least_envelope(here, policy, at)
    if binding is None or binding.limit_w is None or binding.source is None:
        return static
    if static is not None and static.watts <= binding.limit_w:
        return static
    envelope = binding.shown(here.offline.get(binding.known.envelope.source))
    return Limit(binding.limit_w, binding.source, envelope)


def _static_limit(node: EnergyNode) -> Limit | None:
    if node.limit_w is None:
        return None
    return Limit(node.limit_w, LimitSource.CHARGER if node.kind is NodeKind.CHARGER else LimitSource.STATIC_NODE)


def _may_limit(known: KnownEnvelope, offline: Mapping[str, datetime], at: datetime) -> bool:
    """False: the envelope neither limits its node at `at` nor takes the place of another one that does. A forecast has hundreds
    of envelopes, of which one or two have begun and not ended."""
    envelope = known.envelope
    return envelope.valid_from <= at and (at < envelope.valid_until or envelope.source in offline)


def _least_envelope(here: NodeHere, policy: EnergyPolicy, at: datetime) -> Standing | None:
    begun = [each for each in here.envelopes if _may_limit(each, here.offline, at)]
    if not begun:
        return None
    limiting = (each for each in standings(begun, here.offline, policy.hold_max, at) if each.limit_w is not None)
    return min(limiting, key=lambda each: (each.limit_w, each.known.envelope.source), default=None)


def _committed(here: NodeHere, policy: EnergyPolicy, at: datetime, limit_w: int) -> tuple[int, datetime | None]:
    """A running charge without any limit of its own may draw all that the node allows."""
    if here.one_at_a_time:
        return 0, None
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

    def turns(self, after: datetime) -> Iterator[datetime]:
        """The instants after `after` at which the capacity may change by itself, in order."""
        last = after
        for turn in merge(*(each.turns(self.policy, after) for each in self.nodes)):
            if turn > last:
                last = turn
                yield turn

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
        return changes_at(
            held,
            self.thresholds,
            self.policy.minimum_dwell,
            lambda watts: earliest(first_below(each, self.policy, watts, at) for each in self.nodes),
            lambda: next(self.turns(at), None),
        )


def first_below(here: NodeHere, policy: EnergyPolicy, watts: int, after: datetime) -> datetime | None:
    """The first turn after `after` at which the node alone leaves less than `watts`; None without one. After many turns it
    gives up, and returns the last one it has looked at."""
    turn: datetime | None = None
    for turn in islice(here.turns(policy, after), TURNS_AHEAD):
        slack = slack_of(here, policy, turn)
        if slack is not None and slack.effective_w < watts:
            return turn
    return None if turn is None or next(here.turns(policy, turn), None) is None else turn


def changes_at(
    held: Held,
    thresholds: Thresholds,
    dwell: timedelta,
    falls_below: Callable[[int], datetime | None],
    next_turn: Callable[[], datetime | None],
) -> datetime | None:
    """An instant before which the level cannot change without an event; None if it never can. `falls_below`: when the capacity
    is next below these watts; `next_turn`: when it may next change at all."""
    if held.level is GateLevel.OPEN:
        return falls_below(thresholds.own_and_agreement)
    narrows_at = None if held.level is GateLevel.OWN_ONLY else falls_below(thresholds.own_only)
    widens_at = held.widens_at(dwell)
    if widens_at is None and (turn := next_turn()) is not None:
        widens_at = turn + dwell
    return earliest((narrows_at, widens_at))


def earliest(instants: Iterable[datetime | None]) -> datetime | None:
    """None where there is none."""
    return min((each for each in instants if each is not None), default=None)


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
