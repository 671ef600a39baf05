"""The picture of a charger's week: a line a local day, as long as that day is, each cell below its hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from access_policy.entrypoints.cli.timeline_cells import BOTH, CELL, FREE, MANAGED, NOW, PLAIN
from access_policy.entrypoints.cli.week import draw

BERLIN = ZoneInfo("Europe/Berlin")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def segment(start: datetime, end: datetime, mode: str, kind: str = "rule", name: str = "Nights") -> dict[str, Any]:
    cause = {"kind": kind, "id": None if kind == "baseline" else f"{kind}-1", "name": name}
    return {"start": start.isoformat(), "end": end.isoformat(), "mode": mode, "cause": cause}


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def lines(
    segments: list[dict[str, Any]], now: datetime = LONG_AGO, zone: ZoneInfo = BERLIN, columns: int = 80
) -> list[str]:
    return [line.plain for line in draw(segments, zone, now=now, columns=columns)]


def cells(line: str) -> str:
    return line[15:]


def whole(first: str, after: str, mode: str = "freevend") -> dict[str, Any]:
    return segment(berlin(first), berlin(after), mode, "baseline")


def test_week_with_a_clock_change_is_drawn_in_real_length() -> None:
    nights = [
        whole("2027-03-27T00:00", "2027-03-27T22:00"),
        segment(berlin("2027-03-27T22:00"), berlin("2027-03-28T06:00"), "managed"),
        whole("2027-03-28T06:00", "2027-03-28T22:00"),
        segment(berlin("2027-03-28T22:00"), berlin("2027-03-29T06:00"), "managed"),
        whole("2027-03-29T06:00", "2027-03-29T12:10"),
        segment(berlin("2027-03-29T12:10"), berlin("2027-03-29T14:00"), "managed", "override", "visit"),
        whole("2027-03-29T14:00", "2027-03-30T00:00"),
        segment(berlin("2027-03-30T00:00"), berlin("2027-03-31T00:00"), "managed", "exception", "closed"),
    ]

    assert lines(nights, now=berlin("2027-03-27T09:10")) == [
        "               00    03    06    09    12    15    18    21",
        "Sat 2027-03-27 ──────────────────┃─────────────────────────████",
        "               00  03    06    09    12    15    18    21",
        "Sun 2027-03-28 ██████████────────────────────────────────████ 23 h",
        "               00    03    06    09    12    15    18    21",
        "Mon 2027-03-29 ████████████────────────▚▓▓▓────────────────────",
        "Tue 2027-03-30 ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒",
        "",
        "┃  now, Sat 09:10",
        "▚  the mode changes within this cell",
        "── freevend  baseline",
        "██ managed   rule 'Nights' (rule-1), 2 times, first Sat 27 Mar 22:00",
        "▓▓ managed   override 'visit' (override-1), Mon 29 Mar 12:10 to 14:00",
        "▒▒ managed   exception 'closed' (exception-1), Tue 30 Mar",
    ]


def test_a_day_has_a_cell_for_each_half_hour_and_the_mode_shows_without_colour() -> None:
    _, day, *_ = lines(
        [
            segment(berlin("2026-11-20T00:00"), berlin("2026-11-20T06:00"), "managed"),
            whole("2026-11-20T06:00", "2026-11-21T00:00"),
        ]
    )

    assert day.startswith("Fri 2026-11-20 ")
    assert cells(day) == MANAGED * 12 + FREE * 36


def test_a_wide_terminal_shows_quarters_of_an_hour_and_no_line_is_too_long_for_it() -> None:
    autumn = lines([whole("2026-10-24T00:00", "2026-10-27T00:00")], columns=120)

    assert cells(autumn[1]) == FREE * 96
    assert max(map(len, autumn)) <= 120


@pytest.mark.parametrize(
    ("zone", "date", "hours", "scale"),
    [
        ("Europe/Berlin", "2026-03-29", "23 h", "00  03    06    09    12    15    18    21"),
        ("Europe/Berlin", "2026-10-25", "25 h", "00      03    06    09    12    15    18    21"),
        ("Australia/Lord_Howe", "2026-04-05", "24.5 h", "00     03    06    09    12    15    18    21"),
        (
            "America/Santiago",
            "2026-09-06",
            "23 h",
            "    03    06    09    12    15    18    21",
        ),  # begins at one o'clock
    ],
)
def test_a_day_of_a_clock_change_is_as_long_as_it_is_with_its_own_scale(
    zone: str, date: str, hours: str, scale: str
) -> None:
    begin = datetime.fromisoformat(date).replace(tzinfo=ZoneInfo(zone))
    above, day, *_ = lines([segment(begin, begin + timedelta(days=1), "freevend", "baseline")], zone=ZoneInfo(zone))

    assert cells(above) == scale
    assert day.endswith(f" {hours}")
    assert cells(day).count(FREE) == float(hours.split()[0]) * 2


def test_now_is_marked_in_its_cell() -> None:
    day = lines([whole("2026-11-20T00:00", "2026-11-21T00:00")], now=berlin("2026-11-20T09:10"))[1]

    assert cells(day).index(NOW) == timedelta(hours=9) // CELL


def test_a_window_shorter_than_a_cell_is_seen() -> None:
    day = lines(
        [
            whole("2026-11-20T00:00", "2026-11-20T10:05"),
            segment(berlin("2026-11-20T10:05"), berlin("2026-11-20T10:10"), "managed"),
            whole("2026-11-20T10:10", "2026-11-21T00:00"),
        ]
    )[1]

    assert cells(day) == FREE * 20 + BOTH + FREE * 27


def test_hours_outside_the_period_are_empty_and_overrides_have_their_own_form() -> None:
    _, day, *_ = lines(
        [segment(berlin("2026-11-20T06:00"), berlin("2026-11-20T12:00"), "freevend", "override", "visit")]
    )

    assert cells(day) == " " * 12 + "═" * 12 + " " * 24


def test_each_form_has_a_plain_twin_of_its_own() -> None:
    drawn = "─═┄█▓▒┃▚"

    assert drawn.translate(PLAIN).isascii()
    assert len(set(drawn.translate(PLAIN))) == len(drawn)


def test_an_empty_timeline_has_no_picture() -> None:
    assert lines([]) == []
