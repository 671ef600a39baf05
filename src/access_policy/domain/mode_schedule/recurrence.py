"""The local dates on which a rule's windows begin: an RFC 5545 RRULE, read strictly and expanded by dateutil.

Dates are local dates in the rule's zone; instants and clock changes do not matter here. INTERVAL and COUNT count from an
anchor date. Where dateutil deviates from RFC 5545 (BYSETPOS in the first week, BYDAY=MO,1TU), this module follows the RFC.
"""

from __future__ import annotations

import re
from calendar import isleap, monthrange
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Literal

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule, weekday

from access_policy.domain.errors import Invalid

FREQUENCIES: dict[str, Literal[0, 1, 2, 3]] = {"DAILY": DAILY, "WEEKLY": WEEKLY, "MONTHLY": MONTHLY, "YEARLY": YEARLY}
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
INTERVAL_MAX = 1_000
COUNT_MAX = 10_000
LENGTH_MAX = 500  # characters of a recurrence

_BYDAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")


class RecurrenceInvalid(Invalid):
    """The recurrence is not an RRULE of the kind that schedules use."""

    code = "recurrence-invalid"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, pointer="/recurrence")


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A parsed RRULE. `until` is the last local date, included; `count` counts dates from the anchor."""

    freq: str
    interval: int = 1
    by_day: tuple[tuple[int, str], ...] = ()  # (ordinal or 0, weekday)
    by_month_day: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    count: int | None = None
    until: date | None = None
    week_start: str = "MO"

    @staticmethod
    def parse(text: str) -> Recurrence:
        """Read an RRULE value such as `FREQ=WEEKLY;BYDAY=MO,TU`. Raises `RecurrenceInvalid`."""
        parts = _parts(text)
        freq = parts.pop("FREQ", None)
        if freq not in FREQUENCIES:
            raise RecurrenceInvalid("A recurrence needs FREQ=DAILY, WEEKLY, MONTHLY or YEARLY.")
        parsed = Recurrence(
            freq=freq,
            interval=_number(parts.pop("INTERVAL", "1"), "INTERVAL", 1, INTERVAL_MAX),
            by_day=_by_day(parts.pop("BYDAY", "")),
            by_month_day=_numbers(parts.pop("BYMONTHDAY", ""), "BYMONTHDAY", 31),
            by_month=_numbers(parts.pop("BYMONTH", ""), "BYMONTH", 12, signed=False),
            by_set_pos=_numbers(parts.pop("BYSETPOS", ""), "BYSETPOS", 366),
            count=_number(parts.pop("COUNT"), "COUNT", 1, COUNT_MAX) if "COUNT" in parts else None,
            until=_until(parts.pop("UNTIL")) if "UNTIL" in parts else None,
            week_start=_week_start(parts.pop("WKST", "MO")),
        )
        if parts:
            raise RecurrenceInvalid(f"{next(iter(parts))[:32]} is not supported in a recurrence; leave it out.")
        _refuse_combinations(parsed)
        return parsed

    def dates(self, anchor: date, *, start: date, end: date) -> Iterator[date]:
        """Return the dates of the recurrence in `[start, end]` (both inclusive), ascending; no date is before `anchor`.

        The cost is proportional to the number of periods (months, weeks, years) in the range, whether or not they have
        dates.
        """
        last = min(end, self.until or end)
        if self.count is not None and (last - anchor).days >= self.count:
            last = min(last, _nth_date(self, anchor, self.count, date(last.year // 10 * 10 + 9, 12, 31)) or last)
        first, final = max(anchor, start).toordinal(), last.toordinal()
        for begin, days in self._periods(anchor, date.fromordinal(first), last):
            for day in days:
                if first <= begin + day <= final:
                    yield date.fromordinal(begin + day)

    def can_occur(self, anchor: date) -> bool:
        """True if any month, week or year has a date of the recurrence, regardless of INTERVAL, COUNT and UNTIL.

        Only 28 kinds of month (by first weekday and length) and 14 kinds of year exist: no search is needed.
        """
        if self.freq == "WEEKLY":
            return True  # each week has each weekday, and `parse` refuses a BYSETPOS beyond them
        select = self._selector(anchor)
        return any(select.days(begin) for begin in (_YEARS if self.freq == "YEARLY" else _MONTHS))

    def _periods(self, anchor: date, first: date, last: date) -> Iterator[tuple[int, Sequence[int]]]:
        """Yield the first day (its ordinal) of each period that overlaps `[first, last]`, and the days selected in the
        period, counted from its first day. Periods are always whole, so that BYSETPOS counts as RFC 5545 says; a rule's
        past is not expanded.
        """
        select = self._selector(anchor)
        begin = self._period_start(anchor, first)
        while begin <= last:
            days: Sequence[int] = select.days(begin)
            ordinal = begin.toordinal()
            if self.freq == "DAILY" and self.interval > 1:
                days = [day for day in days if (ordinal + day - anchor.toordinal()) % self.interval == 0]
            yield ordinal, days
            following = self._following(begin)
            if following is None:
                return
            begin = following

    def _period_start(self, anchor: date, first: date) -> date:
        """Return the first day of the latest period that begins at or before `first`, counting periods from the anchor's.
        The periods of a daily recurrence are months.
        """
        match self.freq:
            case "DAILY":
                return first.replace(day=1)
            case "WEEKLY":
                week = anchor - timedelta(days=(anchor.weekday() - WEEKDAYS.index(self.week_start)) % 7)
                return week + timedelta(days=(first - week).days // (7 * self.interval) * 7 * self.interval)
            case "MONTHLY":
                month = anchor.year * 12 + anchor.month - 1
                month += (first.year * 12 + first.month - 1 - month) // self.interval * self.interval
                return date(month // 12, month % 12 + 1, 1)
            case _:
                return date(anchor.year + (first.year - anchor.year) // self.interval * self.interval, 1, 1)

    def _following(self, begin: date) -> date | None:
        """Return the first day of the period after the one that starts on `begin`; None past the end of the calendar."""
        if self.freq == "WEEKLY":
            return _after(begin, 7 * self.interval)
        months = {"DAILY": 1, "MONTHLY": self.interval}.get(self.freq, 12 * self.interval)
        month = begin.year * 12 + begin.month - 1 + months
        return date(month // 12, month % 12 + 1, 1) if month // 12 <= MAXYEAR else None

    def _selector(self, anchor: date) -> _Selector:
        """Return the selector for the BY… parts in a period; without any, it selects the anchor's own day (RFC 5545)."""
        by_day, by_month, by_month_day = tuple(self._uniform_days()), self.by_month, self.by_month_day
        if not by_day and not by_month_day:
            match self.freq:
                case "DAILY":
                    by_day = tuple((0, day) for day in WEEKDAYS)
                case "WEEKLY":
                    by_day = ((0, WEEKDAYS[anchor.weekday()]),)
                case "MONTHLY":
                    by_month_day = (anchor.day,)
                case _:
                    by_month_day, by_month = (anchor.day,), by_month or (anchor.month,)
        freq = "MONTHLY" if self.freq == "DAILY" else self.freq
        return _selector(freq, by_day, by_month_day, by_month, self.by_set_pos, self.week_start)

    def _uniform_days(self) -> Iterator[tuple[int, str]]:
        """Rewrite BYDAY so that all weekdays are numbered, or none. A mixture such as MO,1TU means the union of both
        kinds, but dateutil intersects them. A plain weekday becomes every numbered occurrence in its month or year.
        """
        is_mixed = len({bool(n) for n, _ in self.by_day}) > 1
        most = 53 if self.freq == "YEARLY" and not self.by_month else 5
        for n, day in self.by_day:
            yield from ((i, day) for i in range(1, most + 1)) if is_mixed and not n else [(n, day)]


