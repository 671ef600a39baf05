"""CSV files for spreadsheets: non-ASCII characters survive, and no cell runs as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from access_policy.domain.ids import checked_id

BYTE_ORDER_MARK = "\ufeff"  # Excel recognises UTF-8 by it

# Spreadsheets run cells with these prefixes as formulas (OWASP, CSV injection); a leading apostrophe prevents it.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "'")
EXPONENT = re.compile(r"[0-9]+(?:[.,][0-9]+)?[Ee][+-][0-9]+|[0-9]+[.,][0-9]+[Ee][0-9]+")

CLEAR = "-"  # as the content of a cell: clears the value
ENTER_AS_TEXT = "Format the column as 'Text' in the spreadsheet and enter the value again."
MADE_A_NUMBER = f"A spreadsheet converted the value to a number and lost digits. {ENTER_AS_TEXT}"


def guarded(text: str) -> str:
    """Escape `text` so that no spreadsheet runs it; `unguarded` reverses it."""
    return f"'{text}" if needs_guard(text) else text


def unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and needs_guard(text[1:]) else text


def csv_file(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Write the columns of the rows under a header, with a byte order mark; strings are guarded."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: guarded(cell) if isinstance(cell := row[name], str) else cell for name in columns})
    return BYTE_ORDER_MARK + text.getvalue()


def needs_guard(text: str) -> bool:
    return text.lstrip().startswith(_FORMULA) or EXPONENT.fullmatch(text) is not None


def id_cell(cell: str, column: str) -> str:
    """Return the id in the cell. Raises `InvalidId`, or `ValueError` for an id that a spreadsheet converted to a number."""
    text = cell.strip()
    if EXPONENT.fullmatch(text):
        raise ValueError(MADE_A_NUMBER)
    return checked_id(unguarded(text), column)
