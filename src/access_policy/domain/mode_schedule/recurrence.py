"""The local dates on which a rule's windows begin: an RFC 5545 RRULE, read strictly and expanded by dateutil.

Dates are the rule's own, in its own zone; no instant and no clock change is in play here. INTERVAL and COUNT are counted
from an anchor date. Where plain dateutil departs from RFC 5545 (BYSETPOS in the first week), we hold to the RFC.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Literal

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, YEARLY, rrule, weekday

from access_policy.domain.errors import Invalid

FREQUENCIES: dict[str, Literal[0, 1, 2, 3]] = {"DAILY": DAILY, "WEEKLY": WEEKLY, "MONTHLY": MONTHLY, "YEARLY": YEARLY}
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
INTERVAL_MAX = 1_000
COUNT_MAX = 10_000
LENGTH_MAX = 500  # characters of a recurrence

_BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")


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
        last = min(end, self.until) if self.until is not None else end
        if last < first:
            return
        if self.by_set_pos and self.freq == "WEEKLY":
            anchor_week = anchor - timedelta(days=(anchor.weekday() - WEEKDAYS.index(self.week_start)) % 7)
            dates = (d for d in self._expand(anchor_week, last, count=None) if d >= anchor)
            yield from (d for d in islice(dates, self.count) if d >= first)
        else:
            begin = anchor if self.count is not None else self._rebased(anchor, first)
            yield from (d for d in self._expand(begin, last, count=self.count) if d >= first)

    def _expand(self, begin: date, last: date, *, count: int | None) -> Iterator[date]:
        rule = rrule(
            FREQUENCIES[self.freq],
            dtstart=datetime.combine(begin, time()),
            interval=self.interval,
            wkst=WEEKDAYS.index(self.week_start),
            count=count,
            until=None if count is not None else datetime.combine(last, time()),
            bysetpos=self.by_set_pos or None,
            bymonth=self.by_month or None,
            bymonthday=self.by_month_day or None,
            byweekday=[weekday(WEEKDAYS.index(day), n or None) for n, day in self.by_day] or None,
        )
        for occurrence in rule:
            if occurrence.date() > last:
                return
            yield occurrence.date()

    def _rebased(self, anchor: date, first: date) -> date:
        """A later start that yields the same dates from `first` on, so that old rules do not expand their whole past."""
        if self.freq == "DAILY":
            period = self.interval
        elif self.freq == "WEEKLY":
            period = 7 * self.interval
        else:
            return anchor  # at most a handful of dates a year
        return anchor + timedelta(days=max(0, (first - anchor).days // period) * period)


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
        if not re.fullmatch(r"[+-]?[0-9]{1,3}", item) or not 1 <= abs(int(item)) <= high or (int(item) < 0 and not signed):
            span = f"1 to {high}" + (f" or -{high} to -1" if signed else "")
            raise RecurrenceInvalid(f"{name} takes whole numbers from {span}, separated by commas.")
        numbers.append(int(item))
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
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 (a local date by contract)
    except ValueError as error:
        raise RecurrenceInvalid("UNTIL is the last local date, included, written as 20261231.") from error


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
