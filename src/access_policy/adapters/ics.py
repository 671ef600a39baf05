"""Holiday calendars from .ics files (RFC 5545), read by the package `icalendar`.

A day is a holiday if an event touches it in the depot's time zone; the event's SUMMARY is the reason. Recurring events are
expanded over given years, by the same reader as the recurrences of mode rules. Definitions of time zones in the file are not
read: zone rules come from the pinned `tzdata` alone (ADR 0004).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from icalendar.error import BrokenCalendarProperty

from access_policy.domain.errors import Invalid, Refused
from access_policy.domain.ids import NAME_LENGTH_MAX
from access_policy.domain.instants import YEAR_MAX, YEAR_MIN
from access_policy.domain.mode_schedule.calendars import ENTRIES_MAX, Holiday
from access_policy.domain.mode_schedule.recurrence import Recurrence

EVENTS_MAX = 2_000
YEARS_MAX = 10  # expanded at once

_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
_UNTIL = re.compile(r"UNTIL=([0-9]{8}T[0-9]{6})(Z?)")
_UNREADABLE_LINE = re.compile(r"into parts: '(.*?)': ", re.DOTALL)


class IcsInvalid(Invalid):
    code = "ics-invalid"


@dataclass(frozen=True, slots=True)
class IcsCalendar:
    """`name` is X-WR-CALNAME, if it is given; `left_out` counts the events that have no day in the years."""

    name: str | None
    days: tuple[Holiday, ...]
    left_out: int


def read_ics(content: bytes, zone: ZoneInfo, first_year: int, last_year: int) -> IcsCalendar:
    """The days of all events in the years `first_year` to `last_year`, both included. Raises `IcsInvalid`."""
    if not YEAR_MIN <= first_year <= last_year <= YEAR_MAX or last_year - first_year >= YEARS_MAX:
        raise IcsInvalid(
            f"years takes 1 to {YEARS_MAX} years such as 2026-2028, from {YEAR_MIN} to {YEAR_MAX}.", pointer="/years"
        )
    text = _text(content)
    calendar = _parsed(text)
    events = [event for event in calendar.walk("VEVENT") if isinstance(event, Event)]
    replaced = _replaced(events, text)
    reach = (date(first_year, 1, 1), date(last_year, 12, 31))
    days: list[Holiday] = []
    left_out = 0
    for event in events:
        found = _read(event, text, zone, reach, replaced)
        left_out += not found
        days += found
        if len(days) > ENTRIES_MAX:
            raise IcsInvalid(
                f"{_name(event, text)} brings the calendar to more than {ENTRIES_MAX} entries; ask for fewer years, or "
                "put what recurs so often as a mode rule."
            )
    return IcsCalendar(_one_line(calendar.get("X-WR-CALNAME")), tuple(days), left_out)


# --- the file ----------------------------------------------------------------------------------------------------------


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise IcsInvalid(f"Line {line} is not UTF-8; save the file as UTF-8, as RFC 5545 has it.") from error
    if (count := text.upper().count("BEGIN:VEVENT")) > EVENTS_MAX:
        raise IcsInvalid(f"The file has {count} events; at most {EVENTS_MAX} are read.")
    return text


def _parsed(text: str) -> Calendar:
    try:
        calendar = Calendar.from_ical(_without_zones(text))
    except ValueError as error:
        raise IcsInvalid(f"This is no readable .ics file: {_where(str(error), text)}") from error
    if not isinstance(calendar, Calendar):
        raise IcsInvalid("This is no .ics calendar: it has to begin with BEGIN:VCALENDAR.")
    return calendar


def _without_zones(text: str) -> str:
    return re.sub(r"(?ims)^BEGIN:VTIMEZONE\b.*?^END:VTIMEZONE[ \t]*\r?\n?", "", text)


def _where(message: str, text: str) -> str:
    """The parser's message, with the line where one can be found."""
    match = _UNREADABLE_LINE.search(message)
    if match is None:
        return message.splitlines()[0][:200]
    wanted = match[1][:40]
    number = next((n for n, line in enumerate(text.splitlines(), 1) if line.startswith(wanted)), None)
    return f"line {number or '?'} is not NAME:VALUE ({wanted!r})."


def _name(event: Event, text: str) -> str:
    """The event as a message calls it: by its UID, and the line that holds it."""
    uid = str(event.get("UID") or "")
    line = next((n for n, line in enumerate(text.splitlines(), 1) if uid and line.strip() == f"UID:{uid}"), None)
    return f"The event {uid[:80] or 'without UID'!r}" + ("" if line is None else f" (line {line})")


# --- one event ---------------------------------------------------------------------------------------------------------


def _replaced(events: Iterable[Event], text: str) -> dict[str, set[date]]:
    """The days of recurring events that another event of the same UID stands for (RECURRENCE-ID)."""
    replaced: defaultdict[str, set[date]] = defaultdict(set)
    for event in events:
        if "RECURRENCE-ID" in event:
            start = _moment(event, "RECURRENCE-ID", text)
            replaced[str(event.get("UID"))].add(start.date() if isinstance(start, datetime) else start)
    return dict(replaced)


