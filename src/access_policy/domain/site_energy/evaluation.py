"""Compute the capacity that a site's energy leaves for a new start at one charger: a pure function (energy.md, "The
evaluation").

It determines in this order: the charger's node; the nodes above it; whether their telemetry is fresh; which demand and
limit count instead if not; and the capacity that is still safe under all limits.
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

TURNS_AHEAD: Final = 100  # of a node, until the gate is computed again
LIMITS_KEPT_MAX: Final = 2_000  # of a node


class RunningBelow(NamedTuple):
    """The chargers with running charges at or below a node: those with a limit may draw `watts` in total, and `unlimited`
    more have no limit.
    """

    watts: int = 0
    unlimited: int = 0


NOTHING_RUNS: Final = RunningBelow()


class Limit(NamedTuple):
    """The limit of a node at one instant, and its source."""

    watts: int
    source: LimitSource
    envelope: GateEnvelope | None = None


@dataclass(slots=True)
class KnownLimits:
    """Cached limits of a node: by instant, and the instants at which they may change, in order."""

    by_instant: dict[datetime, Limit | None] = field(default_factory=dict)
    turns: list[datetime] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeHere:
    """A node with all inputs of its evaluation. `offline`: the instants from which sources are silent. Values that differ
    only in demand may share `known`. `one_at_a_time`: a charger with one connector, at which a new charge can begin only
    after the present one has ended.
    """

    node: EnergyNode
    envelopes: Sequence[KnownEnvelope] = ()
    offline: Mapping[str, datetime]
    demand: Demand | None = None
    running: RunningBelow = NOTHING_RUNS
    planned_w: int | None = None  # the demand that planning assumes
    one_at_a_time: bool = False
    known: KnownLimits = field(default_factory=KnownLimits, compare=False, repr=False)

    def turns(self, policy: EnergyPolicy, after: datetime) -> Iterator[datetime]:
        """Yield the instants after `after` at which its limit or its demand may change without an event, in order."""
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
        """Return the node as it will be if measurements continue as at `at` and present sources do not fall silent."""
        offline = {source: since for source, since in self.offline.items() if since <= at}
        measured = measured_demand(self, policy, at)
        known = self.known if offline == self.offline else KnownLimits()
        planned_w = None if measured is None else measured.demand_w
        return replace(self, offline=offline, planned_w=planned_w, known=known)


class Slack(NamedTuple):
    """The slack of one node: limit minus committed power. The other fields are as in `Gate`."""

    effective_w: int
    node_id: EnergyNodeId
    committed_w: int
    limit_source: LimitSource
    envelope: GateEnvelope | None
    observed_at: datetime | None


def measured_demand(here: NodeHere, policy: EnergyPolicy, at: datetime) -> Demand | None:
    """Return the measurement that counts at `at`: a fresh one, or, during the hold time, a stale one that is above the
    power that the running charges may draw.
    """
    demand = here.demand
    if demand is None:
        return None
    stale_at = demand.observed_at + policy.measurement_max_age
    if at < stale_at:
        return demand
    is_held = at < stale_at + policy.hold_max and demand.demand_w > here.running.watts
    return demand if is_held else None


def slack_of(here: NodeHere, policy: EnergyPolicy, at: datetime) -> Slack | None:
    """Return the slack of the node; None if it has no limit at `at`."""
    limit = limit_of(here, policy, at)
    if limit is None:
        return None
    committed_w, observed_at = _committed(here, policy, at, limit.watts)
    node_id = here.node.node_id
    return Slack(limit.watts - committed_w, node_id, committed_w, limit.source, limit.envelope, observed_at)


def limit_of(here: NodeHere, policy: EnergyPolicy, at: datetime) -> Limit | None:
    """Return the lowest limit of the node at `at`; the static limit counts if it is not above the envelopes' limits."""
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
    """Whether the envelope may limit its node at `at`, or hide another one that does. A forecast has hundreds of
    envelopes, of which only one or two have begun and not ended.
    """
    envelope = known.envelope
    return envelope.valid_from <= at and (at < envelope.valid_until or envelope.source in offline)


def _least_envelope(here: NodeHere, policy: EnergyPolicy, at: datetime) -> Standing | None:
    begun = [each for each in here.envelopes if _may_limit(each, here.offline, at)]
    if not begun:
        return None
    limiting = (each for each in standings(begun, here.offline, policy.hold_max, at) if each.limit_w is not None)
    return min(limiting, key=lambda each: (each.limit_w, each.known.envelope.source), default=None)


def _committed(here: NodeHere, policy: EnergyPolicy, at: datetime, limit_w: int) -> tuple[int, datetime | None]:
    """Return the committed power of the node. A running charge without its own limit counts with everything that the node
    allows.
    """
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
    """Return the binding slack: the least; of equal ones, the nearest to the charger. None without any."""
    found: Slack | None = None
    for each in slacks:
        if each is not None and (found is None or each.effective_w < found.effective_w):
            found = each
    return found


# --- one charger over time --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChargerPath:
    """The nodes from the charger's node to the root, and the depot's policy."""

    nodes: Sequence[NodeHere]
    policy: EnergyPolicy
    version: int

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds.of(self.policy, self.nodes[0].node.minimum_start_w)

    def slack(self, at: datetime) -> Slack | None:
        return least(slack_of(each, self.policy, at) for each in self.nodes)

    def capacity_w(self, at: datetime) -> int | None:
        """Return the effective capacity; None if no node has a limit."""
        slack = self.slack(at)
        return None if slack is None else slack.effective_w

    def turns(self, after: datetime) -> Iterator[datetime]:
        """Yield the instants after `after` at which the capacity may change by itself, in order."""
        last = after
        for turn in merge(*(each.turns(self.policy, after) for each in self.nodes)):
            if turn > last:
                last = turn
                yield turn

    def as_planned(self, at: datetime) -> ChargerPath:
        return replace(self, nodes=[each.as_planned(self.policy, at) for each in self.nodes])

    def stepped(self, held: Held, at: datetime) -> Held:
        """Return `held` with the capacity of `at` from then on, as after an event or a turning point."""
        settled = held.settled(self.policy.minimum_dwell, at)
        return settled.stepped(self.capacity_w(at), self.thresholds, at)

    def advanced(self, held: Held, since: datetime, until: datetime) -> Held:
        """Return `held`, which was stepped at `since`, advanced to `until`, assuming no event in between."""
        for turn in self.turns(since):
            if turn > until:
                break
            held = self.stepped(held, turn)
        return held.settled(self.policy.minimum_dwell, until)

    def gate(self, held: Held, at: datetime) -> Gate:
        """Return the gate at `at`, to which `held` has been advanced."""
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
    """Return the first turning point after `after` at which the node alone leaves less than `watts`; None without one.
    After many turning points it gives up and returns the last one examined.
    """
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
    """Return an instant before which the level cannot change without an event; None if it never can. `falls_below` returns
    when the capacity is next below the given watts; `next_turn` is when it may next change at all.
    """
    if held.level is GateLevel.OPEN:
        return falls_below(thresholds.own_and_agreement)
    narrows_at = None if held.level is GateLevel.OWN_ONLY else falls_below(thresholds.own_only)
    widens_at = held.widens_at(dwell)
    if widens_at is None and (turn := next_turn()) is not None:
        widens_at = turn + dwell
    return earliest((narrows_at, widens_at))


def earliest(instants: Iterable[datetime | None]) -> datetime | None:
    """Return the earliest instant; None if all are None."""
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
