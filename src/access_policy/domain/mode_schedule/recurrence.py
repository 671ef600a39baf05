"""The local dates on which a rule's windows begin: an RFC 5545 RRULE, read strictly and expanded by dateutil.

Dates are the rule's own, in its own zone; no instant and no clock change is in play here. INTERVAL and COUNT count
from an anchor date. Where plain dateutil departs from RFC 5545 (BYSETPOS in the first week, BYDAY=MO,1TU), we
hold to the RFC.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import MAXYEAR, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Literal, TypedDict

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule, weekday

from access_policy.domain.errors import Invalid
from access_policy.domain.instants import YEAR_MAX

FREQUENCIES: dict[str, Literal[0, 1, 2, 3]] = {"DAILY": DAILY, "WEEKLY": WEEKLY, "MONTHLY": MONTHLY, "YEARLY": YEARLY}
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
INTERVAL_MAX = 1_000
COUNT_MAX = 10_000
LENGTH_MAX = 500  # characters of a recurrence

_LATEST = date(YEAR_MAX + 100, 12, 31)  # beyond all that is ever asked for
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
        """The dates of the recurrence in `[start, end]`, both included, ascending; none lies before `anchor`."""
        first = max(anchor, start)
        last = min(end, self.until or end, self._last_counted(anchor) or end)
        return (d for d in self._expand(anchor, first, last) if d >= first)

    def _last_counted(self, anchor: date) -> date | None:
        return None if self.count is None else _nth_date(replace(self, count=None), anchor, self.count)

    def _expand(self, anchor: date, first: date, last: date) -> Iterator[date]:
        """The dates up to `last`, from the beginning of the period (day, week, month, year) that `first` lies in: whole
        periods, so that BYSETPOS counts in each as RFC 5545 says, and a rule's past is not expanded anew each time."""
        if last < first:
            return
        begin = self._period_start(anchor, first)
        shift = self._shift(last)
        rule = rrule(
            FREQUENCIES[self.freq],
            dtstart=datetime.combine(begin.replace(year=begin.year + shift), time()),
            until=datetime.combine(last.replace(year=last.year + shift), time()),
            interval=self.interval,
            wkst=WEEKDAYS.index(self.week_start),
            **self._selection(anchor),
        )
        for occurrence in rule:
            day = occurrence.date() if not shift else date(occurrence.year - shift, occurrence.month, occurrence.day)
            if self.freq != "DAILY" or self._admits(day):
                yield day

    def _period_start(self, anchor: date, first: date) -> date:
        """The first day of the latest period, counted from the anchor's, that begins at or before `first`."""
        match self.freq:
            case "DAILY":
                return anchor + timedelta(days=(first - anchor).days // self.interval * self.interval)
            case "WEEKLY":
                week = anchor - timedelta(days=(anchor.weekday() - WEEKDAYS.index(self.week_start)) % 7)
                return week + timedelta(days=(first - week).days // (7 * self.interval) * 7 * self.interval)
            case "MONTHLY":
                month = anchor.year * 12 + anchor.month - 1
                month += (first.year * 12 + first.month - 1 - month) // self.interval * self.interval
                return date(month // 12, month % 12 + 1, 1)
            case _:
                return date(anchor.year + (first.year - anchor.year) // self.interval * self.interval, 1, 1)

    def _shift(self, last: date) -> int:
        """Years to expand later by. A search that finds nothing ends in the year 9999 only. The calendar repeats every
        400 years, weekdays included, so the search is moved as close to that end as it goes. Daily and weekly ones
        find something soon."""
        return (MAXYEAR - last.year) // 400 * 400 if self.freq in ("MONTHLY", "YEARLY") else 0

    def _selection(self, anchor: date) -> _Selection:
        """The BY… parts as dateutil takes them; where all are missing, the anchor's own day as RFC 5545 says."""
        if self.freq == "DAILY":
            return _Selection()  # every INTERVAL-th day, sifted by `_admits`: all are seen, no search is endless
        by_day = [weekday(WEEKDAYS.index(day), n or None) for n, day in self._uniform_days()]
        by_month, by_month_day = list(self.by_month), list(self.by_month_day)
        if not by_day and not by_month_day:
            if self.freq == "WEEKLY":
                by_day = [weekday(anchor.weekday())]
            else:
                by_month_day = [anchor.day]
                by_month = by_month or ([anchor.month] if self.freq == "YEARLY" else [])
        return _Selection(
            byweekday=by_day or None,
            bymonthday=by_month_day or None,
            bymonth=by_month or None,
            bysetpos=self.by_set_pos or None,
        )

    def _uniform_days(self) -> Iterator[tuple[int, str]]:
        """BYDAY with all weekdays numbered or none: a mixture such as MO,1TU means both kinds, dateutil takes it for those
        days that are of both. A plain weekday is every numbered one of its month, or of its year."""
        is_mixed = len({bool(n) for n, _ in self.by_day}) > 1
        most = 53 if self.freq == "YEARLY" and not self.by_month else 5
        for n, day in self.by_day:
            yield from ((i, day) for i in range(1, most + 1)) if is_mixed and not n else [(n, day)]

    def _admits(self, day: date) -> bool:
        """Whether a day of a daily recurrence fits its BY… parts."""
        from_end = day.day - 1 - monthrange(day.year, day.month)[1] if self.by_month_day else 0
        return (
            (not self.by_month or day.month in self.by_month)
            and (not self.by_month_day or day.day in self.by_month_day or from_end in self.by_month_day)
            and (not self.by_day or (0, WEEKDAYS[day.weekday()]) in self.by_day)
        )


class _Selection(TypedDict, total=False):
    byweekday: list[weekday] | None
    bymonthday: list[int] | None
    bymonth: list[int] | None
    bysetpos: tuple[int, ...] | None


@lru_cache(maxsize=4096)
def _nth_date(recurrence: Recurrence, anchor: date, count: int) -> date | None:
    """The `count`-th date from `anchor` on; None if it lies later than anyone asks for."""
    return next(islice(recurrence.dates(anchor, start=anchor, end=_LATEST), count - 1, None), None)


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
        raise RecurrenceInvalid(f"{name} takes a whole number from {low} to {high}.")
    return int(text)


def _numbers(text: str, name: str, high: int, *, signed: bool = True) -> tuple[int, ...]:
    if not text:
        return ()
    numbers = []
    for item in text.split(","):
        number = int(item) if re.fullmatch(r"[+-]?[0-9]{1,3}", item) else 0
        if not 1 <= abs(number) <= high or (number < 0 and not signed):
            span = f"1 to {high}" + (f" or -{high} to -1" if signed else "")
            raise RecurrenceInvalid(f"{name} takes whole numbers from {span}, separated by commas.")
        numbers.append(number)
    return tuple(numbers)


def _by_day(text: str) -> tuple[tuple[int, str], ...]:
    days = []
    for item in text.split(",") if text else ():
        match = _BYDAY.fullmatch(item)
        if not match or (match[1] is not None and not 1 <= abs(int(match[1])) <= 53):
            raise RecurrenceInvalid("BYDAY takes weekdays such as MO,TU, in monthly or yearly rules also 1MO or -1FR.")
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
        raise RecurrenceInvalid("WKST takes one weekday, such as MO.")
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
    """Found here and not by searching: dateutil looks for 30 February day by day until the year 9999."""
    months = parsed.by_month or range(1, 13)
    longest = max(29 if month == 2 else monthrange(2024, month)[1] for month in months)
    if parsed.by_month_day and min(abs(day) for day in parsed.by_month_day) > longest:
        raise RecurrenceInvalid(
            f"The rule never occurs: the months it names have at most {longest} days. Correct BYMONTHDAY or BYMONTH."
        )
    if parsed.freq == "WEEKLY" and parsed.by_set_pos and min(map(abs, parsed.by_set_pos)) > len(set(parsed.by_day)):
        raise RecurrenceInvalid("The rule never occurs: BYSETPOS is greater than the number of weekdays in BYDAY.")
