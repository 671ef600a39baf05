"""A holiday calendar: named local days, each with its reason."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from access_policy.domain.errors import Invalid
from access_policy.domain.ids import CalendarId, checked_id, checked_name
from access_policy.domain.instants import checked_year

ENTRIES_MAX = 1_000
DATES_MAX = 4_000  # of one calendar, over all its entries


class CalendarInvalid(Invalid):
    code = "holiday-calendar-invalid"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Holiday:
    """Local days `first` to `last`, both included."""

    first: date
    last: date
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayCalendar:
    """A calendar of a depot, shared by its chargers (ADR 0013). `days` are in ascending order (see `of`); if two entries
    contain a day, the first counts.
    """

    calendar_id: CalendarId
    name: str
    days: tuple[Holiday, ...]

    @staticmethod
    def of(calendar_id: CalendarId, name: str, days: Collection[Holiday]) -> HolidayCalendar:
        """Make a calendar. Raises `CalendarInvalid`, `InvalidId`, `InvalidName` or `InstantOutOfRange`."""
        checked_id(calendar_id, "calendar_id")
        checked_name(name)
        if not 1 <= len(days) <= ENTRIES_MAX:
            raise CalendarInvalid(
                f"A calendar must have 1 to {ENTRIES_MAX} entries; this one has {len(days)}.", pointer="/days"
            )
        for index, day in enumerate(days):
            _check(day, f"days/{index}/")
        calendar = HolidayCalendar(calendar_id=calendar_id, name=name, days=tuple(sorted(set(days))))
        if (count := sum((day.last - day.first).days + 1 for day in calendar.days)) > DATES_MAX:
            raise CalendarInvalid(f"A calendar has at most {DATES_MAX} days, this one {count}.", pointer="/days")
        return calendar

    def with_day(self, day: Holiday) -> HolidayCalendar:
        """Return the calendar with one more entry, or the calendar itself if it has this entry. Raises the errors of `of`,
        with pointers into the entry.
        """
        if day in self.days:
            return self
        _check(day)
        return HolidayCalendar.of(self.calendar_id, self.name, (*self.days, day))

    def reasons(self, first: date = date.min, last: date = date.max) -> Mapping[date, str]:
        """Return the reason of each holiday in `[first, last]`, both inclusive."""
        reasons: dict[date, str] = {}
        for each in self.days:
            if each.first > last:
                break
            if each.last < first:
                continue
            begin, end = max(each.first, first), min(each.last, last)
            for offset in range((end - begin).days + 1):
                reasons.setdefault(begin + timedelta(days=offset), each.reason)
        return reasons


def _check(day: Holiday, within: str = "") -> None:
    checked_year(day.first.year, f"{within}date")
    checked_year(day.last.year, f"{within}until_date")
    if day.last < day.first:
        raise CalendarInvalid(
            f"{day.reason!r} would end on {day.last}, before it starts on {day.first}.",
            pointer=f"/{within.removesuffix('/') or 'until_date'}",
        )
    checked_name(day.reason, f"{within}reason")


@lru_cache(maxsize=256)
def shared(calendar: HolidayCalendar) -> HolidayCalendar:
    """Return `calendar` or an equal object, so that the chargers of a depot share one object in memory."""
    return calendar
