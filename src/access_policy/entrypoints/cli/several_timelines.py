"""Draw the timelines of several chargers: for each local day, one line per charger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
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

NAMED_MAX = 3  # causes with a name that one line of the legend lists
_LONGEST_DAY = timedelta(hours=25)
_LENGTH_WIDTH = 5  # " 25 h" after a day with a clock change


def draw_several(
    timelines: Mapping[str, Segments], zone: ZoneInfo, *, now: datetime, columns: int = 80
) -> Iterator[Text]:
    """Yield, for each day, its date with the scale and a line per charger, then the legend. `timelines`: by charger."""
    spans = {charger: spans_of(segments) for charger, segments in timelines.items()}
    every = [span for found in spans.values() for span in found]
    if not every:
        return
    cell = FINE_CELL if columns >= _LONGEST_DAY // FINE_CELL + max(map(len, spans)) + 1 + _LENGTH_WIDTH else CELL
    margin = min(max(10, *map(len, spans)), max(10, columns - _LONGEST_DAY // cell - _LENGTH_WIDTH - 1))
    first, end = min(span.start for span in every), max(span.end for span in every)
    day, changes_within = first.astimezone(zone).date(), False
    while midnight(day, zone) < end:
        starts, ends = midnight(day, zone), midnight(day + A_DAY, zone)
        yield Text(f"{day:%a %d %b}".ljust(margin + 1) + scale(starts, ends, zone, cell), "bold")
        for charger, found in spans.items():
            line = cells(starts, ends, found, now, cell)
            changes_within = changes_within or BOTH in line.plain
            if len(charger) > margin:  # an id is never shortened
                yield Text(charger)
            yield Text(("" if len(charger) > margin else charger).ljust(margin + 1)).append_text(line)
        yield Text("")
        day += A_DAY
    yield from signs(first, end, now, zone, has_mixed=changes_within)
    yield from _legend(every)


def _legend(spans: Sequence[Span]) -> Iterator[Text]:
    """Yield one line per mode and kind of cause, with the first names."""
    seen: dict[tuple[str, str], dict[str, None]] = {}
    forms: dict[tuple[str, str], str] = {}
    for span in spans:
        kind = (span.mode, span.cause["kind"])
        forms[kind] = span.form
        seen.setdefault(kind, {})
        if span.cause["id"] is not None:
            seen[kind][repr(span.cause["name"])] = None
    for (mode, cause), names in seen.items():
        text = " ".join(filter(None, (cause, ", ".join(list(names)[:NAMED_MAX]))))
        more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
        yield Text.assemble((forms[mode, cause] * 2, STYLE[mode]), f" {mode:8}  {text}{more}")
