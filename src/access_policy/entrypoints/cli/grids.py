"""Lay out a table for the width of a terminal.

Texts are wrapped and, after some lines, shortened with an ellipsis. Columns that do not fit follow below their row,
each with its name. Ids and instants are neither wrapped nor shortened, so that they can be copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

GAP: Final = 2  # columns of the terminal between two columns of the table
WORD_MAX: Final = 24  # a longer word of a text may be broken
TEXT_MIN: Final = 12  # a narrower column of texts is hard to read
LINES_MAX: Final = 5  # of a text in one cell

_IDS: Final = frozenset({"id", "charger", "depot", "vehicle", "attempt", "agreement", "event"})
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+")


@dataclass(frozen=True, slots=True)
class _Column:
    """A column. `least`: the width that its unbreakable words need."""

    name: str
    cells: Sequence[Text]
    natural: int
    least: int
    is_whole: bool

    @staticmethod
    def of(name: str, cells: Sequence[Text]) -> _Column:
        is_whole = name.endswith(("_id", "_ids")) or name in _IDS
        natural = max(len(name), *(each.cell_len for each in cells))
        least = max(len(name), 0 if is_whole else min(natural, TEXT_MIN), *(_least(each, is_whole) for each in cells))
        return _Column(name, cells, natural, least, is_whole)

    def lines(self, cell: Text, width: int, console: Console) -> list[Text]:
        lines = list(cell.wrap(console, max(width, 1), overflow="fold"))
        if self.is_whole or len(lines) <= LINES_MAX:
            return lines
        last = lines[LINES_MAX - 1]
        last.rstrip()
        last.truncate(width - 1)
        return [*lines[: LINES_MAX - 1], last.append("…")]


def _least(cell: Text, is_whole: bool) -> int:
    if _INSTANT.fullmatch(cell.plain):
        return cell.cell_len
    words = (Text(word).cell_len for word in cell.plain.split())
    return max((length if is_whole else min(length, WORD_MAX) for length in words), default=0)


def laid_out(names: Sequence[str], rows: Sequence[Sequence[Text]], console: Console) -> Iterator[Text]:
    """Yield the header and the rows, none wider than the console unless one word of an id is. Empty columns are left out."""
    columns = [_Column.of(name, [row[place] for row in rows]) for place, name in enumerate(names)]
    columns = [column for column in columns if any(cell.plain for cell in column.cells)]
    beside, widths = list(columns), _widths(columns, console.width)
    while widths is None and len(beside) > 1:
        beside.pop()
        widths = _widths(beside, console.width)
    widths = widths or [console.width]
    yield from _side_by_side([[Text(column.name, "bold")] for column in beside], widths)
    for place in range(len(rows)):
        cells = (
            column.lines(column.cells[place], width, console) for column, width in zip(beside, widths, strict=True)
        )
        yield from _side_by_side(list(cells), widths)
        yield from _below(columns[len(beside) :], place, console)


def _widths(columns: Sequence[_Column], available: int) -> list[int] | None:
    """Return a width for each column; None if not even their unbreakable words fit."""
    spare = available - GAP * (len(columns) - 1) - sum(column.least for column in columns)
    if spare < 0:
        return None
    widths = [column.least for column in columns]
    while spare > 0:
        wanted = [column.natural - width for column, width in zip(columns, widths, strict=True)]
        if max(wanted, default=0) <= 0:
            break
        widths[wanted.index(max(wanted))] += 1
        spare -= 1
    return widths


def _side_by_side(cells: Sequence[Sequence[Text]], widths: Sequence[int]) -> Iterator[Text]:
    for place in range(max(len(lines) for lines in cells)):
        line = Text()
        for lines, width in zip(cells, widths, strict=True):
            part = lines[place].copy() if place < len(lines) else Text()
            part.rstrip()
            line.append_text(part).append(" " * (width - part.cell_len + GAP))
        line.rstrip()
        yield line


def _below(columns: Sequence[_Column], row: int, console: Console) -> Iterator[Text]:
    """Yield the named values of the columns that do not fit, indented, as many per line as fit."""
    width, line = console.width - GAP, Text()
    for column in columns:
        if not column.cells[row].plain:
            continue
        value = Text(f"{column.name} ", "dim").append_text(column.cells[row])
        if line.plain and line.cell_len + GAP + value.cell_len > width:
            yield Text(" " * GAP).append_text(line)
            line = Text()
        *full, last = column.lines(value, width, console)
        yield from (Text(" " * GAP).append_text(each) for each in full)
        line = last if not line.plain else line.append(" " * GAP).append_text(last)
    if line.plain:
        yield Text(" " * GAP).append_text(line)
