"""Gates of the past, computed only from the changes of a site, its measurements, its charges and the instants.

One pass goes over all of them in order and never waits for anything, so it should run on a thread.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from access_policy.application.ports.views import Row
from access_policy.application.queries.energy_past import Change, apply
from access_policy.domain.ids import ChargerId, EnergyNodeId
from access_policy.domain.site_energy.evaluation import ChargerPath, NodeHere, RunningBelow
from access_policy.domain.site_energy.events import DemandMeasured, SiteEnergyEvent
from access_policy.domain.site_energy.gate import GateLevel
from access_policy.domain.site_energy.levels import Held
from access_policy.domain.site_energy.site import SiteEnergy

# The order of steps at the same instant: a charge that starts at the instant of an attempt is the one that is judged.
_END, _CHANGE, _OPEN, _ATTEMPT, _START, _CLOSE = range(6)


class Watch(NamedTuple):
    """The charger's gate is followed from `start` to `end`, both included."""

    start: datetime
    end: datetime
    charger_id: ChargerId


class _Step(NamedTuple):
    at: datetime
    order: int
    take: Callable[[datetime], None]


class Charge(NamedTuple):
    """A charge that starts or ends at `at`."""

    at: datetime
    charger_id: ChargerId
    is_start: bool


class GateReplay:
    """Computes the levels at the instants of attempts. `one_at_a_time` are the chargers with one connector."""

    def __init__(
        self,
        site: SiteEnergy,
        attempts: Sequence[Row],
        watches: Sequence[Watch],
        charges: Sequence[Charge],
        one_at_a_time: frozenset[ChargerId] = frozenset(),
    ) -> None:
        """Each attempt, which must have a watch at its instant, is judged; without a gate its level is `open`."""
        self.site = site
        self.judged: list[tuple[Row, GateLevel]] = []
        self._one_at_a_time = one_at_a_time
        self._held: dict[ChargerId, tuple[Held, datetime]] = {}  # of the chargers that are watched
        self._paths: dict[ChargerId, list[EnergyNodeId]] = {}
        self._watchers: defaultdict[EnergyNodeId, set[ChargerId]] = defaultdict(set)
        self._heres: dict[EnergyNodeId, NodeHere] = {}
        self._charges: Counter[ChargerId] = Counter()
        self._below: Mapping[EnergyNodeId, RunningBelow] | None = None
        steps = [
            *(_Step(row["occurred_at"], _ATTEMPT, partial(self._judge, row)) for row in attempts),
            *(_Step(each.start, _OPEN, partial(self._watch, each.charger_id)) for each in watches),
            *(_Step(each.end, _CLOSE, partial(self._leave, each.charger_id)) for each in watches),
            *(_Step(each.at, _START if each.is_start else _END, partial(self._charge, each)) for each in charges),
        ]
        self._ahead = deque(sorted(steps, key=_order))

    def follow(self, changes: Iterable[Change], until: datetime) -> None:
        """Process everything before `until`. `changes` ascend, all of them before `until` and after those of the
        previous call."""
        ahead = self._ahead
        for at, event in changes:
            while ahead and _order(ahead[0]) < (at, _CHANGE):
                step = ahead.popleft()
                step.take(step.at)
            if isinstance(event, DemandMeasured) and self.site.has_feed:
                self._measure(event, at)
            else:
                self._change(event, at)
        while ahead and ahead[0].at < until:
            step = ahead.popleft()
            step.take(step.at)

    # --- steps ----------------------------------------------------------------------------------------------------

    def _charge(self, charge: Charge, at: datetime) -> None:
        charger_id = charge.charger_id
        before = self._charges[charger_id]
        self._charges[charger_id] += 1 if charge.is_start else -1
        if (before > 0) is (self._charges[charger_id] > 0):
            return
        node_id = self.site.tree.by_charger.get(charger_id)
        above = [] if node_id is None else [each.node_id for each in self.site.tree.path(node_id)]
        affected = set[ChargerId]().union(*(self._watchers[each] for each in above))
        self._advance(affected, at)
        self._below = None
        for each in above:
            self._heres.pop(each, None)
        self._step(affected, at)

    def _judge(self, row: Row, at: datetime) -> None:
        charger_id = ChargerId(row["charger_id"])
        self._advance((charger_id,), at)
        self.judged.append((row, self._held[charger_id][0].level))

    def _watch(self, charger_id: ChargerId, at: datetime) -> None:
        self._held[charger_id] = Held(), at
        self._place(charger_id)
        self._step((charger_id,), at)

    def _leave(self, charger_id: ChargerId, at: datetime) -> None:
        del self._held[charger_id]
        for node_id in self._paths.pop(charger_id):
            self._watchers[node_id].discard(charger_id)

    def _measure(self, event: DemandMeasured, at: datetime) -> None:
        affected = set[ChargerId]().union(*(self._watchers[each.node_id] for each in event.items))
        self._advance(affected, at)
        self.site.apply(event)
        for item in event.items:
            if (here := self._heres.get(item.node_id)) is not None:
                self._heres[item.node_id] = replace(here, demand=item)
        self._step(affected, at)

    def _change(self, event: SiteEnergyEvent, at: datetime) -> None:
        """Apply one of the few changes of the site, and evaluate everything again."""
        watched = list(self._held)
        self._advance(watched, at)
        apply(self.site, event)
        self._heres.clear()
        self._below = None
        self._watchers.clear()
        for charger_id in watched:
            self._place(charger_id)
        self._step(watched, at)

    # --- gates ----------------------------------------------------------------------------------------------------

    def _place(self, charger_id: ChargerId) -> None:
        node_id = self.site.tree.by_charger.get(charger_id)
        path = [] if node_id is None else [each.node_id for each in self.site.tree.path(node_id)]
        self._paths[charger_id] = path
        for each in path:
            self._watchers[each].add(charger_id)

    def _advance(self, charger_ids: Iterable[ChargerId], at: datetime) -> None:
        """Advance the levels to `at`, with the site as it was until then."""
        for charger_id in charger_ids:
            held, since = self._held[charger_id]
            path = self._path(charger_id)
            self._held[charger_id] = (Held() if path is None else path.advanced(held, since, at)), at

    def _step(self, charger_ids: Iterable[ChargerId], at: datetime) -> None:
        for charger_id in charger_ids:
            path = self._path(charger_id)
            held = self._held[charger_id][0]
            self._held[charger_id] = (Held() if path is None else path.stepped(held, at)), at

    def _path(self, charger_id: ChargerId) -> ChargerPath | None:
        path, policy = self._paths[charger_id], self.site.policy
        if not path or policy is None or not self.site.has_gates:
            return None
        return ChargerPath([self._here(each) for each in path], policy, self.site.version)

    def _here(self, node_id: EnergyNodeId) -> NodeHere:
        here = self._heres.get(node_id)
        if here is None:
            if self._below is None:
                running = [each for each, count in self._charges.items() if count > 0]
                self._below = self.site.tree.running_below(running)
            here = self._heres[node_id] = self.site.node_here(node_id, self._below, self._one_at_a_time)
        return here


