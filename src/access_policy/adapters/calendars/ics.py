"""Holiday calendars from .ics files (RFC 5545), read by the package `icalendar`.

A day is a holiday if an all-day event touches it in the depot's time zone; the event's SUMMARY is the reason. An event is
all-day if it has dates, or if it begins and ends at midnight by its own clock or the depot's; other events are timed, and the
result lists them. Recurring events are expanded over the given years by the same reader as the recurrences of mode rules. Zone
rules come from the pinned `tzdata` (ADR 0004); a zone that it does not have is read from the file's own VTIMEZONE.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from icalendar import Event

from access_policy.adapters.calendars.ics_file import IcsInvalid, name_of, parsed, text_of
from access_policy.adapters.calendars.ics_occurrences import Occurrence
from access_policy.adapters.calendars.ics_series import days_of, reaches_on
from access_policy.adapters.calendars.ics_values import Reading, one_line
from access_policy.adapters.calendars.zones import defined_zones
from access_policy.domain.ids import NAME_LENGTH_MAX
from access_policy.domain.instants import YEAR_MAX, YEAR_MIN
from access_policy.domain.mode_schedule.calendars import ENTRIES_MAX, Holiday

TIMED_NAMED_MAX = 100
YEARS_MAX = 10  # in one import


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event with times, such as 08:00 to 17:00. `starts_at` is its DTSTART in the depot's zone."""

    uid: str
    summary: str
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class IcsCalendar:
    """`name` is the value of X-WR-CALNAME, if present. `left_out` counts the events without a day in the requested years.
    `timed` lists the first events with times, whose days are in `days` only on request.
    """

    name: str | None
    days: tuple[Holiday, ...]
    left_out: int
    timed: tuple[TimedEvent, ...] = ()


def read_ics(
    content: bytes, zone: ZoneInfo, first_year: int, last_year: int, *, with_timed: bool = False
) -> IcsCalendar:
    """Read the days of all-day events in the years `first_year` to `last_year`, both included. With `with_timed`, also read the
    days of events with times. Raises `IcsInvalid`.
    """
    if not YEAR_MIN <= first_year <= last_year <= YEAR_MAX or last_year - first_year >= YEARS_MAX:
        raise IcsInvalid(
            f"years must be 1 to {YEARS_MAX} years, such as 2026-2028, from {YEAR_MIN} to {YEAR_MAX}.", pointer="/years"
        )
    text = text_of(content)
    calendar = parsed(text)
    events = [event for event in calendar.walk("VEVENT") if isinstance(event, Event)]
    reading = Reading(text, zone, first_year, last_year, defined_zones(text), {})
    series: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        if "RECURRENCE-ID" in event:
            series[str(event.get("UID"))].append(event)
    whole = {str(event.get("UID")) for event in events if "RECURRENCE-ID" not in event}
    days: list[Holiday] = []
    timed: list[TimedEvent] = []
    left_out = 0
    for event in events:
        uid = str(event.get("UID"))
        is_change = "RECURRENCE-ID" in event
        if is_change and uid in whole and reaches_on(event, reading):
            continue  # read with its series
        read = days_of(event, reading, () if is_change else series.get(uid, ()))
        found = [holiday for occurrence, holiday in read if with_timed or not occurrence.is_timed]
        timed += _timed(event, read, reading)
        left_out += not read
        days += found
        if len(days) > ENTRIES_MAX:
            raise IcsInvalid(
                f"{name_of(event, text)} takes the calendar beyond {ENTRIES_MAX} entries; ask for fewer years, or "
                "enter so frequent a recurrence as a mode rule."
            )
    if timed and not days:
        raise IcsInvalid(
            f"The file has no all-day event in these years; {timed[0].summary!r} and other events have times. To import each "
            "of them as whole days, send timed=true.",
            pointer="/timed",
        )
    name = one_line(calendar.get("X-WR-CALNAME"))
    return IcsCalendar(name, tuple(days), left_out, tuple(timed[:TIMED_NAMED_MAX]))


def _timed(event: Event, read: Sequence[tuple[Occurrence, Holiday]], reading: Reading) -> list[TimedEvent]:
    occurrence = next((each for each, _ in read if each.is_timed), None)
    if occurrence is None or not isinstance(occurrence.start, datetime):
        return []
    start = occurrence.start
    at = start.replace(tzinfo=reading.zone) if start.tzinfo is None else start.astimezone(reading.zone)
    return [TimedEvent(str(event.get("UID") or "")[:NAME_LENGTH_MAX], occurrence.reason, at)]
