"""A mode rule and its windows as instants."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from heapq import merge
from itertools import groupby, islice, pairwise
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from access_policy.domain.access_mode import AccessMode
from access_policy.domain.errors import Invalid
from access_policy.domain.ids import CalendarId, RuleId
from access_policy.domain.instants import checked_year, utc
from access_policy.domain.mode_schedule.recurrence import Recurrence

END_DAY_OFFSET_MAX = 31
PRIORITY_MAX = 1_000_000
SEARCH_YEARS = 40  # a rule without a window within this time of its anchor counts as never occurring
OVERLAP_CHECK_DATES = 1_000
DATES_MAX = 1_000  # exception dates, and extra dates
CALENDARS_MAX = 20  # of each kind

BLOCK_DAYS = 32  # local dates whose windows are computed and kept together
BLOCKS_KEPT = 8_192  # at most 5 KiB each: some 30 different rules over 400 days, or thousands over some days

_DAY = timedelta(days=1)
_YEAR = timedelta(days=366)
DatesOf = Mapping[CalendarId, Collection[date]]  # the local days of calendars

_NO_CALENDARS: DatesOf = {}
_START, _END = attrgetter("start"), attrgetter("end")


class RuleInvalid(Invalid):
    code = "mode-rule-invalid"


class RuleNeverOccurs(Invalid):
    code = "rule-never-occurs"


class RuleEndsBeforeItStarts(Invalid):
    code = "rule-ends-before-it-starts"


class RuleOverlapsItself(Invalid):
    code = "rule-overlaps-itself"


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of an applicability period: either the local midnight of a date in the rule's zone, or an instant."""

    on: date | None = None
    at: datetime | None = None

    def instant(self, zone: ZoneInfo) -> datetime:
        return self.at if self.at is not None else local_instant(self._date(), time(), zone)

    def local_date(self, zone: ZoneInfo) -> date:
        return self._date() if self.at is None else self.at.astimezone(zone).date()

    def _date(self) -> date:
        assert self.on is not None  # exactly one of the two is set
        return self.on