class _Selector:
    """The days that dateutil selects in one month, week or year. Periods of the same shape (length and first weekday) have
    the same days, so one dateutil call per shape is enough. A search never leaves its period, because a dateutil search
    without a match continues to the year 9999.
    """

    def __init__(self, freq: str, by_month: tuple[int, ...], **selection: object) -> None:
        self._freq, self._by_month, self._selection = freq, frozenset(by_month), selection
        self._known: dict[Hashable, tuple[int, ...]] = {}

    def days(self, begin: date) -> tuple[int, ...]:
        """Return the selected days of the period that begins on `begin`, counted from it, ascending."""
        shape = self._shape(begin)
        if shape is None:
            return ()
        days = self._known.get(shape)
        if days is None:
            days = self._known[shape] = self._expanded(begin)
        return days

    def _shape(self, begin: date) -> Hashable | None:
        """Return the shape of the period; None if BYMONTH names no month in it."""
        if self._freq == "YEARLY":
            return begin.weekday(), isleap(begin.year)
        length = monthrange(begin.year, begin.month)[1]
        if self._freq == "MONTHLY":
            return None if self._by_month and begin.month not in self._by_month else (begin.weekday(), length)
        if not self._by_month:
            return ()
        return begin.month in self._by_month, begin.month % 12 + 1 in self._by_month, min(length - begin.day, 6)

    def _expanded(self, begin: date) -> tuple[int, ...]:
        # An interval that leads beyond the calendar ends dateutil's search after one period. For weeks dateutil would
        # walk there month by month; a search for the next week with a date ends within a year.
        expanded = rrule(
            FREQUENCIES[self._freq],
            dtstart=datetime.combine(begin, time()),
            interval=1 if self._freq == "WEEKLY" else 12 * MAXYEAR,
            bymonth=sorted(self._by_month) or None,
            **self._selection,  # type: ignore[arg-type]
        )
        if self._freq == "WEEKLY":
            week_end = datetime.combine(begin + timedelta(days=6), time())
            return tuple((day.date() - begin).days for day in takewhile(lambda day: day <= week_end, expanded))
        return tuple((day.date() - begin).days for day in expanded)


