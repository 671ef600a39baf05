"""Time zones that an .ics file defines itself (VTIMEZONE, RFC 5545, 3.6.5), for names that the pinned `tzdata` does not have,
such as Exchange's "Customized Time Zone". The reader of mode rules' recurrences computes their transitions, only for years near
the requested ones, so that no definition can cause an endless search.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from access_policy.domain.errors import Refused
from access_policy.domain.mode_schedule.recurrence import Recurrence

OBSERVANCES_MAX = 200  # per zone
_BLOCK = re.compile(r"(?ims)^BEGIN:VTIMEZONE\b.*?^END:VTIMEZONE[ \t]*\r?\n?")
_PROPERTY = re.compile(r'([A-Z0-9-]+)((?:;(?:"[^"]*"|[^":;])*)*):(.*)', re.IGNORECASE)
_OFFSET = re.compile(r"([+-])([0-9]{2})([0-9]{2})([0-9]{2})?")
_UNTIL = re.compile(r"UNTIL=([0-9]{8})(?:T([0-9]{6})(Z?))?")
_FOLD = re.compile(r"\r?\n[ \t]")


class ZoneUnreadable(ValueError):
    """The file's definition of a zone cannot be read; the message says why."""


@dataclass(slots=True)
class _Observance:
    """STANDARD or DAYLIGHT: applies from each of its onsets, which are local times in the offset before the change."""

    start: datetime = datetime(1970, 1, 1)  # noqa: DTZ001  a local time
    before: timedelta = timedelta(0)
    after: timedelta = timedelta(0)
    rules: list[str] = field(default_factory=list)
    dates: list[datetime] = field(default_factory=list)

    def onsets(self, first: date, last: date) -> Iterator[datetime]:
        for each in (self.start, *self.dates):
            if each.date() <= last:
                yield each
        for rule in self.rules:
            recurrence = Recurrence.parse(_UNTIL.sub(self._last_day, rule))
            for day in recurrence.dates(self.start.date(), start=first, end=last):
                yield datetime.combine(day, self.start.time())

    def _last_day(self, until: re.Match[str]) -> str:
        """Return UNTIL as a local date. It is in UTC here and is compared in the offset before the onset."""
        at = datetime.strptime(until[1] + (until[2] or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007  either, see below
        return f"UNTIL={(at + self.before if until[3] and at.year < date.max.year else at):%Y%m%d}"


class FileZone(tzinfo):
    """A time zone made of transitions in ascending order: the instant (naive UTC), the local time in the offset before, and the
    offset after.
    """

    def __init__(
        self, name: str, transitions: Sequence[tuple[datetime, datetime, timedelta]], first: timedelta
    ) -> None:
        self._name = name
        self._instants = [at for at, _, _ in transitions]
        self._local = [local for _, local, _ in transitions]
        self._offsets = [first, *(offset for _, _, offset in transitions)]

    def utcoffset(self, dt: datetime | None) -> timedelta:
        """Return the offset. An ambiguous local time is its first occurrence; a time in a gap takes the offset before the gap
        (RFC 5545, 3.3.5).
        """
        if dt is None:
            return self._offsets[-1]
        local = dt.replace(tzinfo=None, fold=0)
        index = bisect_right(self._local, local)
        if index and local - self._offsets[index] < self._instants[index - 1]:
            index -= 1
        return self._offsets[index]

    def dst(self, dt: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, dt: datetime | None) -> str:
        return self._name

    def fromutc(self, dt: datetime) -> datetime:
        return dt + self._offsets[bisect_right(self._instants, dt.replace(tzinfo=None))]


def without_zones(text: str) -> str:
    return _BLOCK.sub("", text)


def defined_zones(text: str) -> Mapping[str, str]:
    """Return the file's definitions by TZID, not yet parsed."""
    found: dict[str, str] = {}
    for block in _BLOCK.findall(text):
        for name, value in _properties(block):
            if name == "TZID":
                found.setdefault(value.strip(), block)
                break
    return found


def zone_of(tzid: str, block: str, first_year: int, last_year: int) -> tzinfo:
    """Return a zone that is right from the beginning of `first_year` to the end of `last_year`. Raises `ZoneUnreadable`."""
    first, last = date(first_year - 2, 1, 1), date(last_year + 2, 12, 31)
    observances = _observances(block)
    if not 1 <= len(observances) <= OBSERVANCES_MAX:
        raise ZoneUnreadable(
            f"it has {len(observances)} STANDARD and DAYLIGHT parts; the limits are 1 and {OBSERVANCES_MAX}"
        )
    try:
        onsets = {
            (local - each.before, local, each.after) for each in observances for local in each.onsets(first, last)
        }
    except (Refused, OverflowError) as refusal:
        raise ZoneUnreadable(str(refusal)) from refusal
    earliest = min(observances, key=lambda each: each.start)
    return FileZone(tzid, sorted(onsets), earliest.before)


def _observances(block: str) -> list[_Observance]:
    found: list[_Observance] = []
    current: _Observance | None = None
    try:
        for name, value in _properties(block):
            match name, value.strip().upper():
                case "BEGIN", "STANDARD" | "DAYLIGHT":
                    current = _Observance()
                    found.append(current)
                case "END", _:
                    current = None
                case _, stripped if current is not None and stripped:
                    _take(current, name, stripped)
    except (ValueError, OverflowError) as error:
        raise ZoneUnreadable(str(error)) from error
    return found


def _take(observance: _Observance, name: str, value: str) -> None:
    match name:
        case "DTSTART":
            observance.start = _local(value)
        case "TZOFFSETFROM":
            observance.before = _offset(value)
        case "TZOFFSETTO":
            observance.after = _offset(value)
        case "RRULE":
            observance.rules.append(value)
        case "RDATE":
            observance.dates += [_local(each) for each in value.split(",")]


def _properties(block: str) -> Iterator[tuple[str, str]]:
    for line in _FOLD.sub("", block).splitlines():
        if (match := _PROPERTY.fullmatch(line)) is not None:
            yield match[1].upper(), match[3]


def _local(text: str) -> datetime:
    return datetime.strptime(text[:15] if "T" in text else f"{text}T000000", "%Y%m%dT%H%M%S")  # noqa: DTZ007  local


def _offset(text: str) -> timedelta:
    match = _OFFSET.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:20]!r} is not an offset such as +0100")
    span = timedelta(hours=int(match[2]), minutes=int(match[3]), seconds=int(match[4] or 0))
    if span >= timedelta(days=1):
        raise ValueError(f"{text[:20]!r} is an offset of more than a day")
    return span if match[1] == "+" else -span
