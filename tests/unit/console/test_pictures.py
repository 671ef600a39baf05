"""The picture of a charger's day: positions, lateness, drift, and nights on which the clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from access_policy.domain.access_mode import BASELINE_CAUSE, AccessMode, Cause, CauseKind
from access_policy.domain.mode_schedule.timeline import Segment
from access_policy.entrypoints.http.console.pictures import Window, clock_changes, picture, ticks

BERLIN = ZoneInfo("Europe/Berlin")
DAY = Window.of(date(2026, 11, 26), 1, BERLIN)
NIGHT = Cause(CauseKind.RULE, "r-1", "Nights")
OPEN_HOUSE = Cause(CauseKind.OVERRIDE, "o-1", "Open house")


def at(hour: int, minute: int = 0, day: int = 26) -> datetime:
    """On the depot's clock."""
    return datetime(2026, 11, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def segment(start: datetime, end: datetime, mode: AccessMode, cause: Cause = BASELINE_CAUSE) -> Segment:
    return Segment(start, end, mode, cause)


def applied(mode: str, when: datetime, *, late_s: float = 0, requested_at: datetime | None = None) -> dict[str, Any]:
    return {"mode": mode, "applied_at": when, "requested_at": requested_at or when, "late_s": late_s}


ALL_DAY = [segment(DAY.start, DAY.end, AccessMode.FREEVEND)]


def test_window_of_a_day_reaches_from_local_midnight_to_local_midnight() -> None:
    assert (DAY.start, DAY.end) == (at(0), at(0, day=27))
    assert [DAY.x(each) for each in (at(6), at(12), at(23, 59, day=25), at(1, day=27))] == [25.0, 50.0, 0.0, 100.0]


def test_band_shows_the_expected_mode_and_outlines_an_override() -> None:
    expected = [
        segment(DAY.start, at(6), AccessMode.MANAGED, NIGHT),
        segment(at(6), at(12), AccessMode.FREEVEND, OPEN_HOUSE),
        segment(at(12), DAY.end, AccessMode.FREEVEND),
    ]

    drawn = picture(DAY, expected, [], at(9))

    assert [(each.x, each.width, each.mode, each.outlined) for each in drawn.bands] == [
        (0.0, 25.0, "managed", False),
        (25.0, 25.0, "freevend", True),
        (50.0, 50.0, "freevend", False),
    ]
    assert drawn.bands[0].title == "Managed 00:00 to 06:00 CET by rule “Nights”"
    assert drawn.now == 37.5


def test_line_begins_when_a_mode_is_verified_and_ends_now() -> None:
    changes = [applied("managed", at(22, day=25)), applied("freevend", at(7, 12), late_s=4320)]

    drawn = picture(DAY, ALL_DAY, changes, at(12))

    assert [(each.x, each.width, each.mode) for each in drawn.line] == [
        (0.0, 30.0, "managed"),
        (30.0, 20.0, "freevend"),
    ]
    assert drawn.line[1].title == "Freevend 07:12 to 12:00 CET, 1 h 12 min late"


def test_line_of_a_charger_without_a_verified_mode_is_empty() -> None:
    requested = {"mode": "managed", "applied_at": None, "requested_at": at(6), "late_s": None}

    drawn = picture(DAY, ALL_DAY, [requested], at(12))

    assert drawn.line == ()
    assert "nothing verified" in drawn.in_words


def test_line_shows_the_other_mode_between_a_drift_and_its_repair() -> None:
    changes = [applied("managed", at(0)), applied("managed", at(9), requested_at=at(6))]

    drawn = picture(DAY, ALL_DAY, changes, at(12))

    assert [(each.x, each.mode) for each in drawn.line] == [(0.0, "managed"), (25.0, "freevend"), (37.5, "managed")]
    assert drawn.line[1].title.endswith("the charger had drifted")


def test_future_day_has_no_line_and_no_now() -> None:
    drawn = picture(DAY, ALL_DAY, [applied("freevend", at(8, day=20))], at(12, day=25))

    assert (drawn.line, drawn.now) == ((), None)


@pytest.mark.parametrize(
    ("day", "hours", "says"),
    [
        (date(2026, 10, 25), 25, "The clock goes back here, from after 02:59 to 02:00"),
        (date(2026, 3, 29), 23, "The clock goes forward here, from after 01:59 to 03:00"),
    ],
)
def test_clock_change_is_marked_where_it_happens(day: date, hours: int, says: str) -> None:
    window = Window.of(day, 1, BERLIN)
    changes_at = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)

    assert window.end - window.start == timedelta(hours=hours)
    assert clock_changes(window) == [(window.x(changes_at), says)]


def test_ticks_of_a_week_name_its_days() -> None:
    found = ticks(Window.of(date(2026, 11, 23), 7, BERLIN))

    assert [each.label for each in found if each.is_day] == [
        *("Mon 23", "Tue 24", "Wed 25", "Thu 26", "Fri 27", "Sat 28", "Sun 29")
    ]


def test_text_alternative_says_what_the_picture_shows() -> None:
    expected = [segment(DAY.start, at(6), AccessMode.MANAGED, NIGHT), segment(at(6), DAY.end, AccessMode.FREEVEND)]

    drawn = picture(DAY, expected, [applied("managed", at(0, 5), late_s=300)], at(3))

    assert drawn.in_words == (
        "Expected: Managed 00:00 to 06:00 CET by rule “Nights”; Freevend 06:00 to 00:00 CET by baseline mode. "
        "Applied: Managed 00:05 to 03:00 CET, 5 min late."
    )