def _read(
    event: Event, text: str, zone: ZoneInfo, reach: tuple[date, date], replaced: dict[str, set[date]]
) -> list[Holiday]:
    if event.errors:
        prop, message = event.errors[0]
        raise IcsInvalid(f"{_name(event, text)} cannot be read: {prop or ''} {_where(str(message), text)}")
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return []
    reason = _one_line(event.get("SUMMARY"))
    if not reason:
        raise IcsInvalid(f"{_name(event, text)} has no SUMMARY, which would be the reason of its days.")
    start = _moment(event, "DTSTART", text)
    lasts = _length(event, start, text)
    gone = replaced.get(str(event.get("UID")), set()) if "RECURRENCE-ID" not in event else set()
    try:
        begins = [day for day in _begins(event, start, lasts, reach) if day not in gone]
    except Refused as refusal:
        raise IcsInvalid(f"{_name(event, text)} recurs in a way that is not read here: {refusal.detail}") from refusal
    holidays = (_holiday(day, start, lasts, zone, reason) for day in begins)
    return [each for each in holidays if each.last >= reach[0] and each.first <= reach[1]]


def _value(event: Event, prop: str, text: str) -> Any:
    """Of a property that an event has once."""
    value: Any = event.get(prop)
    if value is None or isinstance(value, list):
        raise IcsInvalid(f"{_name(event, text)} needs exactly one {prop}.")
    try:
        found = value.dt
    except (BrokenCalendarProperty, AttributeError) as error:
        raise IcsInvalid(f"{_name(event, text)} has a {prop} that cannot be read.") from error
    if isinstance(found, datetime) and found.tzinfo is None and "TZID" in value.params:
        tzid = str(value.params["TZID"])[:64]
        raise IcsInvalid(f"{_name(event, text)} has a {prop} in the time zone {tzid!r}, which nobody knows.")
    return found


def _moment(event: Event, prop: str, text: str) -> date | datetime:
    moment = _value(event, prop, text)
    if not isinstance(moment, date):
        raise IcsInvalid(f"{_name(event, text)} has a {prop} that is no date.")
    return moment


def _length(event: Event, start: date | datetime, text: str) -> timedelta:
    """Whole days of an all-day event, real time of another."""
    if "DTEND" in event:
        end = _moment(event, "DTEND", text)
        if isinstance(end, datetime) != isinstance(start, datetime) or _aware(end) != _aware(start):
            raise IcsInvalid(f"{_name(event, text)} has a DTSTART and a DTEND of different kinds.")
        lasts = end - start
    elif "DURATION" in event:
        lasts = _duration(event, text)
    else:
        lasts = timedelta(0) if isinstance(start, datetime) else _DAY
    if lasts < timedelta(0) or lasts > 366 * _DAY:
        raise IcsInvalid(f"{_name(event, text)} ends before it starts, or lasts longer than a year.")
    return lasts


def _duration(event: Event, text: str) -> timedelta:
    lasts = _value(event, "DURATION", text)
    if not isinstance(lasts, timedelta):
        raise IcsInvalid(f"{_name(event, text)} has a DURATION that cannot be read.")
    return lasts


def _aware(moment: date | datetime) -> bool:
    return isinstance(moment, datetime) and moment.tzinfo is not None


def _begins(event: Event, start: date | datetime, lasts: timedelta, reach: tuple[date, date]) -> list[date]:
    """The days on which the event begins, as its own clock shows them, in the years asked for (and a little before)."""
    first_day = start.date() if isinstance(start, datetime) else start
    begins = {first_day, *_listed(event, "RDATE", start)}
    rules = _many(event.get("RRULE"))
    if len(rules) > 1 or "EXRULE" in event:
        raise IcsInvalid("it has more than one RRULE, or an EXRULE.")
    for rule in rules:
        recurrence = Recurrence.parse(_UNTIL.sub(lambda match: _local_until(match, start), rule.to_ical().decode()))
        begins |= set(recurrence.dates(first_day, start=reach[0] - lasts - 2 * _DAY, end=reach[1] + _DAY))
    return sorted(begins - set(_listed(event, "EXDATE", start)))


def _local_until(match: re.Match[str], start: date | datetime) -> str:
    """UNTIL is an instant in UTC where DTSTART is one; ours is the last local date."""
    until = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    if match[2] and isinstance(start, datetime) and start.tzinfo is not None:
        until = until.astimezone(start.tzinfo)
    return f"UNTIL={until:%Y%m%d}"


def _listed(event: Event, prop: str, start: date | datetime) -> Iterator[date]:
    """The days of EXDATE or RDATE, as the event's own clock shows them."""
    zone = start.tzinfo if isinstance(start, datetime) else None
    for line in _many(event.get(prop)):
        for each in getattr(line, "dts", ()):
            moment = each.dt[0] if isinstance(each.dt, tuple) else each.dt  # of a period its start
            if isinstance(moment, datetime):
                yield (moment.astimezone(zone) if zone is not None and moment.tzinfo is not None else moment).date()
            elif isinstance(moment, date):
                yield moment


def _many(value: Any) -> Collection[Any]:
    """A property that may be given several times, as the parser gives it: nothing, one, or a list of them."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _holiday(day: date, start: date | datetime, lasts: timedelta, zone: ZoneInfo, reason: str) -> Holiday:
    """The days that the event which begins on `day` touches in `zone`."""
    if not isinstance(start, datetime):
        return Holiday(first=day, last=max(day, day + lasts - _DAY), reason=reason)
    begins = datetime.combine(day, start.time(), start.tzinfo or zone)
    if start.tzinfo is None:
        ends = (begins.replace(tzinfo=None) + lasts).replace(tzinfo=zone)
    else:
        ends = begins.astimezone(UTC) + lasts
    last = max(begins, ends - _MOMENT).astimezone(zone).date()
    return Holiday(first=begins.astimezone(zone).date(), last=last, reason=reason)


def _one_line(value: object) -> str | None:
    if value is None:
        return None
    printable = "".join(character if character.isprintable() else " " for character in str(value))
    return " ".join(printable.split())[:NAME_LENGTH_MAX] or None
