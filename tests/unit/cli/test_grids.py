"""Tables on a narrow terminal: nothing is wider than it, and ids are whole."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.text import Text

from access_policy.entrypoints.cli.grids import LINES_MAX, laid_out

ATTEMPT = "019a9f3e-7c1b-7d2e-8f00-3b1c5a9d2e4f"
WHEN = "2026-11-18 13:00:00 CET"


def lines(width: int, names: str, *rows: tuple[str, ...]) -> list[str]:
    console = Console(width=width, force_terminal=True)
    return [line.plain for line in laid_out(names.split(), [[Text(cell) for cell in row] for row in rows], console)]


def test_table_that_fits_has_one_line_a_row_and_no_empty_columns() -> None:
    assert lines(80, "id reason mode", ("a", "", "free"), ("long-id", "", "managed")) == [
        "id       mode",
        "a        free",
        "long-id  managed",
    ]


def test_text_is_wrapped_between_words_so_that_the_id_stays_whole() -> None:
    shown = lines(60, "attempt reason", (ATTEMPT, "the battery of the bus was full"))

    assert shown == [
        f"{'attempt':36}  reason",
        f"{ATTEMPT}  the battery of the bus",
        f"{'':36}  was full",
    ]


def test_columns_without_room_follow_below_their_row_with_their_names() -> None:
    shown = lines(60, "when charger reason attempt", (WHEN, "bay-1", "unknown_identifier", ATTEMPT))

    assert shown == [
        f"{'when':23}  charger  reason",
        f"{WHEN}  bay-1    unknown_identifier",
        f"  attempt {ATTEMPT}",
    ]


def test_long_text_ends_with_an_ellipsis_and_a_list_of_ids_does_not() -> None:
    text, ids = "word " * 100, ", ".join(f"bay-{number}" for number in range(100))
    shown = lines(40, "id text charger_ids", ("a", text, ids))

    assert max(map(len, shown)) <= 40
    assert sum("wor" in line for line in shown) == LINES_MAX
    assert any("…" in line for line in shown)
    assert set(ids.split(", ")) <= set(" ".join(shown).replace(",", " ").split())


@pytest.mark.parametrize("width", [20, 40, 79, 80, 132])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    rows = [(WHEN, "x" * 90, "a text with a wörd 漢字漢字漢字漢字漢字 " * 9, "y" * 70, "z" * 17)] * 2

    console = Console(width=width, force_terminal=True)
    names = ["when", "charger", "text", "payload", "vehicle_id"]
    for line in laid_out(names, [[Text(cell) for cell in row] for row in rows], console):
        assert line.cell_len <= max(width, 23)
