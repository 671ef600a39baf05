"""CSV files that a spreadsheet opens as they are: characters outside ASCII survive, and no cell is run as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

BYTE_ORDER_MARK = "\ufeff"  # before a file: by it Excel knows UTF-8

# Spreadsheets run cells that begin like this as formulas (OWASP, CSV injection); an apostrophe before them is the guard.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "'")
EXPONENT = re.compile(r"[0-9]+(?:[.,][0-9]+)?[Ee][+-][0-9]+|[0-9]+[.,][0-9]+[Ee][0-9]+")


def guarded(text: str) -> str:
    """`text` so that no spreadsheet runs it; `unguarded` gives it back."""
    return f"'{text}" if needs_guard(text) else text


def unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and needs_guard(text[1:]) else text


def csv_file(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """The rows' columns under a header, with a byte order mark; texts are guarded."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: guarded(cell) if isinstance(cell := row[name], str) else cell for name in columns})
    return BYTE_ORDER_MARK + text.getvalue()


def needs_guard(text: str) -> bool:
    return text.lstrip().startswith(_FORMULA) or EXPONENT.fullmatch(text) is not None
