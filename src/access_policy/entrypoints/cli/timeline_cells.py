"""The cells of a drawn timeline: their hours, and the shape that shows the mode.

The drawing is readable without colour: freevend is a line and managed access a block, with other shapes for overrides
and exceptions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.text import Text

CELL = timedelta(minutes=30)
FINE_CELL = timedelta(minutes=15)
FREE, MANAGED, NOTHING, NOW, BOTH = "─", "█", " ", "┃", "▚"
PLAIN = str.maketrans("─═┄█▓▒┃▚…", "-=.#%+|/~")  # for terminals without these characters
STYLE = {"freevend": "green", "managed": "blue"}
A_DAY = timedelta(days=1)

_FORMS = {
    ("freevend", "override"): "═",
    ("freevend", "exception"): "┄",
    ("managed", "override"): "▓",
    ("managed", "exception"): "▒",
}

Segments = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Span:
    start: datetime
    end: datetime
    mode: str
    cause: Mapping[str, Any]

    @property
    def form(self) -> str:
        return _FORMS.get((self.mode, self.cause["kind"]), MANAGED if self.mode == "managed" else FREE)


def spans_of(segments: Segments) -> list[Span]:
    return [Span(_at(each["start"]), _at(each["end"]), each["mode"], each["cause"]) for each in segments]


def scale(starts: datetime, ends: datetime, zone: ZoneInfo, cell: timedelta) -> str:
    """Return the scale: every third hour above its cell; a repeated hour counts once."""
    marks, marked, last = "", set[int](), -1
    for index, at in enumerate(cells_of(starts, ends, cell)):
        hour = at.astimezone(zone).hour
        first = hour != last and hour not in marked and hour % 3 == 0
        last = hour
        if first and len(marks) <= index:
            marks = marks.ljust(index) + f"{hour:02d}"
            marked.add(hour)
    return marks


def cells(starts: datetime, ends: datetime, spans: Sequence[Span], now: datetime, cell: timedelta) -> Text:
    """Draw the local day from `starts` to `ends`; a day with a clock change has its real length, which is shown."""
    spans = [each for each in spans if each.start < ends and each.end > starts]
    line = Text()
    for at in cells_of(starts, ends, cell):
        following = min(at + cell, ends)
        within = [each for each in spans if each.start < following and each.end > at]
        if at <= now < following:
            line.append(NOW, "bold")
        elif not within:
            line.append(NOTHING)
        elif len({each.mode for each in within}) > 1:
            line.append(BOTH, "yellow")
        else:
            longest = max(within, key=lambda each: min(each.end, following) - max(each.start, at))
            line.append(longest.form, STYLE[longest.mode])
    if ends - starts != A_DAY:
        line.append(f" {(ends - starts) / timedelta(hours=1):g} h", "bold")
    return line


def cells_of(starts: datetime, ends: datetime, cell: timedelta) -> Iterator[datetime]:
    at = starts
    while at < ends:
        yield at
        at += cell


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def signs(first: datetime, end: datetime, now: datetime, zone: ZoneInfo, *, has_mixed: bool) -> Iterator[Text]:
    """Yield a legend line for the present, if it is in `[first, end)`, and one for cells with both modes, if there are any."""
    if first <= now < end:
        yield Text(f"{NOW}  now, {now.astimezone(zone):%a %H:%M}")
    if has_mixed:
        yield Text.assemble((BOTH, "yellow"), "  the mode changes within this cell")
