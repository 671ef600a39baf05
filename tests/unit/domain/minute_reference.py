"""The expected mode, minute by minute, by naive reasoning about what a clock on the wall shows.

Slow, and written without the domain's arithmetic: it walks through the minutes, writes down what the wall clock shows in each,
and looks local times up in that list. It is what the timeline is compared with.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from access_policy.domain.access_mode import AccessMode
from access_policy.domain.mode_schedule.rules import Edge, ModeRule
from access_policy.domain.mode_schedule.timeline import ModePlan

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

DateTest = Callable[[date], bool]
Answer = tuple[AccessMode, str, str | None]


class WallClock:
    """What a clock in `zone` shows in each minute of some days around `[start, end)`."""

    def __init__(self, zone: ZoneInfo, start: datetime, end: datetime) -> None:
        self._minutes: list[datetime] = []
        self._shown: list[datetime] = []
        self._first: dict[datetime, datetime] = {}
        minute = start - 6 * DAY
        while minute < end + 6 * DAY:
            shown = minute.astimezone(zone).replace(tzinfo=None)
            self._first.setdefault(shown, minute)
            self._minutes.append(minute)
            self._shown.append(shown)
            minute += MINUTE

    def when_it_shows(self, local: datetime) -> datetime:
        """The first minute in which it shows `local`; if it never does, as if the change had not been made yet."""
        if local in self._first:
            return self._first[local]
        before = max(i for i in range(len(self._shown) - 1) if self._shown[i] < local < self._shown[i + 1])
        return self._minutes[before] + (local - self._shown[before])

    def covers(self, local: datetime) -> bool:
        return self._shown[0] <= local < self._shown[-1]

    def shown_dates(self) -> list[date]:
        """Each calendar day around, also one that the zone skipped."""
        first, last = self._shown[0].date(), self._shown[-1].date()
        return [first + i * DAY for i in range((last - first).days + 1)]


@lru_cache(maxsize=4)
def wall_clock(zone: str, start: datetime, end: datetime) -> WallClock:
    return WallClock(ZoneInfo(zone), start, end)


@dataclass(frozen=True)
class Reference:
    """`plan` without its recurrences: `recurs` tells for each rule whether a window starts on a date."""

    plan: ModePlan
    recurs: dict[str, DateTest]
    start: datetime
    end: datetime

    def answers(self) -> list[Answer]:
        """Mode, kind and id of the cause in each minute of `[start, end)`."""
        spans = [(rank, begin, end, answer) for rank, begin, end, answer in self._spans() if begin < end]
        spans.sort(key=lambda span: span[0])
        minutes: list[Answer] = []
        minute = self.start
        while minute < self.end:
            answer: Answer = (self.plan.baseline, "baseline", None)
            for _, begin, end, candidate in spans:
                if begin <= minute < end:
                    answer = candidate  # the highest rank comes last
            if answer[0] == "freevend" and any(each.starts_at <= minute < each.ends_at for each in self.plan.narrowed):
                answer = (AccessMode.MANAGED, "envelope", None)
            minutes.append(answer)
            minute += MINUTE
        return minutes

    def _spans(self) -> list[tuple[tuple[int, int, int, str], datetime, datetime, Answer]]:
        spans = []
        for rule in self.plan.rules.values():
            rank = (1, rule.priority, 1 if rule.mode == "managed" else 0, rule.rule_id)
            clock = wall_clock(rule.time_zone or self.plan.time_zone, self.start, self.end)
            for begin, end in self._windows(rule, clock):
                spans.append((rank, begin, end, (rule.mode, "rule", rule.rule_id)))
        clock = wall_clock(self.plan.time_zone, self.start, self.end)
        for exception in self.plan.exceptions.values():
            begin = _midnight(clock, exception.first, self.start - DAY, self.end + DAY)
            end = _midnight(clock, exception.last + DAY, self.start - DAY, self.end + DAY)
            answer = (exception.mode, "exception", exception.exception_id)
            spans.append(((2, exception.made, 0, ""), begin, end, answer))
        for window in self.plan.reservations:
            answer = (AccessMode.MANAGED, "reservation", window.reservation_id)
            spans.append(((3, 0, 0, window.reservation_id), window.starts_at, window.ends_at, answer))
        for override in self.plan.overrides.values():
            answer = (override.mode, "override", override.override_id)
            spans.append(((4, override.made, 0, ""), override.starts_at, override.ends_at, answer))
        return spans

    def _windows(self, rule: ModeRule, clock: WallClock) -> list[tuple[datetime, datetime]]:
        windows = []
        for day in clock.shown_dates():
            starts = day in rule.extra_dates or (
                day >= rule.anchor and day not in rule.except_dates and self.recurs[rule.rule_id](day)
            )
            local_start = datetime.combine(day, rule.start)
            local_end = datetime.combine(day + rule.end_day_offset * DAY, rule.end)
            if starts and clock.covers(local_start) and clock.covers(local_end):
                begin, end = clock.when_it_shows(local_start), clock.when_it_shows(local_end)
                windows.append(
                    (self._from(rule.applies_from, begin, clock), self._until(rule.applies_until, end, clock))
                )
        return windows

    def _from(self, edge: Edge | None, begin: datetime, clock: WallClock) -> datetime:
        if edge is None:
            return begin
        return max(begin, edge.at if edge.at else _midnight(clock, edge.on, self.start - DAY, self.end + DAY))

    def _until(self, edge: Edge | None, end: datetime, clock: WallClock) -> datetime:
        if edge is None:
            return end
        return min(end, edge.at if edge.at else _midnight(clock, edge.on, self.start - DAY, self.end + DAY))


def _midnight(clock: WallClock, day: date | None, before: datetime, after: datetime) -> datetime:
    """The local midnight that begins `day`; `before` or `after` if it lies beyond the clock's days."""
    assert day is not None
    local = datetime.combine(day, datetime.min.time())
    if clock.covers(local):
        return clock.when_it_shows(local)
    return before if day < clock.shown_dates()[1] else after


@lru_cache(maxsize=1)
def clock_changes(zones: tuple[str, ...], years: tuple[int, ...]) -> list[tuple[str, datetime]]:
    """Each zone's clock changes in those years, to the hour before, found by looking at the offset hour by hour."""
    changes = []
    for key in zones:
        zone = ZoneInfo(key)
        for year in years:
            days = [datetime(year, 1, 1, tzinfo=ZoneInfo("UTC")) + i * DAY for i in range(366)]
            offsets = [day.astimezone(zone).utcoffset() for day in days]
            for i in range(365):
                if offsets[i] != offsets[i + 1]:
                    hours = [days[i] + timedelta(hours=h) for h in range(25)]
                    of_hours = [hour.astimezone(zone).utcoffset() for hour in hours]
                    changes.append((key, hours[bisect_right([o != offsets[i] for o in of_hours], False) - 1]))
    return changes
