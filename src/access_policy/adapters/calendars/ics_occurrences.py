"""One occurrence of an event, and the days that it touches in the depot's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from icalendar import Event

from access_policy.adapters.calendars.ics_file import IcsInvalid, name_of, where
from access_policy.adapters.calendars.ics_values import Reading, length_of, moment_of, one_line
from access_policy.domain.mode_schedule.calendars import Holiday

_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
_USED = frozenset(
    {"UID", "SUMMARY", "STATUS", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"}
)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One occurrence of an event: its start, its length, and the reason that its days get."""

    start: date | datetime
    lasts: timedelta
    reason: str
    is_timed: bool


def occurrence_of(event: Event, reading: Reading) -> Occurrence | None:
    """Return the occurrence that the event describes, or None if it is cancelled."""
    for prop, message in event.errors:
        if prop is None or prop in _USED:
            raise IcsInvalid(
                f"{name_of(event, reading.text)} cannot be read: {prop or ''} {where(str(message), reading.text)}"
            )
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    reason = one_line(event.get("SUMMARY"))
    if not reason:
        raise IcsInvalid(f"{name_of(event, reading.text)} has no SUMMARY. Add one; it is the reason that its days get.")
    start = moment_of(event, "DTSTART", reading)
    lasts = length_of(event, start, reading)
    return Occurrence(start, lasts, reason, _is_timed(start, lasts, reading.zone))


def _is_timed(start: date | datetime, lasts: timedelta, zone: ZoneInfo) -> bool:
    """Tell whether the event is not all-day. An event from midnight to midnight in its own zone or the depot's is all-day,
    because Outlook and Exchange write all-day events like that.
    """
    if not isinstance(start, datetime):
        return False
    if start.tzinfo is None:
        return not (lasts and start.time() == time.min and lasts % _DAY == timedelta(0))
    end = start.astimezone(UTC) + lasts
    clocks = (start.tzinfo, zone)
    midnights = (start.astimezone(clock).time() == end.astimezone(clock).time() == time.min for clock in clocks)
    return not (lasts and any(midnights))


def holiday_of(day: date, occurrence: Occurrence, zone: ZoneInfo) -> Holiday:
    """Return the days in `zone` of the occurrence that begins on `day`."""
    start, lasts, reason = occurrence.start, occurrence.lasts, occurrence.reason
    if not isinstance(start, datetime):
        return Holiday(first=day, last=max(day, day + lasts - _DAY), reason=reason)
    begins = datetime.combine(day, start.time(), start.tzinfo or zone)
    if start.tzinfo is None:
        ends = (begins.replace(tzinfo=None) + lasts).replace(tzinfo=zone)
    else:
        ends = begins.astimezone(UTC) + lasts
    last = max(begins, ends - _MOMENT).astimezone(zone).date()
    return Holiday(first=begins.astimezone(zone).date(), last=last, reason=reason)
