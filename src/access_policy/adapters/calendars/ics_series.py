"""The days of an event that may recur (RRULE, RDATE, EXDATE), with the events that change its occurrences."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from icalendar import Event

from access_policy.adapters.calendars.ics_file import IcsInvalid, name_of
from access_policy.adapters.calendars.ics_occurrences import Occurrence, holiday_of, occurrence_of
from access_policy.adapters.calendars.ics_values import Reading, day_of, in_its_zone, moment_of, values_of
from access_policy.domain.errors import Refused
from access_policy.domain.instants import YEAR_MAX
from access_policy.domain.mode_schedule.calendars import Holiday
from access_policy.domain.mode_schedule.recurrence import Recurrence

_DAY = timedelta(days=1)
_UNTIL = re.compile(r"UNTIL=([0-9]{8}T[0-9]{6})(Z?)")


def days_of(event: Event, reading: Reading, changes: Sequence[Event]) -> list[tuple[Occurrence, Holiday]]:
    """Return the event's days in the requested years, each with its occurrence. Each event in `changes` replaces one occurrence
    (RECURRENCE-ID), or one and all later ones (RANGE=THISANDFUTURE).
    """
    said = occurrence_of(event, reading)
    if said is None:
        return []
    replaced: set[date] = set()
    later: list[tuple[date, Occurrence | None, int]] = []
    for change in changes:
        day = _replaced_day(change, said.start, reading)
        if not reaches_on(change, reading):
            replaced.add(day)
            continue
        occurrence = occurrence_of(change, reading)
        moved_by = 0 if occurrence is None else (day_of(occurrence.start) - day).days
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
            found.append((occurrence, holiday_of(day + timedelta(days=moved_by), occurrence, reading.zone)))
    first, last = reading.reach
    return [each for each in found if each[1].last >= first and each[1].first <= last]


def _replaced_day(change: Event, series_start: date | datetime, reading: Reading) -> date:
    """The day on which the replaced occurrence would have begun, in the zone of its series."""
    moment = moment_of(change, "RECURRENCE-ID", reading)
    clock = series_start.tzinfo if isinstance(series_start, datetime) else None
    if isinstance(moment, datetime) and moment.tzinfo is not None and clock is not None:
        return moment.astimezone(clock).date()
    return day_of(moment)


def reaches_on(change: Event, reading: Reading) -> bool:
    """True if the change applies to all later occurrences too (RFC 5545, 3.2.13)."""
    reach = getattr(change.get("RECURRENCE-ID"), "params", {}).get("RANGE")
    if reach is None:
        return False
    if str(reach).upper() != "THISANDFUTURE" or "RRULE" in change:
        raise IcsInvalid(
            f"{name_of(change, reading.text)} changes a series in an unsupported way; end the series with UNTIL and "
            "add another one."
        )
    return True


def _begins(event: Event, said: Occurrence, reading: Reading, moved: timedelta) -> list[date]:
    """Return the local days on which the event begins in the requested years, extended by its length and by the shift of later
    occurrences.
    """
    first_day = day_of(said.start)
    first, last = reading.reach
    begins = {first_day, *_listed(event, "RDATE", said.start, reading)}
    rules = values_of(event.get("RRULE"))
    try:
        if len(rules) > 1 or "EXRULE" in event:
            raise IcsInvalid("it has more than one RRULE, or an EXRULE.")
        for rule in rules:
            text = _UNTIL.sub(lambda match: _local_until(match, said.start), rule.to_ical().decode())
            reach = {"start": first - said.lasts - moved - 2 * _DAY, "end": last + moved + _DAY}
            begins |= set(Recurrence.parse(text).dates(first_day, **reach))
    except Refused as refusal:
        raise IcsInvalid(f"{name_of(event, reading.text)} recurs in an unsupported way: {refusal.detail}") from refusal
    return sorted(begins - set(_listed(event, "EXDATE", said.start, reading)))


def _local_until(match: re.Match[str], start: date | datetime) -> str:
    """Return the last local date. UNTIL is an instant in UTC if DTSTART is one. In the year 9999 it is not converted, because a
    later local time does not exist.
    """
    until = datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    if match[2] and isinstance(start, datetime) and start.tzinfo is not None and until.year <= YEAR_MAX:
        until = until.astimezone(start.tzinfo)
    return f"UNTIL={until:%Y%m%d}"


def _listed(event: Event, prop: str, start: date | datetime, reading: Reading) -> Iterator[date]:
    """Return the local days of EXDATE or RDATE."""
    zone = start.tzinfo if isinstance(start, datetime) else None
    for line in values_of(event.get(prop)):
        for each in getattr(line, "dts", ()):
            moment = each.dt[0] if isinstance(each.dt, tuple) else each.dt  # for a period, its start
            if isinstance(moment, datetime) and moment.year <= YEAR_MAX:
                moment = in_its_zone(moment, line, event, prop, reading)
                yield (moment.astimezone(zone) if zone is not None and moment.tzinfo is not None else moment).date()
            elif isinstance(moment, date):
                yield day_of(moment)
