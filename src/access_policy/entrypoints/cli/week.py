"""A charger's timeline as a picture: a line a local day, a cell a quarter or half of an hour.

Reads without colour as well: freevend is a thin line, managed access a solid block. A day of a clock change is as long as
it is, so its line is shorter or longer; what is written above the cells are the hours of an ordinary day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.text import Text

CELL = timedelta(minutes=30)
FREE, MANAGED, NOTHING, NOW = "─", "█", " ", "┃"
_STYLE = {"freevend": "green", "managed": "blue"}
_MARKS = {"override": "!", "exception": "x"}

Segments = Sequence[Mapping[str, Any]]


def draw(segments: Segments, zone: ZoneInfo, *, now: datetime) -> Iterator[Text]:
    """Hours, days, and what the marks mean."""
    if not segments:
        return
    spans = [(_at(each["start"]), _at(each["end"]), each) for each in segments]
    begin, end = spans[0][0], spans[-1][1]
    yield Text(" " * 15 + "".join(f"{hour:02d}:00".ljust(12) for hour in range(0, 24, 6)))
    day = begin.astimezone(zone).date()
    while (starts := _midnight(day, zone)) < end:
        yield _line(day.strftime("%a %Y-%m-%d"), starts, _midnight(day + timedelta(days=1), zone), spans, now)
        day += timedelta(days=1)
    yield Text("")
    yield Text.assemble((FREE * 2, "green"), " freevend   ", (MANAGED * 2, "blue"), " managed access   ", NOW, " now")
    yield from _causes(spans, zone)


def _line(
    name: str, starts: datetime, ends: datetime, spans: Sequence[tuple[datetime, datetime, Any]], now: datetime
) -> Text:
    line = Text(f"{name} ")
    at = starts
    while at < ends:
        following = min(at + CELL, ends)
        middle = at + (following - at) / 2
        found = next((each for begins, over, each in spans if begins <= middle < over), None)
        if at <= now < following:
            line.append(NOW, "bold")
        elif found is None:
            line.append(NOTHING)
        else:
            managed = found["mode"] == "managed"
            mark = _MARKS.get(found["cause"]["kind"])
            line.append(mark if mark and not managed else MANAGED if managed else FREE, _STYLE[found["mode"]])
        at = following
    return line


def _causes(spans: Sequence[tuple[datetime, datetime, Any]], zone: ZoneInfo) -> Iterator[Text]:
    """Each cause once, with when it holds first."""
    seen: dict[tuple[str, str | None], tuple[datetime, datetime, Any]] = {}
    for span in spans:
        seen.setdefault((span[2]["cause"]["kind"], span[2]["cause"]["id"]), span)
    for begins, over, each in seen.values():
        cause = each["cause"]
        named = cause["kind"] if cause["id"] is None else f"{cause['kind']} {cause['name']!r} ({cause['id']})"
        when = f"{_clock(begins, zone)} to {_clock(over, zone)}"
        yield Text.assemble((f"{each['mode']:9}", _STYLE[each["mode"]]), f" {named}: first {when}")


def _clock(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%a %d %b %H:%M")


def _midnight(day: Any, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
