"""Charts as SVG. Positions and widths are percentages of the width, heights are pixels, so that a chart fits every screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

HEIGHT: Final = 160
LABELS_MAX: Final = 12
GAP: Final = 0.22  # of a column's room


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a column; `y` is counted from the top."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class ChartColumn:
    x: float
    width: float
    middle: float
    label: str
    is_labelled: bool
    is_minor: bool  # its label is left out on a phone
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """Stacked columns. `steps` are the lines of the scale: their height and value."""

    columns: tuple[ChartColumn, ...]
    steps: tuple[tuple[float, int], ...]
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    value: float
    share: float  # per cent of the largest bar


def column_chart(rows: Sequence[tuple[str, str, Mapping[str, int]]]) -> ColumnChart:
    """Return a chart. Each row has a short label, the title in words, and the values of its parts, from the bottom
    up."""
    top = scale_top(max((sum(values.values()) for _, _, values in rows), default=0))
    room = 100 / max(len(rows), 1)
    every = -(-len(rows) // LABELS_MAX) or 1
    columns = tuple(
        ChartColumn(
            x=round(room * (index + GAP / 2), 3),
            width=round(room * (1 - GAP), 3),
            middle=round(room * (index + 0.5), 3),
            label=label,
            is_labelled=index % every == 0,
            is_minor=index // every % 2 == 1,
            title=title,
            parts=_stacked(values, top),
        )
        for index, (label, title, values) in enumerate(rows)
    )
    return ColumnChart(columns, ((0.0, top), (HEIGHT / 2, top // 2), (float(HEIGHT), 0)))


def _stacked(values: Mapping[str, int], top: int) -> tuple[Part, ...]:
    parts, base = [], 0.0
    for kind, value in values.items():
        height = HEIGHT * value / top
        base += height
        if value:
            parts.append(Part(kind, round(HEIGHT - base, 2), round(height, 2)))
    return tuple(parts)


def scale_top(largest: int) -> int:
    """Return the smallest even round number that is not below `largest`: 2, 4, 6, 8, 10, 20, 40, 60, 80, 100 …"""
    power = 1
    while True:
        for step in (2, 4, 6, 8, 10):
            if step * power >= largest:
                return step * power
        power *= 10


def bars(values: Sequence[tuple[str, Any]]) -> list[Bar]:
    largest = max((value for _, value in values), default=0) or 1
    return [Bar(label, value, round(100 * value / largest, 2)) for label, value in values]