class Window(NamedTuple):
    """A window `[start, end)` in UTC, with the local date on which it began."""

    start: datetime
    end: datetime
    began_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeRule:
    """A recurring window in which a charger has `mode`.

    `start` and `end` are local wall-clock times in `time_zone` (None: the charger's zone); the window ends
    `end_day_offset` days after the date on which it starts. INTERVAL and COUNT count from the local date `anchor`.
    The period `[applies_from, applies_until)` truncates windows at its ends.
    """

    rule_id: RuleId
    name: str
    mode: AccessMode
    recurrence: str
    start: time
    end: time
    end_day_offset: int
    anchor: date
    # the local date on which it was made; None for rules recorded before this field existed
    made_on: date | None = None
    time_zone: str | None = None
    applies_from: Edge | None = None
    applies_until: Edge | None = None
    priority: int = 0
    except_dates: frozenset[date] = field(default_factory=frozenset)
    extra_dates: frozenset[date] = field(default_factory=frozenset)
    except_calendars: frozenset[CalendarId] = field(default_factory=frozenset)
    extra_calendars: frozenset[CalendarId] = field(default_factory=frozenset)

    @property
    def calendars(self) -> frozenset[CalendarId]:
        return self.except_calendars | self.extra_calendars

    def on_days_of(self, calendars: DatesOf) -> ModeRule:
        """Return the rule with the days of its calendars as dates. Its own dates take precedence over those of calendars;
        otherwise an extra day takes precedence over an exception.
        """
        if not self.calendars:
            return self
        except_days = frozenset[date]().union(*(calendars[each] for each in self.except_calendars))
        extra_days = frozenset[date]().union(*(calendars[each] for each in self.extra_calendars))
        return replace(
            self,
            except_dates=self.except_dates | except_days,
            extra_dates=self.extra_dates | (extra_days - self.except_dates),
            except_calendars=frozenset(),
            extra_calendars=frozenset(),
        )

    def windows(self, zone: ZoneInfo, start: datetime, end: datetime) -> list[Window]:
        """Return the windows that overlap `[start, end)`, ordered by start; instants are UTC. A window that a clock change
        leaves without any real time is omitted.
        """
        opens, closes = self._period(zone)
        earliest, latest = max(start, opens or start), min(end, closes or end)
        if latest <= earliest:
            return []
        found = self._begun(zone, *self._dates_around(zone, earliest, latest))
        found = found[bisect_right(found, earliest, key=_END) : bisect_left(found, latest, key=_START)]
        if opens is not None and found and found[0].start < opens:
            found = [w if w.start >= opens else w._replace(start=opens) for w in found]
        if closes is not None and found and found[-1].end > closes:
            found = [w if w.end <= closes else w._replace(end=closes) for w in found]
        return found

    def _period(self, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
        opens = self.applies_from.instant(zone) if self.applies_from else None
        closes = self.applies_until.instant(zone) if self.applies_until else None
        return opens, closes

    def _dates_around(self, zone: ZoneInfo, earliest: datetime, latest: datetime) -> tuple[date, date]:
        """Return the first and the last date on which a window that overlaps `[earliest, latest)` can begin."""
        first = earliest.astimezone(zone).date() - timedelta(days=self.end_day_offset) - _DAY
        return first, latest.astimezone(zone).date() + _DAY

    def _begun(self, zone: ZoneInfo, first: date, last: date) -> list[Window]:
        """Return at least the untruncated windows that begin on the dates in `[first, last]`, ordered by start and by end."""
        found: list[Window] = []
        for block in range(first.toordinal() // BLOCK_DAYS, last.toordinal() // BLOCK_DAYS + 1):
            found += _windows(self.recurrence, self.anchor, self.start, self.end, self.end_day_offset, zone, block)
        if self.except_dates:
            found = [w for w in found if w.began_on not in self.except_dates]
        if self.extra_dates:
            known = {w.began_on for w in found}
            extra = (d for d in self.extra_dates if first <= d <= last and d not in known)
            found += filter(None, (_window(d, self.start, self.end, self.end_day_offset, zone) for d in extra))
            found.sort()
        return found

    def dates(self, first: date, last: date) -> Iterator[date]:
        """Return the local dates in `[first, last]` on which a window starts, ascending."""
        recurring = parsed(self.recurrence).dates(self.anchor, start=first, end=last)
        if self.except_dates:
            recurring = (d for d in recurring if d not in self.except_dates)
        if not self.extra_dates:
            return recurring
        extra = sorted(d for d in self.extra_dates if first <= d <= last)
        return (d for d, _ in groupby(merge(recurring, extra)))

    def check(self, zone: ZoneInfo, calendars: DatesOf = _NO_CALENDARS) -> None:
        """Raise an error for a rule that cannot mean what its author intended: one that ends before it starts,
        overlaps itself, never occurs, or has extra dates outside its period; or one with a number, date or instant
        outside the supported range. `calendars` contains every calendar that the rule names.
        """
        recurrence = parsed(self.recurrence)
        self._check_limits()
        self._check_times()
        self._check_can_occur(recurrence)
        self._check_period(zone)
        self._check_extra_dates(zone)
        self._check_extra_calendars(zone, calendars)
        resolved = self.on_days_of(calendars)
        resolved._check_occurs(zone)
        resolved._check_overlap()

    def occurs_after(self, now: datetime, zone: ZoneInfo, calendars: DatesOf = _NO_CALENDARS) -> bool:
        """Whether a window is open now or opens later; false for a rule that is entirely in the past."""
        resolved = self.on_days_of(calendars)
        begin = max(now, resolved._search_begin())
        return resolved._has_window(zone, begin, begin + SEARCH_YEARS * _YEAR)

    def _check_limits(self) -> None:
        if not 0 <= self.end_day_offset <= END_DAY_OFFSET_MAX:
            raise RuleInvalid(
                f"end_day_offset must be a number of days from 0 to {END_DAY_OFFSET_MAX}.", pointer="/end_day_offset"
            )
        if abs(self.priority) > PRIORITY_MAX:
            raise RuleInvalid(
                f"priority must be a whole number from -{PRIORITY_MAX} to {PRIORITY_MAX}.", pointer="/priority"
            )
        for name, named in (("except_calendars", self.except_calendars), ("extra_calendars", self.extra_calendars)):
            if len(named) > CALENDARS_MAX:
                raise RuleInvalid(
                    f"{name} can name at most {CALENDARS_MAX} calendars; remove some.", pointer=f"/{name}"
                )
        for name, dates in (("except_dates", self.except_dates), ("extra_dates", self.extra_dates)):
            if len(dates) > DATES_MAX:
                raise RuleInvalid(f"{name} can have at most {DATES_MAX} dates; remove some.", pointer=f"/{name}")
            for day in dates:
                checked_year(day.year, name)
        checked_year(self.anchor.year, "applies_from")
        for name, edge in (("applies_from", self.applies_from), ("applies_until", self.applies_until)):
            if edge is not None and edge.at is not None:
                utc(edge.at, name)
            elif edge is not None and edge.on is not None:
                checked_year(edge.on.year, name)

    def _check_times(self) -> None:
        if self.end_day_offset == 0 and self.end <= self.start:
            raise RuleEndsBeforeItStarts(
                f"The window would end at {self.end:%H:%M} before it starts at {self.start:%H:%M}; "
                "leave out end_day_offset to end on the next day.",
                pointer="/end",
            )

    def _check_can_occur(self, recurrence: Recurrence) -> None:
        """Raise an error if the recurrence never occurs, even if there are extra dates: its author intended it to occur."""
        if not recurrence.can_occur(self.anchor):
            raise RuleNeverOccurs(
                "The recurrence never occurs: no month or year has a day that all its BY… parts select. Correct "
                "BYDAY, BYMONTHDAY, BYMONTH or BYSETPOS.",
                pointer="/recurrence",
            )

    def _check_period(self, zone: ZoneInfo) -> None:
        if self.applies_from is None or self.applies_until is None:
            return
        if self.applies_until.instant(zone) <= self.applies_from.instant(zone):
            raise RuleEndsBeforeItStarts(
                "The rule would end before it begins; give a later applies_until (the rule ends before that date).",
                pointer="/applies_until",
            )

    def _check_extra_dates(self, zone: ZoneInfo) -> None:
        for extra in sorted(self.extra_dates):
            if not self._lies_in_period(extra, zone):
                raise RuleNeverOccurs(
                    f"The extra date {extra} is outside the period in which the rule applies and would be lost; "
                    "widen the period or leave the date out.",
                    pointer="/extra_dates",
                )

    def _check_extra_calendars(self, zone: ZoneInfo, calendars: DatesOf) -> None:
        for calendar_id in sorted(self.extra_calendars):
            if not any(self._lies_in_period(day, zone) for day in calendars[calendar_id]):
                raise RuleNeverOccurs(
                    f"No day of calendar {calendar_id} is in the period in which the rule applies: all would be lost; "
                    "widen the period or leave the calendar out.",
                    pointer="/extra_calendars",
                )

    def _lies_in_period(self, extra: date, zone: ZoneInfo) -> bool:
        ends = local_instant(extra + timedelta(days=self.end_day_offset), self.end, zone)
        starts = local_instant(extra, self.start, zone)
        return (self.applies_from is None or ends > self.applies_from.instant(zone)) and (
            self.applies_until is None or starts < self.applies_until.instant(zone)
        )

    def _check_occurs(self, zone: ZoneInfo) -> None:
        horizon = datetime.combine(self._search_end(), time(), UTC)
        if not self._has_window(zone, self._search_begin(), horizon):
            raise RuleNeverOccurs(
                "The rule never occurs: its recurrence, period and exception dates leave no window "
                f"within {SEARCH_YEARS} years of {self.anchor}. Correct the recurrence or the period.",
                pointer="/recurrence",
            )

    def _has_window(self, zone: ZoneInfo, begin: datetime, horizon: datetime) -> bool:
        """Whether a date has a window in `[begin, horizon)` and in the applicability period; iterates over the dates once."""
        opens, closes = self._period(zone)
        earliest, latest = max(begin, opens or begin), min(horizon, closes or horizon)
        if latest <= earliest:
            return False
        dates = self.dates(*self._dates_around(zone, earliest, latest))
        windows = (_window(day, self.start, self.end, self.end_day_offset, zone) for day in dates)
        return any(each is not None and each.end > earliest and each.start < latest for each in windows)

    def _check_overlap(self) -> None:
        begin = min({self.anchor, *self.extra_dates})
        self._must_not_overlap(islice(self.dates(begin, self._search_end()), OVERLAP_CHECK_DATES))
        reach = timedelta(days=self.end_day_offset + 1)
        for first, last in _stretches(self.extra_dates):
            self._must_not_overlap(self.dates(first - reach, last + reach))

    def _must_not_overlap(self, dates: Iterator[date]) -> None:
        length = timedelta(days=self.end_day_offset) + (_since_midnight(self.end) - _since_midnight(self.start))
        for began_on, following in pairwise(dates):
            if following - began_on < length:
                raise RuleOverlapsItself(
                    f"The window that starts on {began_on} is still open when the next one starts on {following}; "
                    "shorten the window or let it start less often.",
                    pointer="/end_day_offset",
                )

    def _search_begin(self) -> datetime:
        return datetime.combine(min({self.anchor, *self.extra_dates}), time(), UTC) - timedelta(days=2)

    def _search_end(self) -> date:
        return date(self.anchor.year + SEARCH_YEARS, self.anchor.month, min(self.anchor.day, 28))


def local_instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which `zone` shows `day clock` (RFC 5545, 3.3.5). A time that a clock change skips is read
    with the offset before the gap; a time that occurs twice means its first occurrence.
    """
    return datetime.combine(day, clock, zone).astimezone(UTC)  # fold=0 means exactly these two readings (PEP 495)


@lru_cache(maxsize=BLOCKS_KEPT)
def _windows(
    recurrence: str, anchor: date, start: time, end: time, end_day_offset: int, zone: ZoneInfo, block: int
) -> tuple[Window, ...]:
    """Return the windows that start in one block of local dates. Equal rules share them, whatever charger they belong to."""
    first = date.fromordinal(block * BLOCK_DAYS)
    dates = parsed(recurrence).dates(anchor, start=first, end=first + timedelta(days=BLOCK_DAYS - 1))
    return tuple(filter(None, (_window(day, start, end, end_day_offset, zone) for day in dates)))


def _window(began_on: date, start: time, end: time, end_day_offset: int, zone: ZoneInfo) -> Window | None:
    """Return the window of one date; None if a clock change leaves it without any real time."""
    begins = local_instant(began_on, start, zone)
    ends = local_instant(began_on + timedelta(days=end_day_offset), end, zone)
    return Window(begins, ends, began_on) if begins < ends else None


@lru_cache(maxsize=4096)
def parsed(recurrence: str) -> Recurrence:
    return Recurrence.parse(recurrence)


def _stretches(days: Collection[date]) -> Iterator[tuple[date, date]]:
    """Yield the first and last day of each run of days that are at most a year apart; a run is expanded together."""
    ascending = sorted(days)
    ends = [index for index, (day, following) in enumerate(pairwise(ascending)) if following - day > _YEAR]
    for begin, end in pairwise([-1, *ends, len(ascending) - 1]):
        if end > begin:
            yield ascending[begin + 1], ascending[end]


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second)
