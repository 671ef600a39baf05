"""Draw a charger's timeline: one line per local day, one cell per quarter or half of an hour.

The drawing is readable without colour: freevend is a line and managed access a block, with other forms for overrides and
exceptions. A day with a clock change has its real length and its own scale, so that each cell is below its hour.
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
FINE_FROM_COLUMNS = 120
FREE, MANAGED, NOTHING, NOW, BOTH = "─", "█", " ", "┃", "▚"
PLAIN = str.maketrans("─═┄█▓▒┃▚…", "-=.#%+|/~")  # for terminals without these characters

_FORMS = {
    ("freevend", "override"): "═",
    ("freevend", "exception"): "┄",
    ("managed", "override"): "▓",
    ("managed", "exception"): "▒",
}
_STYLE = {"freevend": "green", "managed": "blue"}
_MARGIN = 15
_A_DAY = timedelta(days=1)

Segments = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class _Span:
    start: datetime
    end: datetime
    mode: str
    cause: Mapping[str, Any]

    @property
    def form(self) -> str:
        return _FORMS.get((self.mode, self.cause["kind"]), MANAGED if self.mode == "managed" else FREE)


def draw(segments: Segments, zone: ZoneInfo, *, now: datetime, columns: int = 80) -> Iterator[Text]:
    """Yield the scale, the days and the legend."""
    if not segments:
        return
    spans = [_Span(_at(each["start"]), _at(each["end"]), each["mode"], each["cause"]) for each in segments]
    cell = FINE_CELL if columns >= FINE_FROM_COLUMNS else CELL
    end = spans[-1].end
    day, scale_above, changes_within = spans[0].start.astimezone(zone).date(), "", False
    while _midnight(day, zone) < end:
        starts, ends = _midnight(day, zone), _midnight(day + _A_DAY, zone)
        scale = _scale(starts, ends, zone, cell)
        if scale != scale_above:
            yield Text(" " * _MARGIN + scale)
            scale_above = scale
        line = _line(day, starts, ends, [each for each in spans if each.start < ends and each.end > starts], now, cell)
        changes_within = changes_within or BOTH in line.plain
        yield line
        day += _A_DAY
    yield Text("")
    if spans[0].start <= now < end:
        yield Text(f"{NOW}  now, {now.astimezone(zone):%a %H:%M}")
    if changes_within:
        yield Text.assemble((BOTH, "yellow"), "  the mode changes within this cell")
    yield from _causes(spans, zone)


def _scale(starts: datetime, ends: datetime, zone: ZoneInfo, cell: timedelta) -> str:
    """Return the scale: every third hour above its cell; a repeated hour counts once."""
    marks, marked, last = "", set[int](), -1
    for index, at in enumerate(_cells(starts, ends, cell)):
        hour = at.astimezone(zone).hour
        first = hour != last and hour not in marked and hour % 3 == 0
        last = hour
        if first and len(marks) <= index:
            marks = marks.ljust(index) + f"{hour:02d}"
            marked.add(hour)
    return marks


def _line(day: date, starts: datetime, ends: datetime, spans: Sequence[_Span], now: datetime, cell: timedelta) -> Text:
    line = Text(f"{day:%a %Y-%m-%d} ")
    for at in _cells(starts, ends, cell):
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
            line.append(longest.form, _STYLE[longest.mode])
    if ends - starts != _A_DAY:
        line.append(f" {(ends - starts) / timedelta(hours=1):g} h", "bold")
    return line


def _cells(starts: datetime, ends: datetime, cell: timedelta) -> Iterator[datetime]:
    at = starts
    while at < ends:
        yield at
        at += cell


def _causes(spans: Sequence[_Span], zone: ZoneInfo) -> Iterator[Text]:
    """Yield one legend line per cause, with its first period."""
    seen: dict[tuple[str, str, str | None], list[_Span]] = {}
    for span in spans:
        seen.setdefault((span.mode, span.cause["kind"], span.cause["id"]), []).append(span)
    for (mode, kind, cause_id), found in seen.items():
        text = kind
        if cause_id is not None:
            start, end = (each.astimezone(zone) for each in (found[0].start, found[0].end))
            when = f"{len(found)} times, first {start:%a %d %b %H:%M}" if len(found) > 1 else _period(start, end)
            text = f"{kind} {found[0].cause['name']!r} ({cause_id}), {when}"
        yield Text.assemble((found[0].form * 2, _STYLE[mode]), f" {mode:8}  {text}")


def _period(start: datetime, end: datetime) -> str:
    if start.time() == end.time() == time():
        last = end.date() - _A_DAY
        return f"{start:%a %d %b}" if last == start.date() else f"{start:%a %d %b} to {last:%a %d %b}"
    return f"{start:%a %d %b %H:%M} to " + (f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a %d %b %H:%M}")


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
