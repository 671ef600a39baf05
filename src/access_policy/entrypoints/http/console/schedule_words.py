"""Weekly windows in words: `weekdays from 22:00 to 06:00`, both read and written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from access_policy.domain.mode_schedule.recurrence import WEEKDAYS
from access_policy.domain.plurals import counted

NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_GROUPS: Final = {
    "weekdays": WEEKDAYS[:5],
    "weekends": WEEKDAYS[5:],
    "weekend": WEEKDAYS[5:],
    "daily": WEEKDAYS,
    "every day": WEEKDAYS,
    "every night": WEEKDAYS,
}
_TIME: Final = r"([0-9]{1,2})(?:[:.]([0-9]{2}))?"
_WINDOW: Final = re.compile(rf"(.+?),? (?:from )?{_TIME} ?(?:to|until|-|–) ?{_TIME}", re.IGNORECASE)
_WEEKLY: Final = re.compile(r"FREQ=WEEKLY;BYDAY=([A-Z,]+)")
EXAMPLE: Final = "weekdays from 22:00 to 06:00"


def read(text: str) -> tuple[list[str], str, str] | None:
    """Return the days (`MO`), start and end (`22:00`) of a window in words; None if the text is not a window."""
    match = _WINDOW.fullmatch(" ".join(text.split()))
    if match is None or (days := _days(match[1].casefold().removeprefix("on "))) is None:
        return None
    return days, f"{int(match[2]):02d}:{match[3] or '00'}", f"{int(match[4]):02d}:{match[5] or '00'}"


def _days(text: str) -> list[str] | None:
    if text in _GROUPS:
        return list(_GROUPS[text])
    found: set[str] = set()
    for part in re.split(r",| and |, and ", text):
        first, _, last = part.strip().partition(" to ")
        numbers = [_number(first), _number(last or first)]
        if None in numbers:
            return None
        begin, end = (number or 0 for number in numbers)
        found.update(WEEKDAYS[(begin + offset) % 7] for offset in range((end - begin) % 7 + 1))
    return [each for each in WEEKDAYS if each in found]


def _number(text: str) -> int | None:
    name = text.strip().removesuffix("s") if len(text.strip()) > 3 else text.strip()
    found = [number for number, each in enumerate(NAMES) if len(name) >= 3 and each.casefold().startswith(name)]
    return found[0] if found else None


def days_of(recurrence: str) -> list[str] | None:
    """Return the days of a weekly recurrence without further parts; None for any other recurrence."""
    if recurrence == "FREQ=DAILY":
        return list(WEEKDAYS)
    match = _WEEKLY.fullmatch(recurrence)
    days = match[1].split(",") if match else []
    return [each for each in WEEKDAYS if each in days] if days and set(days) <= set(WEEKDAYS) else None


def recurrence_of(days: Sequence[str]) -> str:
    chosen = [each for each in WEEKDAYS if each in days]
    return "FREQ=DAILY" if len(chosen) == len(WEEKDAYS) else f"FREQ=WEEKLY;BYDAY={','.join(chosen)}"


def days_in_words(days: Sequence[str]) -> str:
    """Return words such as `weekdays` or `Monday to Thursday and Saturday`."""
    return " and ".join(_runs([each for each in WEEKDAYS if each in days]))


def in_words(recurrence: str, start: str, end: str, days_later: int | None = None) -> str:
    """Return words such as `weekdays from 22:00 to 06:00`; a recurrence without words is returned unchanged.
    `days_later` is added if the times do not imply it: `Friday from 18:00 to 06:00 3 days later`."""
    days = days_of(recurrence)
    window = f"{recurrence if days is None else ' and '.join(_runs(days))} from {start[:5]} to {end[:5]}"
    if days_later is None or days_later == int(end <= start):
        return window
    return f"{window} {counted(days_later, 'day')} later"


def _runs(days: Sequence[str]) -> Iterator[str]:
    """Yield runs of days, such as `Monday to Thursday` and `Saturday`."""
    known = {WEEKDAYS: "every day", WEEKDAYS[:5]: "weekdays", WEEKDAYS[5:]: "weekends"}
    if tuple(days) in known:
        yield known[tuple(days)]
        return
    numbers = [WEEKDAYS.index(each) for each in days]
    while numbers:
        first = last = numbers.pop(0)
        while numbers and numbers[0] == last + 1:
            last = numbers.pop(0)
        yield NAMES[first] if first == last else f"{NAMES[first]} to {NAMES[last]}"
