"""Times in words: `18:00`, `tomorrow 06:00`, `7d`, `2h ago`, `in 90m` and `now`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

_SPAN: Final = re.compile(r"(in )?(\d{1,5}) ?([smhdw])( ago)?")
_CLOCK: Final = re.compile(r"(?:(today|tomorrow|yesterday)(?: |$))?(?:(\d\d?:\d\d))?")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAYS: Final = {"today": 0, "tomorrow": 1, "yesterday": -1}


def moment(text: str, now: datetime, zone: Callable[[], tzinfo], *, ago: bool) -> datetime | None:
    """Return the instant that the words name; None if they are no such words.

    A clock time is on the depot's clock, which `zone` returns; without a day it is today's. A day without a clock time
    begins at midnight.

    Args:
        ago: Read a span without `in` or `ago` back from now, as in a period of history, instead of forward.
    """
    words = text.strip().lower()
    if words == "now":
        return now
    if span := _SPAN.fullmatch(words):
        if span[1] and span[4]:
            return None
        length = timedelta(**{_UNITS[span[3]]: int(span[2])})
        return now - length if span[4] or (ago and not span[1]) else now + length
    clock = _CLOCK.fullmatch(words)
    if clock is None or not words:
        return None
    try:
        at = time.fromisoformat((clock[2] or "00:00").zfill(5))
    except ValueError:
        return None
    here = zone()
    day = now.astimezone(here).date() + timedelta(days=_DAYS[clock[1] or "today"])
    return datetime.combine(day, at, here)
