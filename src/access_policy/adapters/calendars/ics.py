"""Holiday calendars from .ics files (RFC 5545), read by the package `icalendar`.

A day is a holiday if an all-day event touches it in the depot's time zone; the event's SUMMARY is the reason. An event is
all-day if it has dates, or if it begins and ends at midnight by its own clock or the depot's; others are timed, and named in
the answer. Recurring events are expanded over given years, by the same reader as the recurrences of mode rules. Zone rules come
from the pinned `tzdata` (ADR 0004); a zone that it does not have is read from the file's own VTIMEZONE.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from icalendar.error import BrokenCalendarProperty

from access_policy.adapters.calendars.zones import ZoneUnreadable, defined_zones, without_zones, zone_of
from access_policy.domain.errors import Invalid, Refused
from access_policy.domain.ids import NAME_LENGTH_MAX
from access_policy.domain.instants import YEAR_MAX, YEAR_MIN
from access_policy.domain.mode_schedule.calendars import ENTRIES_MAX, Holiday
from access_policy.domain.mode_schedule.recurrence import Recurrence

EVENTS_MAX = 2_000
TIMED_NAMED_MAX = 100
YEARS_MAX = 10  # expanded at once

_DAY = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
_USED = frozenset(
    {"UID", "SUMMARY", "STATUS", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"}
)
_SPLIT_CHARACTER = re.compile(rb"(\r?\n[ \t])([\x80-\xbf]+)")
_UTF_8_LENGTH_MAX = 4  # bytes of a character
_EMPTY = re.compile(r'(?m)^(?!BEGIN|END)[A-Za-z0-9-]+(;(?:"[^"\r\n]*"|[^":\r\n])*)?:[ \t]*(?=\r?$)(?!\r?\n[ \t])')
_UNTIL = re.compile(r"UNTIL=([0-9]{8}T[0-9]{6})(Z?)")
_UNREADABLE_LINE = re.compile(r"into parts: '(.*?)': ", re.DOTALL)


class IcsInvalid(Invalid):
    code = "ics-invalid"


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event with times, such as 08:00 to 17:00; `starts_at` is its DTSTART in the depot's zone."""

    uid: str
    summary: str
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class IcsCalendar:
    """`name` is X-WR-CALNAME, if it is given; `left_out` counts the events that have no day in the years. `timed` are the first
    of the events with times, which `days` contains only on request."""

    name: str | None
    days: tuple[Holiday, ...]
    left_out: int
    timed: tuple[TimedEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    """The parameters of reading, shared by all events. `definitions` are the file's own time zones."""

    text: str
    zone: ZoneInfo
    first_year: int
    last_year: int
    definitions: Mapping[str, str]
    zones: dict[str, tzinfo]

    @property
    def reach(self) -> tuple[date, date]:
        return date(self.first_year, 1, 1), date(self.last_year, 12, 31)

    def zone_of(self, tzid: str) -> tzinfo | None:
        """The zone that the file defines under this name, or None. Raises `ZoneUnreadable`."""
        if tzid not in self.zones and tzid in self.definitions:
            self.zones[tzid] = zone_of(tzid, self.definitions[tzid], self.first_year, self.last_year)
        return self.zones.get(tzid)


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """One occurrence of an event: its start, its length, and the reason of its days."""

    start: date | datetime
    lasts: timedelta
    reason: str
    is_timed: bool


def read_ics(
    content: bytes, zone: ZoneInfo, first_year: int, last_year: int, *, with_timed: bool = False
) -> IcsCalendar:
    """Read the days of all-day events in the years `first_year` to `last_year`, both included, and with `with_timed` those of
    events with times. Raises `IcsInvalid`."""
    if not YEAR_MIN <= first_year <= last_year <= YEAR_MAX or last_year - first_year >= YEARS_MAX:
        raise IcsInvalid(
            f"years takes 1 to {YEARS_MAX} years such as 2026-2028, from {YEAR_MIN} to {YEAR_MAX}.", pointer="/years"
        )
    text = _text(content)
    calendar = _parsed(text)
    events = [event for event in calendar.walk("VEVENT") if isinstance(event, Event)]
    reading = _Reading(text, zone, first_year, last_year, defined_zones(text), {})
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
        if is_change and uid in whole and _reaches_on(event, reading):
            continue  # read with its series
        read = _read(event, reading, () if is_change else series.get(uid, ()))
        found = [holiday for occurrence, holiday in read if with_timed or not occurrence.is_timed]
        timed += _timed(event, read, reading)
        left_out += not read
        days += found
        if len(days) > ENTRIES_MAX:
            raise IcsInvalid(
                f"{_name(event, text)} brings the calendar to more than {ENTRIES_MAX} entries; ask for fewer years, or "
                "put what recurs so often as a mode rule."
            )
    if timed and not days:
        raise IcsInvalid(
            f"The file has no all-day event in these years; {timed[0].summary!r} and others have times. To take each of them "
            "as whole days, send timed=true.",
            pointer="/timed",
        )
    name = _one_line(calendar.get("X-WR-CALNAME"))
    return IcsCalendar(name, tuple(days), left_out, tuple(timed[:TIMED_NAMED_MAX]))


# --- the file ----------------------------------------------------------------------------------------------------------


def _text(content: bytes) -> str:
    try:
        text = _whole_characters(content).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise IcsInvalid(f"Line {line} is not UTF-8; save the file as UTF-8, which RFC 5545 requires.") from error
    if (count := text.upper().count("BEGIN:VEVENT")) > EVENTS_MAX:
        raise IcsInvalid(f"The file has {count} events; at most {EVENTS_MAX} are read.")
    return text


def _whole_characters(content: bytes) -> bytes:
    """Move folds that split a character after it: lines are folded by bytes (RFC 5545, 3.1)."""
    for _ in range(_UTF_8_LENGTH_MAX - 1):
        content, moved = _SPLIT_CHARACTER.subn(rb"\2\1", content)
        if not moved:
            break
    return content


def _parsed(text: str) -> Calendar:
    """Empty the lines of properties without a value, and keep the lines, so that messages name the right ones."""
    try:
        calendar = Calendar.from_ical(_EMPTY.sub("X-EMPTY:-", without_zones(text)))
    except ValueError as error:
        raise IcsInvalid(f"Not a readable .ics file: {_where(str(error), text)}") from error
    if not isinstance(calendar, Calendar):
        raise IcsInvalid("Not an .ics calendar: it must begin with BEGIN:VCALENDAR.")
    return calendar


def _where(message: str, text: str) -> str:
    """The parser's message, with the line if it is known."""
    match = _UNREADABLE_LINE.search(message)
    if match is None:
        return message.splitlines()[0][:200]
    wanted = match[1][:40]
    number = next((n for n, line in enumerate(text.splitlines(), 1) if line.startswith(wanted)), None)
    return f"line {number or '?'} is not NAME:VALUE ({wanted!r})."


def _name(event: Event, text: str) -> str:
    """The event's name in messages: its UID and its line."""
    uid = str(event.get("UID") or "")
    line = next((n for n, line in enumerate(text.splitlines(), 1) if uid and line.strip() == f"UID:{uid}"), None)
    return f"The event {uid[:80] or 'without UID'!r}" + ("" if line is None else f" (line {line})")


# --- one event ---------------------------------------------------------------------------------------------------------


def _read(event: Event, reading: _Reading, changes: Sequence[Event]) -> list[tuple[_Occurrence, Holiday]]:
    """The event's days in the requested years, each with its occurrence. `changes` are events that replace one occurrence
    (RECURRENCE-ID), or one and all later ones (RANGE=THISANDFUTURE)."""
    said = _said(event, reading)
    if said is None:
        return []
    replaced: set[date] = set()
    later: list[tuple[date, _Occurrence | None, int]] = []
    for change in changes:
        day = _replaced_day(change, said.start, reading)
        if not _reaches_on(change, reading):
            replaced.add(day)
            continue
        occurrence = _said(change, reading)
        moved_by = 0 if occurrence is None else (_day_of(occurrence.start) - day).days
        later.append((day, occurrence, moved_by))
    later.sort(key=lambda each: each[0])
    reach = max((abs(days) for _, _, days in later), default=0)
    found = []
    for day in _begins(event, said, reading, timedelta(days=reach)):
        if day in replaced:
            continue
        index = bisect_right(later, day, key=lambda each: each[0])
        _, occurrence, moved_by = later[index - 1] if index else (day, said, 0)
        if occurrence is not None:
            found.append((occurrence, _holiday(day + timedelta(days=moved_by), occurrence, reading.zone)))
    first, last = reading.reach
    return [each for each in found if each[1].last >= first and each[1].first <= last]


def _said(event: Event, reading: _Reading) -> _Occurrence | None:
    """The occurrence that the event describes; None if it is cancelled."""
    for prop, message in event.errors:
        if prop is None or prop in _USED:
            raise IcsInvalid(
                f"{_name(event, reading.text)} cannot be read: {prop or ''} {_where(str(message), reading.text)}"
            )
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    reason = _one_line(event.get("SUMMARY"))
    if not reason:
        raise IcsInvalid(f"{_name(event, reading.text)} has no SUMMARY. Add one: it is the reason of its days.")
    start = _moment(event, "DTSTART", reading)
    lasts = _length(event, start, reading)
    return _Occurrence(start, lasts, reason, _is_timed(start, lasts, reading.zone))


def _is_timed(start: date | datetime, lasts: timedelta, zone: ZoneInfo) -> bool:
    """True also for midnight to midnight in the event's zone or the depot's: Outlook and Exchange write all-day events so."""
    if not isinstance(start, datetime):
        return False
    if start.tzinfo is None:
        return not (lasts and start.time() == time.min and lasts % _DAY == timedelta(0))
    end = start.astimezone(UTC) + lasts
    clocks = (start.tzinfo, zone)
    midnights = (start.astimezone(clock).time() == end.astimezone(clock).time() == time.min for clock in clocks)
    return not (lasts and any(midnights))


def _timed(event: Event, read: Sequence[tuple[_Occurrence, Holiday]], reading: _Reading) -> list[TimedEvent]:
    occurrence = next((each for each, _ in read if each.is_timed), None)
    if occurrence is None or not isinstance(occurrence.start, datetime):
        return []
    start = occurrence.start
    at = start.replace(tzinfo=reading.zone) if start.tzinfo is None else start.astimezone(reading.zone)
    return [TimedEvent(str(event.get("UID") or "")[:NAME_LENGTH_MAX], occurrence.reason, at)]


def _replaced_day(change: Event, series_start: date | datetime, reading: _Reading) -> date:
    """The day on which the replaced occurrence would have begun, in the zone of its series."""
    moment = _moment(change, "RECURRENCE-ID", reading)
    clock = series_start.tzinfo if isinstance(series_start, datetime) else None
    if isinstance(moment, datetime) and moment.tzinfo is not None and clock is not None:
        return moment.astimezone(clock).date()
    return _day_of(moment)


def _reaches_on(change: Event, reading: _Reading) -> bool:
    """True if the change applies to all later occurrences too (RFC 5545, 3.2.13)."""
    reach = getattr(change.get("RECURRENCE-ID"), "params", {}).get("RANGE")
    if reach is None:
        return False
    if str(reach).upper() != "THISANDFUTURE" or "RRULE" in change:
        raise IcsInvalid(
            f"{_name(change, reading.text)} changes a series in a way that is not read here; end the series with UNTIL and "
            "add another one."
        )
    return True


def _day_of(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _value(event: Event, prop: str, reading: _Reading) -> Any:
    """The value of a property that an event has once."""
    value: Any = event.get(prop)
    if value is None or isinstance(value, list):
        raise IcsInvalid(f"{_name(event, reading.text)} needs exactly one {prop}.")
    try:
        found = value.dt
    except (BrokenCalendarProperty, AttributeError) as error:
        raise IcsInvalid(f"{_name(event, reading.text)} has a {prop} that cannot be read.") from error
    return _in_its_zone(found, value, event, prop, reading)


def _in_its_zone(moment: Any, value: Any, event: Event, prop: str, reading: _Reading) -> Any:
    """Add the zone that the file defines: the parser drops zones that `tzdata` does not have."""
    if not isinstance(moment, datetime) or moment.tzinfo is not None or "TZID" not in value.params:
        return moment
    tzid = str(value.params["TZID"])
    try:
        defined = reading.zone_of(tzid)
    except ZoneUnreadable as unreadable:
        raise IcsInvalid(
            f"{_name(event, reading.text)} has a {prop} in the time zone {tzid[:64]!r}, whose VTIMEZONE cannot be read: "
            f"{unreadable}"
        ) from unreadable
    if defined is None:
        raise IcsInvalid(
            f"{_name(event, reading.text)} has a {prop} in the time zone {tzid[:64]!r}, which is not a name of the IANA "
            "database and not defined in the file."
        )
    return moment.replace(tzinfo=defined)


def _moment(event: Event, prop: str, reading: _Reading) -> date | datetime:
    moment = _value(event, prop, reading)
    if not isinstance(moment, date):
        raise IcsInvalid(f"{_name(event, reading.text)} has a {prop} that is not a date.")
    return moment


def _length(event: Event, start: date | datetime, reading: _Reading) -> timedelta:
    """Whole days for an all-day event, real time otherwise."""
    if "DTEND" in event:
        end = _moment(event, "DTEND", reading)
        if isinstance(end, datetime) != isinstance(start, datetime) or _aware(end) != _aware(start):
            raise IcsInvalid(f"{_name(event, reading.text)} has a DTSTART and a DTEND of different kinds.")
        lasts: timedelta = _in_utc(end) - _in_utc(start)
    elif "DURATION" in event:
        lasts = _duration(event, reading)
    else:
        lasts = timedelta(0) if isinstance(start, datetime) else _DAY
    if lasts < timedelta(0) or lasts > 366 * _DAY:
        raise IcsInvalid(f"{_name(event, reading.text)} ends before it starts, or lasts longer than a year.")
    return lasts


def _in_utc(moment: Any) -> Any:
    """Real time between two local times: subtracting them is wrong on the night of a clock change."""
    return moment.astimezone(UTC) if _aware(moment) else moment


def _duration(event: Event, reading: _Reading) -> timedelta:
    lasts = _value(event, "DURATION", reading)
    if not isinstance(lasts, timedelta):
        raise IcsInvalid(f"{_name(event, reading.text)} has a DURATION that cannot be read.")
    return lasts


def _aware(moment: date | datetime) -> bool:
    return isinstance(moment, datetime) and moment.tzinfo is not None


def _begins(event: Event, said: _Occurrence, reading: _Reading, moved: timedelta) -> list[date]:
    """The local days on which the event begins in the requested years, extended by its length and by the shift of later
    occurrences."""
    first_day = _day_of(said.start)
    first, last = reading.reach
    begins = {first_day, *_listed(event, "RDATE", said.start, reading)}
    rules = _many(event.get("RRULE"))
    try:
        if len(rules) > 1 or "EXRULE" in event:
            raise IcsInvalid("it has more than one RRULE, or an EXRULE.")
        for rule in rules:
            text = _UNTIL.sub(lambda match: _local_until(match, said.start), rule.to_ical().decode())
            reach = {"start": first - said.lasts - moved - 2 * _DAY, "end": last + moved + _DAY}
            begins |= set(Recurrence.parse(text).dates(first_day, **reach))
    except Refused as refusal:
        raise IcsInvalid(
            f"{_name(event, reading.text)} recurs in a way that is not read here: {refusal.detail}"
        ) from refusal
    return sorted(begins - set(_listed(event, "EXDATE", said.start, reading)))


def _local_until(match: re.Match[str], start: date | datetime) -> str:
    """The last local date: UNTIL is an instant in UTC if DTSTART is one. In the year 9999 there is no later local time."""
    until = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    if match[2] and isinstance(start, datetime) and start.tzinfo is not None and until.year <= YEAR_MAX:
        until = until.astimezone(start.tzinfo)
    return f"UNTIL={until:%Y%m%d}"


def _listed(event: Event, prop: str, start: date | datetime, reading: _Reading) -> Iterator[date]:
    """The local days of EXDATE or RDATE."""
    zone = start.tzinfo if isinstance(start, datetime) else None
    for line in _many(event.get(prop)):
        for each in getattr(line, "dts", ()):
            moment = each.dt[0] if isinstance(each.dt, tuple) else each.dt  # for a period, its start
            if isinstance(moment, datetime) and moment.year <= YEAR_MAX:
                moment = _in_its_zone(moment, line, event, prop, reading)
                yield (moment.astimezone(zone) if zone is not None and moment.tzinfo is not None else moment).date()
            elif isinstance(moment, date):
                yield _day_of(moment)


def _many(value: Any) -> Collection[Any]:
    """The values of a repeatable property, of which the parser returns nothing, one, or a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _holiday(day: date, occurrence: _Occurrence, zone: ZoneInfo) -> Holiday:
    """The days that the occurrence which begins on `day` touches in `zone`."""
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


def _one_line(value: object) -> str | None:
    if value is None:
        return None
    printable = "".join(character if character.isprintable() else " " for character in str(value))
    return " ".join(printable.split())[:NAME_LENGTH_MAX] or None
