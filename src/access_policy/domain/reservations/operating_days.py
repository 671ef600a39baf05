"""Operating days: the depot-local days by which plans are grouped. One begins at an hour that the depot sets."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.reservation import ReservationSource


def begin_of(day: date, zone: ZoneInfo, starts_at: time) -> datetime:
    """UTC. An hour that a clock change skips begins when it would have; of one that comes twice, the first counts."""
    return datetime.combine(day, starts_at, zone).astimezone(UTC)


def operating_day(at: datetime, zone: ZoneInfo, starts_at: time) -> date:
    """The day that has begun last at `at`."""
    day = at.astimezone(zone).date()
    return day if begin_of(day, zone, starts_at) <= at else day - timedelta(days=1)


def bounds_of(day: date, zone: ZoneInfo, starts_at: time) -> tuple[datetime, datetime]:
    """`[start, end)` in UTC. The day is 23 or 25 hours long where the clock changes in it."""
    return begin_of(day, zone, starts_at), begin_of(day + timedelta(days=1), zone, starts_at)


def plan_was_applied(book: ReservationBook, at: datetime, zone: ZoneInfo) -> bool:
    """The book has an entry of a dispatch plan of the operating day of `at`, whatever has become of it."""
    starts_at = book.settings.day_starts_at
    since, until = bounds_of(operating_day(at, zone, starts_at), zone, starts_at)
    entries = book.entries.by_id.values()
    return any(
        since <= each.reservation.start < until
        for each in entries
        if each.reservation.source is ReservationSource.DISPATCH
    )
