"""Instants are aware datetimes in UTC; a datetime without an offset is refused, never guessed (company ADR 0009)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from access_policy.domain.errors import Invalid

YEAR_MIN = 2000
YEAR_MAX = 2200


class NaiveInstant(Invalid):
    code = "naive-instant"


class InstantOutOfRange(Invalid):
    code = "instant-out-of-range"


class UnknownTimeZone(Invalid):
    code = "unknown-time-zone"


def utc(instant: datetime, name: str = "instant") -> datetime:
    """`instant` in UTC. Raises `NaiveInstant` if it has no offset, `InstantOutOfRange` if nobody can mean it."""
    if instant.utcoffset() is None:
        raise NaiveInstant(
            f"{name} has no offset from UTC; write it as 2026-11-20T06:00:00Z or with +01:00.", pointer=f"/{name}"
        )
    checked_year(instant.year, name)
    return instant.astimezone(UTC)


def checked_year(year: int, name: str) -> None:
    """Raises `InstantOutOfRange` for a year that no schedule can mean."""
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise InstantOutOfRange(
            f"{name} lies in the year {year}; years from {YEAR_MIN} to {YEAR_MAX} are allowed.", pointer=f"/{name}"
        )


def zone(key: str, name: str = "time_zone") -> ZoneInfo:
    """The IANA time zone called `key`. Raises `UnknownTimeZone`."""
    try:
        return ZoneInfo(key)
    except (ValueError, OSError, LookupError) as error:
        raise UnknownTimeZone(
            f"{key[:64]!r} is not a time zone of the IANA database; use a name such as 'Europe/Berlin' or 'UTC'.",
            pointer=f"/{name}",
        ) from error