def charges_of(attempts: Iterable[Row]) -> list[Charge]:
    """Return the starts and ends of the sessions of these attempts, ascending."""
    found: list[Charge] = []
    for row in attempts:
        started_at, ended_at = row["session_started_at"], row["session_ended_at"]
        if started_at is not None:
            found.append(Charge(started_at, ChargerId(row["charger_id"]), is_start=True))
            if ended_at is not None:
                found.append(Charge(max(started_at, ended_at), ChargerId(row["charger_id"]), is_start=False))
    return sorted(found, key=lambda each: (each.at, not each.is_start))


def watches_of(attempts: Iterable[Row], look_back: timedelta) -> list[Watch]:
    """Return the spans in which the chargers of these attempts are followed, by charger and start: `look_back` before
    each attempt."""
    by_charger: defaultdict[ChargerId, list[datetime]] = defaultdict(list)
    for row in attempts:
        by_charger[ChargerId(row["charger_id"])].append(row["occurred_at"])
    found: list[Watch] = []
    for charger_id, instants in sorted(by_charger.items()):
        for at in sorted(instants):
            last = found[-1] if found else None
            if last is not None and last.charger_id == charger_id and at - look_back <= last.end:
                found[-1] = last._replace(end=at)
            else:
                found.append(Watch(at - look_back, at, charger_id))
    return found


def _order(step: _Step) -> tuple[datetime, int]:
    return step.at, step.order
