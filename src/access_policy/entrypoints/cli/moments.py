"""Times in words: `18:00`, `tomorrow 06:00`, `7d`, `2h ago`, `in 90m` and `now`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from access_policy.domain.instants import is_far_future
from access_policy.entrypoints.durations import span_of

_SPAN: Final = re.compile(r"(in )?(\d{1,5}) ?([smhdw])( ago)?")
_CLOCK: Final = re.compile(r"(?:(today|tomorrow|yesterday)(?: |$))?(?:(\d\d?:\d\d))?")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DAYS: Final = {"today": 0, "tomorrow": 1, "yesterday": -1}


class NotATime(ValueError):
    """The text is not in any known form of a time; the message lists the forms."""


def instant_of(text: str, now: datetime, zone: Callable[[], tzinfo], *, ago: bool) -> str:
    """Return the instant of `2026-11-20T06:00:00Z`, of a time on the depot's clock such as `2026-11-20 06:00`, or of words
    such as `tomorrow 06:00` and `7d`, as RFC 3339 in UTC. Raises `NotATime`.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        found = moment(text, now, zone, ago=ago)
        if found is None:
            raise NotATime(
                f"{text!r} is not a valid time; write 2026-11-20 06:00, 2026-11-20T06:00:00Z, tomorrow 06:00, 18:00, or 7d"
            ) from None
        at = found
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone())
    # the far future stands for "no end" and cannot be converted
    return rfc3339(at.replace(tzinfo=UTC) if is_far_future(at) else at.astimezone(UTC))


def tomorrow_instead(text: str, at: str, now: datetime) -> str | None:
    """Return the words for the same clock time tomorrow, if the text names one of today that has passed."""
    clock = _CLOCK.fullmatch(text.strip().lower())
    if clock is None or clock[2] is None or clock[1] not in (None, "today") or datetime.fromisoformat(at) > now:
        return None
    return f"tomorrow {clock[2]}"


def rfc3339(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def span_in_iso(text: str) -> str:
    """Convert `2h`, `90m`, `7d` or ISO 8601 to an ISO 8601 duration. Raises `ValueError`."""
    return f"PT{round(span_of(text).total_seconds())}S"


def moment(text: str, now: datetime, zone: Callable[[], tzinfo], *, ago: bool) -> datetime | None:
    """Return the instant that the words name; None if the text is not in this form.

    A clock time is in the depot's zone, which `zone` returns; without a day it means today. A day without a clock time
    means its midnight.

    Args:
        ago: Count a span without `in` or `ago` back from now, as for a period of history, instead of forward.
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