@lru_cache(maxsize=512)
def _selector(
    freq: str,
    by_day: tuple[tuple[int, str], ...],
    by_month_day: tuple[int, ...],
    by_month: tuple[int, ...],
    by_set_pos: tuple[int, ...],
    week_start: str,
) -> _Selector:
    return _Selector(
        freq,
        by_month,
        byweekday=[weekday(WEEKDAYS.index(day), n or None) for n, day in by_day] or None,
        bymonthday=by_month_day or None,
        bysetpos=by_set_pos or None,
        wkst=WEEKDAYS.index(week_start),
    )


# Every shape of year and of month occurs within 28 years.
_YEARS = tuple(date(year, 1, 1) for year in range(2001, 2029))
_MONTHS = tuple(date(year, month, 1) for year in range(2001, 2029) for month in range(1, 13))


def _after(day: date, days: int) -> date | None:
    return day + timedelta(days=days) if days <= (date.max - day).days else None


@lru_cache(maxsize=4096)
def _nth_date(recurrence: Recurrence, anchor: date, count: int, horizon: date) -> date | None:
    """Return the `count`-th date counting from `anchor`; None if it is after `horizon`. Counts whole periods at a time."""
    left, first = count, anchor.toordinal()
    for begin, days in recurrence._periods(anchor, anchor, horizon):
        counted = days if begin >= first else [day for day in days if begin + day >= first]
        if len(counted) >= left:
            return date.fromordinal(begin + counted[left - 1])
        left -= len(counted)
    return None


def _parts(text: str) -> dict[str, str]:
    compact = text.strip().upper().removeprefix("RRULE:")
    if not compact or len(compact) > LENGTH_MAX:
        raise RecurrenceInvalid(f"A recurrence has 1 to {LENGTH_MAX} characters, such as FREQ=WEEKLY;BYDAY=MO,TU.")
    parts: dict[str, str] = {}
    for part in compact.rstrip(";").split(";"):
        name, separator, value = part.partition("=")
        if not separator or not value or not name:
            raise RecurrenceInvalid(f"{part[:32]!r} is not NAME=VALUE; write for example FREQ=WEEKLY;BYDAY=MO,TU.")
        if name in parts:
            raise RecurrenceInvalid(f"{name[:32]} is given twice; give it once.")
        parts[name] = value
    return parts


