"""Instants are aware datetimes in UTC; a datetime without an offset is refused, not interpreted (company ADR 0009)."""

from __future__ import annotations

from datetime import UTC, date, datetime
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
    """Return `instant` in UTC. Raises `NaiveInstant` if it has no offset, `InstantOutOfRange` if it is outside the
    supported years.
    """
    if instant.utcoffset() is None:
        raise NaiveInstant(
            f"{name} has no offset from UTC; write it as 2026-11-20T06:00:00Z or with +01:00.", pointer=f"/{name}"
        )
    checked_year(instant.year, name)
    return instant.astimezone(UTC)


def utc_end(instant: datetime, name: str = "instant") -> datetime | None:
    """Return `instant` in UTC as an end; None (no end) for an instant after the last supported year: systems without a
    null write 9999-12-31. Raises the errors of `utc`.
    """
    if instant.utcoffset() is not None and is_far_future(instant):
        return None
    return utc(instant, name)


def is_far_future(end: date) -> bool:
    """True if the instant, as an end, means "no end"."""
    return end.year > YEAR_MAX


def checked_year(year: int, name: str) -> None:
    """Raise `InstantOutOfRange`, whose message names the range, for a year outside the supported range."""
    if not YEAR_MIN <= year <= YEAR_MAX:
        raise InstantOutOfRange(
            f"{name} is in the year {year}; use a year from {YEAR_MIN} to {YEAR_MAX}.", pointer=f"/{name}"
        )


def zone(key: str, name: str = "time_zone") -> ZoneInfo:
    """Return the IANA time zone named `key`. Raises `UnknownTimeZone`."""
    try:
        return ZoneInfo(key)
    except (ValueError, OSError, LookupError) as error:
        raise UnknownTimeZone(
            f"{key[:64]!r} is not a time zone of the IANA database; use a name such as 'Europe/Berlin' or 'UTC'.",
            pointer=f"/{name}",
        ) from error
