"""The timeline of a charger: the one answer to "what happens when" (design 3.2).

Precedence, highest first: override, dated exception, rule by priority (greater wins; equal: managed wins), baseline. Of
two overrides, and of two exceptions, the later-made one holds.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Cause, CauseKind
from access_policy.domain.ids import ActorId, ExceptionId, OverrideId, RuleId
from access_policy.domain.mode_schedule.rules import ModeRule, local_instant

HORIZON_MAX = timedelta(days=400)
_LOOK_AHEAD = timedelta(days=4)

Rank = tuple[int, int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeException:
    """Whole local days `first` to `last`, both included, in the charger's zone. `made` orders them by their making."""

    exception_id: ExceptionId
    first: date
    last: date
    mode: AccessMode
    reason: str
    made: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """An operator's ad-hoc mode for `[starts_at, ends_at)`. `made` orders overrides by their making."""

    override_id: OverrideId
    mode: AccessMode
    starts_at: datetime
    ends_at: datetime
    reason: str
    made_by: ActorId
    made: int


@dataclass(frozen=True, slots=True)
class Segment:
    """In `[start, end)` the charger's mode is `mode`, because of `cause`. Instants are UTC."""

    start: datetime
    end: datetime
    mode: AccessMode
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class ModePlan:
    """All that decides a charger's expected mode."""

    time_zone: str
    baseline: AccessMode
    rules: Mapping[RuleId, ModeRule] = field(default_factory=dict)
    exceptions: Mapping[ExceptionId, ModeException] = field(default_factory=dict)
    overrides: Mapping[OverrideId, Override] = field(default_factory=dict)


class Timeline:
    """The segments of one plan over `[start, end)`: without hole or overlap, neighbours differ in mode or cause."""

    __slots__ = ("_starts", "end", "segments", "start")

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = tuple(segments)
        self._starts = [segment.start for segment in self.segments]
        self.start = self.segments[0].start
        self.end = self.segments[-1].end

    def covers(self, at: datetime) -> bool:
        return self.start <= at < self.end

    def at(self, instant: datetime) -> Segment:
        """The segment that holds `instant`. Raises `LookupError` outside `[start, end)`."""
        if not self.start <= instant < self.end:
            raise LookupError(f"{instant} lies outside the timeline")
        return self.segments[bisect_right(self._starts, instant) - 1]

    def transitions(self, after: datetime) -> Iterator[Segment]:
        """The segments that begin after `after` with another mode than the one before them."""
        for position in range(max(bisect_right(self._starts, after), 1), len(self.segments)):
            if self.segments[position].mode is not self.segments[position - 1].mode:
                yield self.segments[position]


def timeline(plan: ModePlan, start: datetime, end: datetime) -> Timeline:
    """The timeline of `plan` over `[start, end)`, UTC instants with `start < end`."""
    return Timeline(list(_merged(_sweep(_spans(plan, start, end), plan.baseline, start, end))))


def expected_at(plan: ModePlan, at: datetime) -> Segment:
    """The segment that holds `at`; its ends are true ones where they lie within some days of `at`."""
    return timeline(plan, at - _LOOK_AHEAD, at + _LOOK_AHEAD).at(at)


def next_transition(plan: ModePlan, after: datetime, horizon: timedelta = HORIZON_MAX) -> Segment | None:
    """The first segment that begins after `after` with another mode; None when there is none within `horizon`."""
    reach = _LOOK_AHEAD
    while True:
        reach = min(reach, horizon)
        found = next(timeline(plan, after, after + reach).transitions(after), None)
        if found is not None or reach >= horizon:
            return found
        reach *= 5


class _Span(NamedTuple):
    start: datetime
    end: datetime
    rank: Rank
    mode: AccessMode
    cause: Cause


def _spans(plan: ModePlan, start: datetime, end: datetime) -> Iterator[_Span]:
    zone = ZoneInfo(plan.time_zone)
    for rule in plan.rules.values():
        rank: Rank = (1, rule.priority, int(rule.mode is AccessMode.MANAGED), rule.rule_id)
        cause = Cause(CauseKind.RULE, rule.rule_id, rule.name)
        rule_zone = ZoneInfo(rule.time_zone) if rule.time_zone else zone
        for window in rule.windows(rule_zone, start, end):
            yield _Span(window.start, window.end, rank, rule.mode, cause)
    for exception in plan.exceptions.values():
        first = local_instant(exception.first, time(), zone)
        last = local_instant(exception.last + timedelta(days=1), time(), zone)
        cause = Cause(CauseKind.EXCEPTION, exception.exception_id, exception.reason)
        yield _Span(first, last, (2, exception.made, 0, exception.exception_id), exception.mode, cause)
    for override in plan.overrides.values():
        cause = Cause(CauseKind.OVERRIDE, override.override_id, override.reason)
        rank = (3, override.made, 0, override.override_id)
        yield _Span(override.starts_at, override.ends_at, rank, override.mode, cause)


def _sweep(spans: Iterable[_Span], baseline: AccessMode, start: datetime, end: datetime) -> Iterator[Segment]:
    """Go through all boundaries in order; between two of them the open span of the highest rank holds."""
    waiting = sorted((span for span in spans if span.start < end and span.end > start), key=lambda span: span.start)
    boundaries = sorted({start, *(t for span in waiting for t in (span.start, span.end) if start < t < end)})
    places = {rank: place for place, rank in enumerate(sorted({span.rank for span in waiting}, reverse=True))}
    opened: list[tuple[int, int, _Span]] = []  # a heap, the highest rank first
    arrived = 0
    for index, begin in enumerate(boundaries):
        while arrived < len(waiting) and waiting[arrived].start <= begin:
            heapq.heappush(opened, (places[waiting[arrived].rank], arrived, waiting[arrived]))
            arrived += 1
        while opened and opened[0][2].end <= begin:
            heapq.heappop(opened)
        until = boundaries[index + 1] if index + 1 < len(boundaries) else end
        if opened:
            yield Segment(begin, until, opened[0][2].mode, opened[0][2].cause)
        else:
            yield Segment(begin, until, baseline, BASELINE_CAUSE)


def _merged(segments: Iterable[Segment]) -> Iterator[Segment]:
    pending: Segment | None = None
    for segment in segments:
        if pending is None:
            pending = segment
        elif pending.mode is segment.mode and pending.cause == segment.cause:
            pending = Segment(pending.start, segment.end, pending.mode, pending.cause)
        else:
            yield pending
            pending = segment
    if pending is not None:
        yield pending