def _number(text: str, name: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or not low <= int(text) <= high:
        raise RecurrenceInvalid(f"{name} must be a whole number from {low} to {high}.")
    return int(text)


def _numbers(text: str, name: str, high: int, *, signed: bool = True) -> tuple[int, ...]:
    if not text:
        return ()
    numbers = []
    for item in text.split(","):
        number = int(item) if re.fullmatch(r"[+-]?[0-9]{1,3}", item) else 0
        if not 1 <= abs(number) <= high or (number < 0 and not signed):
            span = f"1 to {high}" + (f" or -{high} to -1" if signed else "")
            raise RecurrenceInvalid(f"{name} must be one or more whole numbers from {span}, separated by commas.")
        numbers.append(number)
    return tuple(numbers)


def _by_day(text: str) -> tuple[tuple[int, str], ...]:
    days = []
    for item in text.split(",") if text else ():
        match = _BYDAY.fullmatch(item)
        if not match or (match[1] is not None and not 1 <= abs(int(match[1])) <= 53):
            raise RecurrenceInvalid(
                "BYDAY must be weekdays such as MO,TU; a monthly or yearly rule can also have 1MO or -1FR."
            )
        days.append((int(match[1] or 0), match[2]))
    return tuple(days)


def _until(text: str) -> date:
    try:
        if re.fullmatch(r"[0-9]{8}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass  # eight digits, but no date
    raise RecurrenceInvalid("UNTIL is the last local date, included, written as 20261231.")


def _week_start(text: str) -> str:
    if text not in WEEKDAYS:
        raise RecurrenceInvalid("WKST must be one weekday, such as MO.")
    return text


def _refuse_combinations(parsed: Recurrence) -> None:
    if parsed.count is not None and parsed.until is not None:
        raise RecurrenceInvalid("COUNT and UNTIL cannot be given together; give one of them.")
    if any(n for n, _ in parsed.by_day) and parsed.freq in ("DAILY", "WEEKLY"):
        raise RecurrenceInvalid("Numbered weekdays such as 1MO go with FREQ=MONTHLY or FREQ=YEARLY only.")
    if parsed.by_month_day and parsed.freq == "WEEKLY":
        raise RecurrenceInvalid("BYMONTHDAY does not go with FREQ=WEEKLY; use FREQ=MONTHLY.")
    if parsed.by_set_pos and not (parsed.by_day or parsed.by_month_day or parsed.by_month):
        raise RecurrenceInvalid("BYSETPOS picks from other BY… parts; give BYDAY or BYMONTHDAY as well.")
    if parsed.by_set_pos and parsed.freq == "DAILY":
        raise RecurrenceInvalid("BYSETPOS does not go with FREQ=DAILY, where every set has one date; leave it out.")
    if parsed.by_set_pos and parsed.freq == "WEEKLY" and not parsed.by_day:
        raise RecurrenceInvalid("BYSETPOS with FREQ=WEEKLY picks from weekdays; give BYDAY as well.")
    _refuse_impossible_days(parsed)


def _refuse_impossible_days(parsed: Recurrence) -> None:
    """Raise `RecurrenceInvalid` for days that no month has. dateutil would search for 30 February day by day until the
    year 9999.
    """
    months = parsed.by_month or range(1, 13)
    longest = max(29 if month == 2 else monthrange(2024, month)[1] for month in months)
    if parsed.by_month_day and min(abs(day) for day in parsed.by_month_day) > longest:
        raise RecurrenceInvalid(
            f"The rule never occurs: the months it names have at most {longest} days. Correct BYMONTHDAY or BYMONTH."
        )
    if parsed.freq == "WEEKLY" and parsed.by_set_pos and min(map(abs, parsed.by_set_pos)) > len(set(parsed.by_day)):
        raise RecurrenceInvalid("The rule never occurs: BYSETPOS is greater than the number of weekdays in BYDAY.")
