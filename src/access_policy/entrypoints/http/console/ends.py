"""The ends that an operator chooses for an override: a time of the day, a duration, the next change, or an instant typed in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from access_policy.domain.mode_schedule.rules import local_instant
from access_policy.entrypoints.http.console import times
from access_policy.entrypoints.http.console.forms import Form, invalid
from access_policy.entrypoints.http.fields import utc_text

HOURS: Final = (6, 12, 18, 22)  # on the depot's clock
LENGTHS: Final = {"PT1H": "For 1 h", "PT2H": "For 2 h", "PT4H": "For 4 h", "PT8H": "For 8 h"}
NEXT: Final = "next"
TYPED: Final = "typed"


def choices(now: datetime, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Return the values of the field `ends` and their labels; the next times of the day come first."""
    at = [(_value(each), f"Until {times.day_and_clock(each, zone, now)}") for each in _next_hours(now, zone)]
    return [*at, *LENGTHS.items(), (NEXT, "Until the next change of each charger"), (TYPED, "Until the time below")]


def _next_hours(now: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Return the next instant of each of `HOURS` that is at least a quarter of an hour away."""
    today = now.astimezone(zone).date()
    found = (_at(day, hour, zone) for day in (today, today + timedelta(days=1)) for hour in HOURS)
    yield from [each for each in found if each > now + timedelta(minutes=15)][: len(HOURS)]


def _at(day: date, hour: int, zone: ZoneInfo) -> datetime:
    return local_instant(day, time(hour), zone)


def _value(at: datetime) -> str:
    return utc_text(at)


def end_of(form: Form, zone: ZoneInfo) -> dict[str, Any]:
    """Return the one field of `OverrideBody` that says when it ends. Raises `RequestValidationError`."""
    match form.text("ends"):
        case "":
            raise invalid({"ends": "Choose when it ends."})
        case "next":
            return {"until_next_transition": True}
        case "typed":
            at = form.instant("until", zone)
            if at is None:
                raise invalid({"until": "Enter when it ends, such as 2026-11-20 18:00."})
            return {"until": utc_text(at)}
        case text if text in LENGTHS:
            return {"for": text}
        case text:
            return {"until": text}
