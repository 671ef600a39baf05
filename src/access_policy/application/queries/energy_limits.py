"""The limits in force at nodes, and the time for which the measured demand of a node was above them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from access_policy.application.ports.views import Row
from access_policy.application.queries.energy_past import Change, apply
from access_policy.application.queries.report_columns import ColumnType, columns_of
from access_policy.domain.ids import EnergyNodeId, EnvelopeId
from access_policy.domain.site_energy.energy_policy import EnergyPolicy
from access_policy.domain.site_energy.evaluation import Limit, limit_of
from access_policy.domain.site_energy.events import (
    DemandMeasured,
    EnergyNodePut,
    EnergyNodeRemoved,
    EnergyPolicyPut,
    OperatingEnvelopeReceived,
    OperatingEnvelopeWithdrawn,
    SiteEnergyEvent,
)
from access_policy.domain.site_energy.gate import LimitSource
from access_policy.domain.site_energy.site import SiteEnergy

SAMPLE_MAX: Final = timedelta(minutes=5)  # a measurement counts for at most this long
TOGETHER: Final = timedelta(seconds=1)  # changes within this span, such as those of one forecast, count together
ABOVE: Final = {source: f"above_{source.value.lower()}_s" for source in LimitSource}
LIMIT_COLUMNS: Final = (
    *columns_of(ColumnType.TEXT, "depot_id", "node_id"),
    *columns_of(ColumnType.INTEGER, "measured_s", "above_s", *ABOVE.values(), "highest_w", "most_above_w"),
)
_NO_POLICY: Final = EnergyPolicy()


class LimitSpan(NamedTuple):
    """The node's limit in `[start, end)`; None: it has none."""

    start: datetime
    end: datetime
    limit: Limit | None


@dataclass(slots=True)
class LimitHistory:
    """Follows a site's changes in order, and notes each node's limit in force within `[since, until)`, by the same
    evaluation as the gates. `nodes_of` are the nodes for which a source sent envelopes; `source_of` are the sources of
    the envelopes."""

    site: SiteEnergy
    since: datetime
    until: datetime
    _spans: defaultdict[EnergyNodeId, list[LimitSpan]] = field(default_factory=lambda: defaultdict(list))
    nodes_of: defaultdict[str, set[EnergyNodeId]] = field(default_factory=lambda: defaultdict(set))
    source_of: dict[EnvelopeId, str] = field(default_factory=dict)
    _begun: dict[EnergyNodeId, tuple[datetime, Limit | None]] = field(default_factory=dict)
    _touched: set[EnergyNodeId] = field(default_factory=set)
    _now: datetime | None = None  # the time of the last changes

    def follow(self, changes: Iterable[Change]) -> None:
        """Fold the next changes, ascending, all before `until`."""
        for at, event in changes:
            if self._now is not None and at >= self._now + TOGETHER:
                self._settle()
            for node_id in set(self._of(event)) - self._touched:
                self._advance(node_id, at)
                self._touched.add(node_id)
            apply(self.site, event)
            self._now = at if self._now is None else max(at, self._now)

    def end(self) -> None:
        """Close the spans: no further change follows before `until`."""
        self._settle()
        for node_id in list(self._begun):
            self._advance(node_id, self.until)
            self._end(node_id, self.until)

    def spans(self) -> dict[EnergyNodeId, list[LimitSpan]]:
        """Return, after `end`, the spans of each node for the time it existed, ascending, without gaps."""
        return dict(self._spans)

    def _of(self, event: SiteEnergyEvent) -> Iterator[EnergyNodeId]:
        """Yield the nodes whose limit the event may change."""
        match event:
            case DemandMeasured():
                return
            case EnergyNodePut(node=node):
                yield node.node_id
            case EnergyNodeRemoved(node_id=node_id):
                yield node_id
            case OperatingEnvelopeReceived(envelope=envelope):
                self.source_of[envelope.envelope_id] = envelope.source
                self.nodes_of[envelope.source].add(envelope.node_id)
                yield envelope.node_id
                if envelope.source in self.site.offline:
                    yield from self.nodes_of[envelope.source]
            case OperatingEnvelopeWithdrawn(envelope_id=envelope_id):
                if (known := self.site.envelopes.by_id.get(envelope_id)) is not None:
                    yield known.envelope.node_id
            case EnergyPolicyPut():
                yield from self.site.tree.by_id
            case _:
                yield from self.nodes_of[getattr(event, "source", "")]

    def _settle(self) -> None:
        """Evaluate the nodes that the last changes touched."""
        now = self._now
        if now is None:
            return
        for node_id in self._touched:
            self._end(node_id, now)
            if node_id in self.site.tree.by_id:
                self._begun[node_id] = now, self._limit(node_id, now)
        self._touched.clear()

    def _advance(self, node_id: EnergyNodeId, until: datetime) -> None:
        """Apply the changes of the limit that time alone causes before `until`."""
        begun = self._begun.get(node_id)
        if begun is None or node_id not in self.site.tree.by_id:
            return
        here = self.site.node_here(node_id, {})
        policy = self.site.policy or _NO_POLICY
        for turn in here.turns(policy, begun[0]):
            if turn >= until:
                return
            limit = limit_of(here, policy, turn)
            if limit != self._begun[node_id][1]:
                self._end(node_id, turn)
                self._begun[node_id] = turn, limit

    def _limit(self, node_id: EnergyNodeId, at: datetime) -> Limit | None:
        return limit_of(self.site.node_here(node_id, {}), self.site.policy or _NO_POLICY, at)

    def _end(self, node_id: EnergyNodeId, end: datetime) -> None:
        begun = self._begun.pop(node_id, None)
        if begun is None:
            return
        start, limit = max(begun[0], self.since), begun[1]
        end = min(end, self.until)
        if start < end:
            self._spans[node_id].append(LimitSpan(start, end, limit))


