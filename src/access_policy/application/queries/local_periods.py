"""Divide spans of time on a depot's clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo


def local_days(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Yield `[start, end)`, instants in UTC, split at local midnights; nothing if it is empty."""
    while start < end:
        next_day = start.astimezone(zone).date() + timedelta(days=1)
        midnight = datetime.combine(next_day, time.min, zone).astimezone(start.tzinfo)
        part_end = min(end, max(midnight, start + timedelta(minutes=1)))
        yield start, part_end
        start = part_end


def local_hours(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Yield `[start, end)`, instants in UTC, split at the beginnings of local hours; nothing if it is empty."""
    while start < end:
        local = start.astimezone(zone)
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        part_end = min(end, start + timedelta(hours=1) - into)
        yield start, part_end
        start = part_end
