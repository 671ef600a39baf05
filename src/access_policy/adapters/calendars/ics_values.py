"""The values of an event's properties: moments in their time zones, lengths, and texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Event
from icalendar.error import BrokenCalendarProperty

from access_policy.adapters.calendars.ics_file import IcsInvalid, name_of
from access_policy.adapters.calendars.zones import ZoneUnreadable, zone_of
from access_policy.domain.ids import NAME_LENGTH_MAX

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """The parameters of one import, shared by all events. `definitions` are the time zones that the file defines, by name."""

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
        """Return the zone that the file defines under this name, or None. Raises `ZoneUnreadable`."""
        if tzid not in self.zones and tzid in self.definitions:
            self.zones[tzid] = zone_of(tzid, self.definitions[tzid], self.first_year, self.last_year)
        return self.zones.get(tzid)


def moment_of(event: Event, prop: str, reading: Reading) -> date | datetime:
    moment = _value(event, prop, reading)
    if not isinstance(moment, date):
        raise IcsInvalid(f"{name_of(event, reading.text)} has a {prop} that is not a date.")
    return moment


def length_of(event: Event, start: date | datetime, reading: Reading) -> timedelta:
    """Return the event's length: whole days for an all-day event, elapsed time otherwise."""
    if "DTEND" in event:
        end = moment_of(event, "DTEND", reading)
        if isinstance(end, datetime) != isinstance(start, datetime) or _aware(end) != _aware(start):
            raise IcsInvalid(f"{name_of(event, reading.text)} has a DTSTART and a DTEND of different kinds.")
        lasts: timedelta = _in_utc(end) - _in_utc(start)
    elif "DURATION" in event:
        lasts = _duration(event, reading)
    else:
        lasts = timedelta(0) if isinstance(start, datetime) else _DAY
    if lasts < timedelta(0) or lasts > 366 * _DAY:
        raise IcsInvalid(f"{name_of(event, reading.text)} ends before it starts, or lasts longer than a year.")
    return lasts


def _duration(event: Event, reading: Reading) -> timedelta:
    lasts = _value(event, "DURATION", reading)
    if not isinstance(lasts, timedelta):
        raise IcsInvalid(f"{name_of(event, reading.text)} has a DURATION that cannot be read.")
    return lasts


def _value(event: Event, prop: str, reading: Reading) -> Any:
    """Return the value of a property that an event must have exactly once. Raises `IcsInvalid`."""
    value: Any = event.get(prop)
    if value is None or isinstance(value, list):
        raise IcsInvalid(f"{name_of(event, reading.text)} needs exactly one {prop}.")
    try:
        found = value.dt
    except (BrokenCalendarProperty, AttributeError) as error:
        raise IcsInvalid(f"{name_of(event, reading.text)} has a {prop} that cannot be read.") from error
    return in_its_zone(found, value, event, prop, reading)


def in_its_zone(moment: Any, value: Any, event: Event, prop: str, reading: Reading) -> Any:
    """Add the zone that the file defines, because the parser drops zones that `tzdata` does not have."""
    if not isinstance(moment, datetime) or moment.tzinfo is not None or "TZID" not in value.params:
        return moment
    tzid = str(value.params["TZID"])
    try:
        defined = reading.zone_of(tzid)
    except ZoneUnreadable as unreadable:
        raise IcsInvalid(
            f"{name_of(event, reading.text)} has a {prop} in the time zone {tzid[:64]!r}, whose VTIMEZONE cannot be read: "
            f"{unreadable}"
        ) from unreadable
    if defined is None:
        raise IcsInvalid(
            f"{name_of(event, reading.text)} has a {prop} in the time zone {tzid[:64]!r}, which is neither a name of the IANA "
            "database nor defined in the file."
        )
    return moment.replace(tzinfo=defined)


def values_of(value: Any) -> Collection[Any]:
    """Return the values of a repeatable property as a collection; the parser gives None, one value, or a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def one_line(value: object) -> str | None:
    if value is None:
        return None
    printable = "".join(character if character.isprintable() else " " for character in str(value))
    return " ".join(printable.split())[:NAME_LENGTH_MAX] or None


def day_of(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _aware(moment: date | datetime) -> bool:
    return isinstance(moment, datetime) and moment.tzinfo is not None


def _in_utc(moment: Any) -> Any:
    """Convert an aware time to UTC, because the difference of two local times is wrong on the night of a clock change."""
    return moment.astimezone(UTC) if _aware(moment) else moment
