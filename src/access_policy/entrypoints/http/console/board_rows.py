"""Rows of the board as HTML, each rendered once for all consoles that show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from access_policy.application.event_loop import cooperatively
from access_policy.entrypoints.http.console.audience import Audience
from access_policy.entrypoints.http.console.board_reading import BoardRow
from access_policy.entrypoints.http.console.templating import environment

AT_A_TIME: Final = 10  # rows in one iteration of the event loop


@dataclass(frozen=True, slots=True)
class SharedRow:
    """A row of the board. `html` holds the rendered row for each audience that has requested it."""

    row: BoardRow
    html: dict[Audience, str] = field(default_factory=dict)


async def rows_drawn(audience: Audience, rows: Sequence[SharedRow]) -> str:
    """Render the rows without pictures, to replace those on the page."""
    if missing := [each for each in rows if audience not in each.html]:
        template = environment().get_template("board_row.html").make_module({"here": audience})
        async for each in cooperatively(missing, at_a_time=AT_A_TIME):
            each.html[audience] = str(template.board_row(audience, each.row, (), oob=True))  # type: ignore[attr-defined]
    return "".join(each.html[audience] for each in rows)
