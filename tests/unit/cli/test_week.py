"""The picture of a charger's week: a line a local day, as long as that day is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from access_policy.entrypoints.cli.week import CELL, FREE, MANAGED, NOW, draw

BERLIN = ZoneInfo("Europe/Berlin")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def segment(start: datetime, end: datetime, mode: str, kind: str = "rule", name: str = "Nights") -> dict[str, Any]:
    cause = {"kind": kind, "id": None if kind == "baseline" else f"{kind}-1", "name": name}
    return {"start": start.isoformat(), "end": end.isoformat(), "mode": mode, "cause": cause}


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def lines(segments: list[dict[str, Any]], now: datetime = LONG_AGO) -> list[str]:
    return [line.plain for line in draw(segments, BERLIN, now=now)]


def cells(line: str) -> str:
    return line[15:]


def test_a_day_has_a_cell_for_each_half_hour_and_the_mode_shows_without_colour() -> None:
    _, day, *_ = lines(
        [
            segment(berlin("2026-11-20T00:00"), berlin("2026-11-20T06:00"), "managed"),
            segment(berlin("2026-11-20T06:00"), berlin("2026-11-21T00:00"), "freevend", "baseline"),
        ]
    )

    assert day.startswith("Fri 2026-11-20 ")
    assert cells(day) == MANAGED * 12 + FREE * 36


def test_the_days_of_a_clock_change_are_as_long_as_they_are() -> None:
    spring = lines([segment(berlin("2026-03-29T00:00"), berlin("2026-03-30T00:00"), "managed")])[1]
    autumn = lines([segment(berlin("2026-10-25T00:00"), berlin("2026-10-26T00:00"), "managed")])[1]

    assert (len(cells(spring)), len(cells(autumn))) == (46, 50)


def test_now_is_marked_in_its_cell() -> None:
    free = segment(berlin("2026-11-20T00:00"), berlin("2026-11-21T00:00"), "freevend", "baseline")
    day = lines([free], now=berlin("2026-11-20T09:10"))[1]

    assert cells(day).index(NOW) == timedelta(hours=9) // CELL


def test_what_is_not_asked_for_stays_empty_and_overrides_are_told_apart() -> None:
    _, day, *_ = lines(
        [segment(berlin("2026-11-20T06:00"), berlin("2026-11-20T12:00"), "freevend", "override", "visit")]
    )

    assert cells(day) == " " * 12 + "!" * 12 + " " * 24


def test_each_cause_is_named_once_with_its_first_time() -> None:
    nights = [
        segment(berlin(f"2026-11-{day}T22:00"), berlin(f"2026-11-{day + 1}T06:00"), "managed") for day in (20, 21, 22)
    ]

    (cause,) = [line for line in lines(nights) if "Nights" in line]
    assert cause == "managed   rule 'Nights' (rule-1): first Fri 20 Nov 22:00 to Sat 21 Nov 06:00"


def test_an_empty_timeline_has_no_picture() -> None:
    assert lines([]) == []
