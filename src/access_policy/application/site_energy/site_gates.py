"""The gates of one depot's chargers, kept up to date at each event and at each instant at which time changes something
(a turn).

The result equals that of a `ChargerPath` for each charger, but an event or a turn touches only the chargers whose least
slack it changes.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from access_policy.domain.ids import ChargerId, EnergyNodeId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.evaluation import (
    NOTHING_RUNS,
    ChargerPath,
    NodeHere,
    RunningBelow,
    Slack,
    changes_at,
    earliest,
    first_below,
    gate_of,
    slack_of,
)
from access_policy.domain.site_energy.gate import Gate, GateLevel
from access_policy.domain.site_energy.levels import Held, Thresholds
from access_policy.domain.site_energy.planned import Narrowing, Piece, least_of, narrowings_along, pieces_of
from access_policy.domain.site_energy.site import SiteEnergy


class SiteGates:
    """The gates at the instant `now`, which only advances. The site must have gates, and must not be folded without
    calling `advance` first."""

    def __init__(
        self,
        site: SiteEnergy,
        policy: EnergyPolicy,
        running: Iterable[ChargerId],
        now: datetime,
        held: dict[ChargerId, Held] | None = None,
        one_at_a_time: frozenset[ChargerId] = frozenset(),
    ) -> None:
        """`held` are the levels until now, used instead of the recorded ones. `one_at_a_time` are the chargers with one
        connector."""
        self.now = now
        self.one_at_a_time = one_at_a_time
        self._site = site
        self._policy = policy
        self._running = set(running)
        self._below = dict(site.tree.running_below(self._running))
        self._offline = dict(site.offline)
        self._nodes: dict[EnergyNodeId, NodeHere] = {}
        self._own: dict[EnergyNodeId, Slack | None] = {}
        self._least: dict[EnergyNodeId, Slack | None] = {}
        self._turns: list[tuple[datetime, EnergyNodeId]] = []  # a heap
        self._widenings: list[tuple[datetime, ChargerId]] = []  # a heap
        self._held: dict[ChargerId, Held] = {}
        self._thresholds: dict[ChargerId, Thresholds] = {}
        self._gates: dict[ChargerId, tuple[Gate, int]] = {}  # with the number of evaluations of its path
        self._looks: defaultdict[EnergyNodeId, int] = defaultdict(int)
        self._below_at: dict[EnergyNodeId, dict[int, datetime | None]] = {}  # by watts
        # with the number of evaluations of the path
        self._planned: dict[EnergyNodeId, tuple[int, datetime, list[Piece]]] = {}
        self._changed: set[ChargerId] = set()
        self._build(held or {})

    # --- queries
    # ---------------------------------------------------------------------------------------------------------

    def gate(self, charger_id: ChargerId) -> Gate | None:
        """Return the current gate; None if the charger has no node."""
        known = self._gates.get(charger_id)
        if known is not None and self._is_current(*known):
            return known[0]
        node_id = self._site.tree.by_charger.get(charger_id)
        if node_id is None:
            return None
        path, held = self.path(node_id), self._held[charger_id]
        ends = changes_at(
            held,
            self._thresholds[charger_id],
            self._policy.minimum_dwell,
            lambda watts: earliest([self._falls_below(each.node.node_id, watts) for each in path.nodes]),
            lambda: earliest([next(each.turns(self._policy, self.now), None) for each in path.nodes]),
        )
        gate = gate_of(path, held, self._least[node_id], self.now, ends)
        self._gates[charger_id] = gate, self._looks_at(gate)
        return gate

    def _is_current(self, gate: Gate, looks: int) -> bool:
        """Return whether no node of the gate's path was evaluated again since, and the gate has not reached its next
        change."""
        return (gate.changes_at is None or self.now < gate.changes_at) and self._looks_at(gate) == looks

    def _looks_at(self, gate: Gate) -> int:
        return sum([self._looks[each] for each in gate.node_path])

    def _falls_below(self, node_id: EnergyNodeId, watts: int) -> datetime | None:
        """Return when the node alone next leaves less than `watts`."""
        known = self._below_at.setdefault(node_id, {})
        if watts not in known:
            known[watts] = first_below(self._nodes[node_id], self._policy, watts, self.now)
        return known[watts]

    def held(self, charger_id: ChargerId) -> Held:
        """Return the current level of a charger that has a node."""
        return self._held[charger_id]

    def has(self, charger_id: ChargerId) -> bool:
        """Return whether the charger has a node."""
        return charger_id in self._held

    def levels(self) -> dict[ChargerId, Held]:
        """Return the levels of all chargers."""
        return dict(self._held)

    def path(self, node_id: EnergyNodeId) -> ChargerPath:
        nodes = [self._nodes[each.node_id] for each in self._site.tree.path(node_id)]
        return ChargerPath(nodes, self._policy, self._site.version)

    def narrowings(self, charger_id: ChargerId, end: datetime) -> Iterator[Narrowing]:
        """Yield the current narrowing of a charger that has a node, and those planned until `end`."""
        node_id = self._site.tree.by_charger[charger_id]
        pieces = pieces_of(self._nodes[node_id], self._policy, self.now, end)
        if (parent_id := self._site.tree.by_id[node_id].parent_id) is not None:
            pieces = least_of(pieces, _from(self._planned_at(parent_id, end), self.now))
        return narrowings_along(pieces, self._policy, self._thresholds[charger_id], self._held[charger_id], end)

    def _planned_at(self, node_id: EnergyNodeId, end: datetime) -> list[Piece]:
        """Return what the node and those above it leave until `end`, from now or from an earlier instant since which
        they are unchanged; computed once for all chargers below."""
        path = self._site.tree.path(node_id)
        looks = sum(self._looks[each.node_id] for each in path)
        known = self._planned.get(node_id)
        if known is not None and known[:2] == (looks, end):
            return known[2]
        pieces = pieces_of(self._nodes[node_id], self._policy, self.now, end)
        if (parent_id := path[0].parent_id) is not None:
            pieces = least_of(pieces, _from(self._planned_at(parent_id, end), self.now))
        self._planned[node_id] = looks, end, pieces
        return pieces

    def slack(self, node_id: EnergyNodeId) -> Slack | None:
        """Return the least slack of the node and all above it."""
        return self._least[node_id]

    @property
    def next_at(self) -> datetime | None:
        """The next instant at which something changes without an event."""
        heads = [heap[0][0] for heap in (self._turns, self._widenings) if heap]
        return min(heads, default=None)

    # --- time and events ------------------------------------------------------------------------------------------

    def advance(self, now: datetime) -> None:
        """Apply the turns up to `now`, in order."""
        while (at := self.next_at) is not None and at <= now:
            self.now = max(self.now, at)
            if self._widenings and self._widenings[0][0] == at:
                self._widen(heapq.heappop(self._widenings)[1])
            else:
                self.check(heapq.heappop(self._turns)[1])
        self.now = max(self.now, now)

    def check(self, node_id: EnergyNodeId) -> None:
        """Evaluate a node again whose limit or demand may have changed."""
        own = slack_of(self._nodes[node_id], self._policy, self.now)
        self._schedule(node_id)
        for watts in self._below_at.pop(node_id, {}):  # now, instead of at the next attempt
            self._falls_below(node_id, watts)
        self._looks[node_id] += 1
        if own != self._own[node_id]:
            self._own[node_id] = own
            self._spread(node_id)

    def reload(self, node_id: EnergyNodeId, *, with_limits: bool) -> None:
        """Take the node's envelopes and demand from the site. `with_limits` False: only its demand has changed."""
        here = self._site.node_here(node_id, self._below, self.one_at_a_time)
        self._nodes[node_id] = here if with_limits else replace(here, known=self._nodes[node_id].known)
        self.check(node_id)

    def start(self, charger_id: ChargerId, *, is_running: bool) -> None:
        """Note that charges run at the charger from now on, or that none runs."""
        node_id = self._site.tree.by_charger.get(charger_id)
        if (charger_id in self._running) is is_running:
            return
        (self._running.add if is_running else self._running.discard)(charger_id)
        if node_id is None:
            return
        sign, draw_w = 1 if is_running else -1, self._site.tree.draw_w(charger_id)
        for node in self._site.tree.path(node_id):
            watts, unlimited = self._below.get(node.node_id, NOTHING_RUNS)
            below = RunningBelow(watts + sign * (draw_w or 0), unlimited + sign * (draw_w is None))
            self._below[node.node_id] = below
            self._nodes[node.node_id] = replace(self._nodes[node.node_id], running=below)
            self.check(node.node_id)

    def reload_sources(self) -> None:
        """Evaluate the nodes of sources again that have become silent or have reported again."""
        before, self._offline = self._offline, dict(self._site.offline)
        moved = {each for each in {*before, *self._offline} if before.get(each) != self._offline.get(each)}
        if moved:
            for node_id, here in list(self._nodes.items()):
                if any(each.envelope.source in moved for each in here.envelopes):
                    self.reload(node_id, with_limits=True)

    def adopt(self, charger_ids: Iterable[ChargerId], level: GateLevel) -> None:
        """Adopt a level that another process has recorded. A narrower level is also held here, for the dwell if the
        capacity is enough; a wider level is adopted if the capacity is enough, without the rest of the dwell."""
        for charger_id in charger_ids:
            held = self._held.get(charger_id)
            if held is None or held.level is level:
                continue
            adopted = held.adopting(level, self.now)
            slack = self._least[self._site.tree.by_charger[charger_id]]
            capacity_w = None if slack is None else slack.effective_w
            self._hold(charger_id, adopted.stepped(capacity_w, self._thresholds[charger_id], self.now))

    def take_changed(self) -> set[ChargerId]:
        """Return the chargers whose level or binding envelope has changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    # --- keeping up -----------------------------------------------------------------------------------------------

    def _build(self, held: dict[ChargerId, Held]) -> None:
        tree = self._site.tree
        if tree.root_id is None:
            return
        for node in tree.below(tree.root_id):
            here = self._site.node_here(node.node_id, self._below, self.one_at_a_time)
            self._nodes[node.node_id] = here
            self._own[node.node_id] = slack_of(here, self._policy, self.now)
            self._schedule(node.node_id)
            self._least[node.node_id] = self._nearer(node.node_id)
            if node.charger_id is not None:
                self._thresholds[node.charger_id] = Thresholds.of(self._policy, node.minimum_start_w)
                known = held.get(node.charger_id) or self._site.recorded_level(node.charger_id)
                self._held[node.charger_id] = known
                self._schedule_widening(node.charger_id, known)
                self._step(node.charger_id, self._least[node.node_id])

    def _schedule(self, node_id: EnergyNodeId) -> None:
        """Schedule the node's next turn."""
        upcoming = next(self._nodes[node_id].turns(self._policy, self.now), None)
        if upcoming is not None:
            heapq.heappush(self._turns, (upcoming, node_id))

    def _nearer(self, node_id: EnergyNodeId) -> Slack | None:
        """Return the lesser of the node's own slack and the slack above it; its own if they are equal."""
        parent_id, own = self._site.tree.by_id[node_id].parent_id, self._own[node_id]
        above = None if parent_id is None else self._least[parent_id]
        if own is None or (above is not None and above.effective_w < own.effective_w):
            return above
        return own

    def _spread(self, node_id: EnergyNodeId) -> None:
        """Propagate the node's new slack down, as far as it changes anything."""
        waiting = [node_id]
        tree = self._site.tree
        while waiting:
            current = waiting.pop()
            least = self._nearer(current)
            if least == self._least[current]:
                continue
            before, self._least[current] = self._least[current], least
            charger_id = tree.by_id[current].charger_id
            if charger_id is None:
                waiting.extend(tree.children.get(current, ()))
                continue
            self._step(charger_id, least)
            if _envelope_of(before) != _envelope_of(least):
                self._changed.add(charger_id)

    def _step(self, charger_id: ChargerId, slack: Slack | None) -> None:
        self._gates.pop(charger_id, None)
        held = self._held[charger_id].settled(self._policy.minimum_dwell, self.now)
        capacity_w = None if slack is None else slack.effective_w
        self._hold(charger_id, held.stepped(capacity_w, self._thresholds[charger_id], self.now))

    def _widen(self, charger_id: ChargerId) -> None:
        """Settle the charger's level, whose dwell may be over."""
        if charger_id in self._held:
            self._hold(charger_id, self._held[charger_id].settled(self._policy.minimum_dwell, self.now))

    def _hold(self, charger_id: ChargerId, held: Held) -> None:
        before = self._held[charger_id]
        if held == before:
            return
        self._held[charger_id] = held
        if held.level is not before.level:
            self._gates.pop(charger_id, None)
            self._changed.add(charger_id)
        self._schedule_widening(charger_id, held)

    def _schedule_widening(self, charger_id: ChargerId, held: Held) -> None:
        widens_at = held.widens_at(self._policy.minimum_dwell)
        if widens_at is not None:
            heapq.heappush(self._widenings, (widens_at, charger_id))

    def chargers_below(self, node_id: EnergyNodeId) -> Iterator[ChargerId]:
        for node in self._site.tree.below(node_id):
            if node.charger_id is not None:
                yield node.charger_id


def _envelope_of(slack: Slack | None) -> tuple[str, str] | None:
    envelope = None if slack is None else slack.envelope
    return None if envelope is None else (envelope.envelope_id, envelope.state)


def _from(pieces: Sequence[Piece], now: datetime) -> list[Piece]:
    """Return the pieces from `now` on; the first one begins at `now`."""
    first = max(number for number, each in enumerate(pieces) if number == 0 or each.starts_at <= now)
    return [pieces[first]._replace(starts_at=now), *pieces[first + 1 :]]