def node_rows(demand: Sequence[Row], spans: Sequence[LimitSpan], *, until: datetime) -> dict[str, int | None]:
    """Return the row of one node, from its `demand` by time and its limits in force, in seconds and watts (None: never
    measured). Each measurement counts until the next one, for at most `SAMPLE_MAX`."""
    measured = timedelta()
    above: dict[LimitSource, timedelta] = dict.fromkeys(LimitSource, timedelta())
    most_above = 0
    ahead = list(reversed(spans))
    for sample, end in _samples(demand, until):
        at, demand_w = sample["observed_at"], sample["demand_w"]
        measured += end - at
        while ahead and ahead[-1].end <= at:
            ahead.pop()
        for span in _meeting(ahead, end):
            limit = span.limit
            if limit is not None and demand_w > limit.watts:
                above[limit.source] += min(end, span.end) - max(at, span.start)
                most_above = max(most_above, demand_w - limit.watts)
    return {
        "measured_s": _seconds(measured),
        "above_s": _seconds(sum(above.values(), timedelta())),
        **{ABOVE[source]: _seconds(lasted) for source, lasted in above.items()},
        "highest_w": max((each["demand_w"] for each in demand), default=None),
        "most_above_w": most_above,
    }


def _meeting(ahead: Sequence[LimitSpan], end: datetime) -> Iterator[LimitSpan]:
    """Yield those of the spans (the next one is last) that begin before `end`."""
    for span in reversed(ahead):
        if span.start >= end:
            return
        yield span


def _samples(demand: Sequence[Row], until: datetime) -> Iterator[tuple[Row, datetime]]:
    for sample, following in pairwise([*demand, None]):
        assert sample is not None
        end = until if following is None else following["observed_at"]
        yield sample, min(end, sample["observed_at"] + SAMPLE_MAX, until)


def _seconds(lasted: timedelta) -> int:
    return round(lasted.total_seconds())
