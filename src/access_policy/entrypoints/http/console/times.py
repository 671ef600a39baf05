"""Instants as people read them: on the depot's clock with the zone named, and UTC on hover."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from access_policy.entrypoints.http.fields import utc_text

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


def zone_name(at: datetime, zone: ZoneInfo) -> str:
    """Return an abbreviation such as `CET`, or an offset such as `UTC+03` if the zone has none."""
    name = at.astimezone(zone).tzname() or zone.key
    return f"UTC{name}" if name[0] in "+-" else name


def day(on: date) -> str:
    """Return text such as `Fri 1 Jan 2027`."""
    return f"{on:%a} {on.day} {on:%b %Y}"


def clock(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def day_and_clock(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return text such as `22:00 CET`, `tomorrow 22:00 CET` or `Thu 26 Nov 22:00 CET`, with the year if it differs."""
    local, today = at.astimezone(zone), now.astimezone(zone)
    return f"{_day(local, today)}{local:%H:%M} {zone_name(at, zone)}"


def _day(local: datetime, today: datetime) -> str:
    match (local.date() - today.date()).days:
        case 0:
            return ""
        case 1:
            return "tomorrow "
        case -1:
            return "yesterday "
        case _ if local.year == today.year:
            return f"{local:%a} {local.day} {local:%b} "
        case _:
            return f"{local:%a} {local.day} {local:%b %Y} "


def as_element(at: datetime, text: str) -> Markup:
    """Return a `<time>` element that shows `text`, and UTC on hover."""
    title = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return Markup(f'<time datetime="{utc_text(at)}" title="{title}">{escape(text)}</time>')  # noqa: S704  the text is escaped


def length(span: timedelta) -> str:
    """Return the two largest units: `45 s`, `12 min`, `2 h 5 min`, `3 d 4 h`."""
    span = abs(span)
    if span < MINUTE:
        return f"{int(span.total_seconds())} s"
    if span < HOUR:
        return f"{span // MINUTE} min"
    if span < 2 * DAY:
        hours, minutes = span // HOUR, (span % HOUR) // MINUTE
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = span // DAY, (span % DAY) // HOUR
    return f"{days} d {hours} h" if hours and days < 7 else f"{days} d"
