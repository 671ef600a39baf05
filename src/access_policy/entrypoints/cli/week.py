"""Draw a charger's timeline: one line per local day, one cell per quarter or half of an hour.

A day with a clock change has its real length and its own scale, so that each cell is below its hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

from rich.text import Text

from access_policy.entrypoints.cli.timeline_cells import (
    A_DAY,
    BOTH,
    CELL,
    FINE_CELL,
    STYLE,
    Segments,
    Span,
    cells,
    midnight,
    scale,
    signs,
    spans_of,
)

FINE_FROM_COLUMNS = 120
_MARGIN = 15


def draw(segments: Segments, zone: ZoneInfo, *, now: datetime, columns: int = 80) -> Iterator[Text]:
    """Yield the scale, the days and the legend."""
    if not segments:
        return
    spans = spans_of(segments)
    cell = FINE_CELL if columns >= FINE_FROM_COLUMNS else CELL
    end = spans[-1].end
    day, hours_above, changes_within = spans[0].start.astimezone(zone).date(), "", False
    while midnight(day, zone) < end:
        starts, ends = midnight(day, zone), midnight(day + A_DAY, zone)
        hours = scale(starts, ends, zone, cell)
        if hours != hours_above:
            yield Text(" " * _MARGIN + hours)
            hours_above = hours
        line = Text(f"{day:%a %Y-%m-%d} ").append_text(cells(starts, ends, spans, now, cell))
        changes_within = changes_within or BOTH in line.plain
        yield line
        day += A_DAY
    yield Text("")
    yield from signs(spans[0].start, end, now, zone, has_mixed=changes_within)
    yield from _causes(spans, zone)


def _causes(spans: Sequence[Span], zone: ZoneInfo) -> Iterator[Text]:
    """Yield one legend line per cause, with its first period."""
    seen: dict[tuple[str, str, str | None], list[Span]] = {}
    for span in spans:
        seen.setdefault((span.mode, span.cause["kind"], span.cause["id"]), []).append(span)
    for (mode, kind, cause_id), found in seen.items():
        text = kind
        if cause_id is not None:
            start, end = (each.astimezone(zone) for each in (found[0].start, found[0].end))
            when = f"{len(found)} times, first {start:%a %d %b %H:%M}" if len(found) > 1 else _period(start, end)
            text = f"{kind} {found[0].cause['name']!r} ({cause_id}), {when}"
        yield Text.assemble((found[0].form * 2, STYLE[mode]), f" {mode:8}  {text}")


def _period(start: datetime, end: datetime) -> str:
    if start.time() == end.time() == time():
        last = end.date() - A_DAY
        return f"{start:%a %d %b}" if last == start.date() else f"{start:%a %d %b} to {last:%a %d %b}"
    return f"{start:%a %d %b %H:%M} to " + (f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a %d %b %H:%M}")
