"""The timeline of a charger: the one answer to "what happens when" (design 3.2).

Precedence, highest first: override, reservation, dated exception, rule by priority (greater wins; equal: managed wins),
baseline. Of two overrides, and of two exceptions, the one made later applies. Narrowed windows are applied last: they make
freevend managed, never the reverse (ADR 0055).
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Cause, CauseKind
from access_policy.domain.ids import ActorId, CalendarId, ExceptionId, OverrideId, ReservationId, RuleId, ScheduleId
from access_policy.domain.mode_schedule.calendars import HolidayCalendar
from access_policy.domain.mode_schedule.rules import END_DAY_OFFSET_MAX, ModeRule, local_instant
from access_policy.domain.mode_schedule.schedules import Schedule
from access_policy.domain.site_energy.gate import GateEnvelope, GateLevel

HORIZON_MAX = timedelta(days=400)
_LOOK_AHEAD = timedelta(days=4)
_DAY = timedelta(days=1)
_REACH = timedelta(days=END_DAY_OFFSET_MAX + 3)  # a window that overlaps the horizon begins within this time of it

Rank = tuple[int, int, int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeException:
    """Whole local days `first` to `last`, both inclusive, in the charger's zone. `made` is the order in which exceptions
    were made.
    """

    exception_id: ExceptionId
    first: date
    last: date
    mode: AccessMode
    reason: str
    made: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarException:
    """All present days of a holiday calendar, in the charger's zone. `made` as in `ModeException`."""

    exception_id: ExceptionId
    calendar_id: CalendarId
    mode: AccessMode
    reason: str
    made: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """An operator's ad-hoc mode for `[starts_at, ends_at)`. `made` is the order in which overrides were made."""

    override_id: OverrideId
    mode: AccessMode
    starts_at: datetime
    ends_at: datetime
    reason: str
    made_by: ActorId
    made: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservedWindow:
    """A reservation that names the charger makes it managed in its window `[starts_at, ends_at)`.

    `made_at`: when the reservation was made; the window does not begin earlier. `lost_at`: a holder who has not come by then
    has lost the reservation; None: never, or the holder came.
    """

    reservation_id: ReservationId
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    lost_at: datetime | None = None

    def as_known_at(self, at: datetime) -> ReservedWindow:
        """Return the window, cut short if the reservation was lost by `at`."""
        if self.lost_at is None or at < self.lost_at:
            return self
        return replace(self, ends_at=min(self.ends_at, self.lost_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class NarrowedWindow:
    """In `[starts_at, ends_at)` a shortage of power limits new starts at the charger to `level`, which is not `open`.
    `envelope` is the binding one; None for a static limit.
    """

    starts_at: datetime
    ends_at: datetime
    level: GateLevel
    envelope: GateEnvelope | None = None

    @property
    def cause(self) -> Cause:
        return Cause(CauseKind.ENVELOPE, None if self.envelope is None else self.envelope.envelope_id, self.level)


class Segment(NamedTuple):
    """In `[start, end)` the charger's mode is `mode`, because of `cause`. Instants are UTC."""

    start: datetime
    end: datetime
    mode: AccessMode
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class ModePlan:
    """All inputs of a charger's expected mode."""

    time_zone: str
    baseline: AccessMode
    rules: Mapping[RuleId, ModeRule] = field(default_factory=dict)
    exceptions: Mapping[ExceptionId, ModeException] = field(default_factory=dict)
    overrides: Mapping[OverrideId, Override] = field(default_factory=dict)
    calendar_exceptions: Mapping[ExceptionId, CalendarException] = field(default_factory=dict)
    calendars: Mapping[CalendarId, HolidayCalendar] = field(default_factory=dict)
    schedules: Mapping[ScheduleId, Schedule] = field(default_factory=dict)  # schedules that the charger follows
    reservations: Sequence[ReservedWindow] = ()
    narrowed: Sequence[NarrowedWindow] = ()  # in order and without overlaps

    @property
    def calendars_in_use(self) -> frozenset[CalendarId]:
        """Return the ids of the calendars that a rule, a rule of a schedule, or an exception names."""
        by_rules = (rule.calendars for rule in self.rules.values())
        by_schedules = (schedule.calendars for schedule in self.schedules.values())
        by_exceptions = frozenset(each.calendar_id for each in self.calendar_exceptions.values())
        return by_exceptions.union(*by_rules, *by_schedules)


class Timeline:
    """The segments of one plan over `[start, end)`, without gaps or overlaps; neighbours differ in mode or cause."""

    __slots__ = ("_starts", "end", "segments", "start")

    def __init__(self, segments: Sequence[Segment]) -> None:
        self.segments = tuple(segments)
        self._starts = [segment.start for segment in self.segments]
        self.start = self.segments[0].start
        self.end = self.segments[-1].end

    def at(self, instant: datetime) -> Segment:
        """Return the segment that contains `instant`. Raises `LookupError` outside `[start, end)`."""
        if not self.start <= instant < self.end:
            raise LookupError(f"{instant} is outside the timeline")
        return self.segments[bisect_right(self._starts, instant) - 1]

    def transitions(self, after: datetime) -> Iterator[Segment]:
        """Return the segments that begin after `after` and have a different mode than the segment before them."""
        for position in range(max(bisect_right(self._starts, after), 1), len(self.segments)):
            if self.segments[position].mode is not self.segments[position - 1].mode:
                yield self.segments[position]


def timeline(plan: ModePlan, start: datetime, end: datetime) -> Timeline:
    """Return the timeline of `plan` over `[start, end)`, UTC instants with `start < end`."""
    segments = _swept(_layers(plan, start, end), plan.baseline, start, end)
    return Timeline(_narrowed(segments, plan.narrowed) if plan.narrowed else segments)


def expected_at(plan: ModePlan, at: datetime) -> Segment:
    """Return the segment that contains `at`; its ends are exact if they are within a few days of `at`."""
    return timeline(plan, at - _LOOK_AHEAD, at + _LOOK_AHEAD).at(at)


def next_transition(plan: ModePlan, after: datetime, horizon: timedelta = HORIZON_MAX) -> Segment | None:
    """Return the first segment with a different mode that starts after `after`; None if there is none within `horizon`."""
    reach = _LOOK_AHEAD
    while True:
        reach = min(reach, horizon)
        found = next(timeline(plan, after, after + reach).transitions(after), None)
        if found is not None or reach >= horizon:
            return found
        reach *= 5


class _Layer(NamedTuple):
    """The spans of time within the horizon in which one rule, exception or override would determine the mode."""

    rank: Rank
    mode: AccessMode
    cause: Cause
    spans: Sequence[tuple[datetime, datetime]]


def _layers(plan: ModePlan, start: datetime, end: datetime) -> list[_Layer]:
    """Return the layers by rank, highest first, with only the spans that overlap `[start, end)`, so that expired ones cost
    almost nothing.
    """
    zone = ZoneInfo(plan.time_zone)
    near = start.date() - _REACH, end.date() + _REACH
    holidays = {calendar_id: plan.calendars[calendar_id].reasons(*near) for calendar_id in plan.calendars_in_use}
    layers = [
        *(_of_rule(rule.on_days_of(holidays), rule.name, zone, start, end) for rule in plan.rules.values()),
        *(
            _of_rule(rule.on_days_of(holidays), f"{schedule.name}: {rule.name}", zone, start, end)
            for schedule in plan.schedules.values()
            for rule in schedule.rules
        ),
        *_of_exceptions(plan, zone, start, end),
        *_of_calendar_exceptions(plan, holidays, zone, start, end),
        *(_of_reservation(each) for each in plan.reservations if each.starts_at < end and each.ends_at > start),
        *(_of_override(each) for each in plan.overrides.values() if each.starts_at < end and each.ends_at > start),
    ]
    layers.sort(key=lambda layer: layer.rank, reverse=True)
    return layers


def _of_rule(rule: ModeRule, name: str, zone: ZoneInfo, start: datetime, end: datetime) -> _Layer:
    """Return the layer of a rule. `name` is shown by the cause: the rule's name, or the schedule's and the rule's names."""
    windows = rule.windows(ZoneInfo(rule.time_zone) if rule.time_zone else zone, start, end)
    rank = (1, rule.priority, int(rule.mode is AccessMode.MANAGED), rule.rule_id)
    cause = Cause(CauseKind.RULE, rule.rule_id, name)
    return _Layer(rank, rule.mode, cause, [(begins, ends) for begins, ends, _ in windows])


def _of_exceptions(plan: ModePlan, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[_Layer]:
    for exception in plan.exceptions.values():
        if spans := _days(exception.first, exception.last, zone, start, end):
            cause = Cause(CauseKind.EXCEPTION, exception.exception_id, exception.reason)
            rank = (2, exception.made, 0, exception.exception_id)
            yield _Layer(rank, exception.mode, cause, spans)


def _of_calendar_exceptions(
    plan: ModePlan, holidays: Mapping[CalendarId, Mapping[date, str]], zone: ZoneInfo, start: datetime, end: datetime
) -> Iterator[_Layer]:
    """Return one layer for each reason, because the cause names the reason."""
    for exception in plan.calendar_exceptions.values():
        rank = (2, exception.made, 0, exception.exception_id)
        by_reason: dict[str, list[tuple[datetime, datetime]]] = {}
        for day, reason in holidays[exception.calendar_id].items():
            by_reason.setdefault(reason, []).extend(_days(day, day, zone, start, end))
        for reason, spans in by_reason.items():
            yield _Layer(rank, exception.mode, Cause(CauseKind.EXCEPTION, exception.exception_id, reason), spans)


def _days(first: date, last: date, zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return the span of the local days `first` to `last` (both inclusive); empty if it is outside `[start, end)`, or if
    the zone skipped the days.
    """
    if first > end.date() + _DAY or last < start.date() - _DAY:  # in any zone
        return []
    begins, ends = local_instant(first, time(), zone), local_instant(last + _DAY, time(), zone)
    return [(begins, ends)] if max(begins, start) < min(ends, end) else []


def _of_reservation(window: ReservedWindow) -> _Layer:
    """Return the layer of a reserved window. The windows of two connectors need no order, because both make the charger
    managed.
    """
    cause = Cause(CauseKind.RESERVATION, window.reservation_id)
    rank = (3, 0, 0, window.reservation_id)
    return _Layer(rank, AccessMode.MANAGED, cause, [(window.starts_at, window.ends_at)])


def _of_override(override: Override) -> _Layer:
    cause = Cause(CauseKind.OVERRIDE, override.override_id, override.reason)
    rank = (4, override.made, 0, override.override_id)
    return _Layer(rank, override.mode, cause, [(override.starts_at, override.ends_at)])


def _swept(layers: Sequence[_Layer], baseline: AccessMode, start: datetime, end: datetime) -> list[Segment]:
    """Sweep over all spans in the order of their starts. `held` is the layer that determines the mode from `since` until
    `until`, unless a higher one begins earlier; `opened` are the lower spans that are still open (a heap, the highest
    layer first).
    """
    below_all = len(layers)
    held, since, until = below_all, start, end
    opened: list[tuple[int, datetime]] = []
    drawn: list[tuple[datetime, int]] = []  # the layer that applies from each instant on
    arriving = [(begins, place, ends) for place, layer in enumerate(layers) for begins, ends in layer.spans]
    arriving.sort()
    arriving.append((end, below_all, end))
    for begins, place, ends in arriving:
        while until <= begins and held != below_all:
            drawn.append((since, held))
            since = until
            while opened and opened[0][1] <= since:
                heapq.heappop(opened)
            held, until = heapq.heappop(opened) if opened else (below_all, end)
        if place < held:
            if since < begins:
                drawn.append((since, held))
                since = begins
            if held != below_all:
                heapq.heappush(opened, (held, until))
            held, until = place, ends
        elif place != below_all:
            heapq.heappush(opened, (place, ends))
    if since < end:
        drawn.append((since, held))
    holders = [*((layer.mode, layer.cause) for layer in layers), (baseline, BASELINE_CAUSE)]
    return _merged(drawn, holders, end)


def _merged(
    drawn: Sequence[tuple[datetime, int]], holders: Sequence[tuple[AccessMode, Cause]], end: datetime
) -> list[Segment]:
    """Merge adjacent segments with the same mode and cause."""
    segments: list[Segment] = []
    since, held = drawn[0]
    for begins, place in drawn:
        if place != held and holders[place] != holders[held]:
            segments.append(Segment(since, begins, *holders[held]))
            since, held = begins, place
    segments.append(Segment(since, end, *holders[held]))
    return segments


def _narrowed(segments: Sequence[Segment], windows: Sequence[NarrowedWindow]) -> list[Segment]:
    """Return the segments, with freevend replaced by managed access inside the windows."""
    narrowed: list[Segment] = []
    for segment in segments:
        for part in _parts(segment, windows) if segment.mode is AccessMode.FREEVEND else (segment,):
            if narrowed and narrowed[-1][2:] == part[2:]:
                part = part._replace(start=narrowed.pop().start)
            narrowed.append(part)
    return narrowed


def _parts(segment: Segment, windows: Sequence[NarrowedWindow]) -> Iterator[Segment]:
    """Split a freevend segment at the edges of the windows."""
    since = segment.start
    for window in windows:
        begins, ends = max(window.starts_at, segment.start), min(window.ends_at, segment.end)
        if begins < ends:
            if since < begins:
                yield segment._replace(start=since, end=begins)
            yield Segment(begins, ends, AccessMode.MANAGED, window.cause)
            since = ends
    if since < segment.end:
        yield segment._replace(start=since)
