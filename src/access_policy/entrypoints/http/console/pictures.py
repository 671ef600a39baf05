"""A charger's day or week as a picture: the expected mode as a band, the applied mode as a line below it.

Lateness and drift are the gap between them. Positions are percentages of the window, so that a picture fits every width. A
night with a clock change is one hour longer or shorter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from access_policy.application.ports.views import Row
from access_policy.domain.access_mode import CauseKind
from access_policy.domain.mode_schedule.rules import local_instant
from access_policy.domain.mode_schedule.timeline import Segment
from access_policy.entrypoints.http.console import times, words

OUTLINED: Final = frozenset({CauseKind.OVERRIDE, CauseKind.RESERVATION, CauseKind.EXCEPTION, CauseKind.ENVELOPE})
MIDNIGHT: Final = time(0)
LATE: Final = timedelta(seconds=30)  # a switch later than this is mentioned in words


@dataclass(frozen=True, slots=True)
class Window:
    """The window `[start, end)`: whole local days on the clock of `zone`."""

    first: date
    days: int
    zone: ZoneInfo
    start: datetime
    end: datetime

    @classmethod
    def of(cls, first: date, days: int, zone: ZoneInfo) -> Window:
        start, end = (local_instant(day, MIDNIGHT, zone) for day in (first, first + timedelta(days=days)))
        return cls(first, days, zone, start, end)

    @property
    def before(self) -> date:
        return self.first - timedelta(days=self.days)

    @property
    def after(self) -> date:
        return self.first + timedelta(days=self.days)

    @property
    def title(self) -> str:
        """Such as `Thu 26 Nov 2026, CET`, or the first and last day of a week."""
        zone = times.zone_name(self.start, self.zone)
        if self.days == 1:
            return f"{self.first:%a} {self.first.day} {self.first:%b %Y}, {zone}"
        last = self.first + timedelta(days=self.days - 1)
        return f"{self.first:%a} {self.first.day} {self.first:%b} to {last:%a} {last.day} {last:%b %Y}, {zone}"

    def on_the_clock_of(self, zone: str) -> Window:
        """Return the same days on the clock of another zone."""
        return self if zone == self.zone.key else Window.of(self.first, self.days, ZoneInfo(zone))

    def x(self, at: datetime) -> float:
        """Return the position as a percentage of the width, with two decimals; instants outside are at the edges."""
        part = (at - self.start) / (self.end - self.start)
        return round(100 * min(max(part, 0.0), 1.0), 2)


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str
    is_day: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A span of one mode. `mode` None: unknown. `at` is an instant within it, for the explanation."""

    x: float
    width: float
    mode: str | None
    title: str
    at: datetime
    outlined: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    bands: tuple[Span, ...]
    line: tuple[Span, ...]
    now: float | None
    in_words: str


def ticks(window: Window) -> list[Tick]:
    """Return a tick every two hours of a day, or every six hours of a week; midnights are marked as days."""
    step = 2 if window.days == 1 else 12
    found = []
    for number in range(window.days):
        day = window.first + timedelta(days=number)
        for hour in range(0, 24, step):
            at = local_instant(day, time(hour), window.zone)
            label = f"{day:%a} {day.day}" if hour == 0 and window.days > 1 else f"{hour:02d}"
            found.append(Tick(window.x(at), label, hour == 0))
    return found


def clock_changes(window: Window) -> list[tuple[float, str]]:
    """Return the positions at which the clock changes within the window, each with a sentence about it."""
    found = []
    for number in range(window.days):
        before = local_instant(window.first + timedelta(days=number), MIDNIGHT, window.zone)
        after = local_instant(window.first + timedelta(days=number + 1), MIDNIGHT, window.zone)
        if after - before != times.DAY:
            at = _change_between(before, after, window.zone)
            back = after - before > times.DAY
            old, new = (times.clock(each, window.zone) for each in (at - timedelta(seconds=1), at))
            text = f"The clock goes {'back' if back else 'forward'} here, from after {old} to {new}"
            found.append((window.x(at), text))
    return found


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(minutes=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(second=0, microsecond=0)


def picture(window: Window, expected: Sequence[Segment], changes: Sequence[Row], now: datetime) -> Picture:
    """Return the picture. `expected` covers the window. `changes` are the charger's mode changes, ordered by the time
    of their request, including some before the window that tell the mode in force at its start."""
    bands = tuple(_bands(window, expected))
    line = tuple(_line(window, changes, min(now, window.end)))
    here = window.x(now) if window.start <= now < window.end else None
    applied = "; ".join(each.title for each in line) or "nothing verified in this period"
    in_words = f"Expected: {'; '.join(each.title for each in bands)}. Applied: {applied}."
    return Picture(bands, line, here, in_words)


def _bands(window: Window, expected: Sequence[Segment]) -> Iterator[Span]:
    for segment in expected:
        x, until = window.x(segment.start), window.x(segment.end)
        stretch = _stretch(segment.start, segment.end, window.zone)
        title = f"{words.mode_in_words(segment.mode)} {stretch} by {words.cause_in_words(segment.cause)}"
        at = max(segment.start, window.start)
        yield Span(x, round(until - x, 2), segment.mode, title, at, segment.cause.kind in OUTLINED)


def _line(window: Window, changes: Sequence[Row], until: datetime) -> Iterator[Span]:
    """Return the mode last verified, from one verification to the next. A request to switch to the mode already in
    force is a response to drift: from the request to its verification the charger was in the other mode."""
    for (start, mode, note), (end, _, _) in pairwise([*_verified(changes), (until, None, "")]):
        begin, finish = max(start, window.start), min(end, until)
        if begin >= finish:
            continue
        x = window.x(begin)
        stretch = _stretch(begin, finish, window.zone)
        title = f"{words.mode_in_words(mode)} {stretch}{note}"
        yield Span(x, round(window.x(finish) - x, 2), mode, title, begin)


def _verified(changes: Sequence[Row]) -> Iterator[tuple[datetime, str | None, str]]:
    in_force: str | None = None
    for row in changes:
        if row["applied_at"] is None:
            continue
        if row["mode"] == in_force and row["requested_at"] < row["applied_at"]:
            other = "managed" if in_force == "freevend" else "freevend"
            yield row["requested_at"], other, ": the charger had drifted"
        late = timedelta(seconds=row["late_s"] or 0)
        yield row["applied_at"], row["mode"], f", {times.length(late)} late" if late > LATE else ""
        in_force = row["mode"]


def _stretch(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    first, last = start.astimezone(zone), end.astimezone(zone)
    same = first.date() == last.date() or last.time() == MIDNIGHT
    pattern = "%H:%M" if same else "%a %H:%M"
    return f"{first:{pattern}} to {last:{pattern}} {times.zone_name(start, zone)}"
