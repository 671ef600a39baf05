"""Durations in the forms that callers write."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

_DURATION = re.compile(r"P(?:(\d{1,4})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def span_of(text: str) -> timedelta:
    """Read `90s`, `30m`, `1h`, `7d` or an ISO 8601 duration. Raises `ValueError`."""
    unit = _UNITS.get(text[-1:].lower())
    try:
        span = timedelta(**{unit: int(text[:-1])}) if unit is not None and text[:-1].isdigit() else duration(text)
    except (ValueError, OverflowError):
        span = None
    if span is None:
        raise ValueError(f"{text!r} is not a duration; write 1h, 30m or 7d")
    return span


def duration(value: Any) -> timedelta | None:
    """Read days, hours, minutes and seconds in ISO 8601, such as `PT2H` or `P1DT30M`. Raises `ValueError`."""
    if value is None or isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise ValueError("must be an ISO 8601 duration such as PT2H or P1D")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
