"""Operating days: the depot-local days by which plans are grouped. A day begins at an hour that the depot sets."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.reservation import ReservationSource


def begin_of(day: date, zone: ZoneInfo, starts_at: time) -> datetime:
    """Return the start of the operating day in UTC. An hour that a clock change skips begins when it would have begun; of
    an hour that occurs twice, the first counts.
    """
    return datetime.combine(day, starts_at, zone).astimezone(UTC)


def operating_day(at: datetime, zone: ZoneInfo, starts_at: time) -> date:
    """Return the operating day that contains `at`."""
    day = at.astimezone(zone).date()
    return day if begin_of(day, zone, starts_at) <= at else day - timedelta(days=1)


def bounds_of(day: date, zone: ZoneInfo, starts_at: time) -> tuple[datetime, datetime]:
    """Return the day as `[start, end)` in UTC. It is 23 or 25 hours long if the clock changes in it."""
    return begin_of(day, zone, starts_at), begin_of(day + timedelta(days=1), zone, starts_at)


def plan_was_applied(book: ReservationBook, at: datetime, zone: ZoneInfo) -> bool:
    """Whether the book has an entry of a dispatch plan of the operating day of `at`, whatever its outcome."""
    starts_at = book.settings.day_starts_at
    since, until = bounds_of(operating_day(at, zone, starts_at), zone, starts_at)
    entries = book.entries.by_id.values()
    return any(
        since <= each.reservation.start < until
        for each in entries
        if each.reservation.source is ReservationSource.DISPATCH
    )
