"""Read a CSV file: from bytes to rows of strings, each with the line on which it begins."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from access_policy.application.registry_import.errors import ImportFileUnreadable
from access_policy.domain.plurals import counted

COLUMNS = (
    "vehicle_id",
    "name",
    "access_class",
    "agreement_id",
    "valid_from",
    "valid_until",
    "rfid",
    "mac",
    "emaid",
    "pin",
    "plate",
    "other",
)
ROWS_MAX = 250_000


@dataclass(frozen=True, slots=True)
class Table:
    """The columns that a file may have; `key` identifies the `subject` of a row. At most `rows_max` rows."""

    columns: tuple[str, ...]
    key: str
    subject: str
    rows_max: int

    @property
    def known(self) -> str:
        return f"Known columns are {', '.join(self.columns)}."


VEHICLES = Table(COLUMNS, key="vehicle_id", subject="vehicle", rows_max=ROWS_MAX)

_OTHER_FILES = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip archive",
}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SEPARATORS = {";": "';'", "\t": "tabs", "|": "'|'"}


@dataclass(frozen=True, slots=True)
class Row:
    """`cells` are by column, verbatim. `wrong` says why the cells cannot be separated."""

    line: int
    cells: Mapping[str, str]
    wrong: str | None = None


def rows_of(file: bytes, table: Table = VEHICLES) -> Iterator[Row]:
    """Yield the rows that have content. Raises `ImportFileUnreadable` on reaching an unreadable part."""
    lines = _Lines(_text(file))
    header = next(lines, None)
    if header is None:
        raise _unreadable(f"The file is empty. Its first line must name the columns. {table.known}")
    if [cell.strip() for cell in header[1]] == ["sep=", ""]:  # "sep=,", which Excel writes and expects
        header = next(lines, (header[0], []))
    columns = _columns(table, header[0], _without_empty_end(header[1], 1))
    number = 0
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        number += 1
        if number > table.rows_max:
            raise _unreadable(f"The file has more than {table.rows_max:,} rows; split it and import the parts in turn.")
        cells = _without_empty_end(cells, len(columns))
        yield Row(line, dict(zip(columns, cells, strict=False)), _wrong_count(len(columns), cells))
    if number == 0:
        raise _unreadable("The file has a header and no rows; there is nothing to import.")


def _without_empty_end(cells: list[str], kept: int = 0) -> list[str]:
    """Return the cells without trailing empty ones, which spreadsheets write for columns that once had content; keep at
    least `kept`."""
    end = len(cells)
    while end > kept and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _wrong_count(expected: int, cells: list[str]) -> str | None:
    if len(cells) == expected:
        return None
    hint = "put a value that contains a comma in double quotes" if len(cells) > expected else "is a comma missing?"
    return f"The row has {counted(len(cells), 'cell')} and the header {expected}; {hint}."


class _Lines:
    """The file's records with the lines on which they begin; a quoted line break does not begin a record."""

    def __init__(self, text: str) -> None:
        self._reader = csv.reader(io.StringIO(text, newline=""), strict=True)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> tuple[int, list[str]]:
        begins = self._reader.line_num + 1
        try:
            return begins, next(self._reader)
        except csv.Error as error:
            raise _unreadable(
                f"The quotes of the row on line {begins} do not match ({error}): a quoted value ends with a quote before the "
                "next comma, and a quote within it is written twice."
            ) from error


# --- characters ------------------------------------------------------------------------------------------------------


def _text(file: bytes) -> str:
    for magic, name in _OTHER_FILES.items():
        if file.startswith(magic):
            raise _unreadable(f"This is {name} and not a CSV file; save the table as 'CSV UTF-8 (comma delimited)'.")
    text = _utf_16(file) if file.startswith(_UTF_16) else _utf_8(file)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _unreadable(f"Line {line} contains a NUL byte: the file is damaged or not UTF-8. Save it as 'CSV UTF-8'.")
    return text


def _utf_8(file: bytes) -> str:
    try:
        return file.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.count(b"\n", 0, error.start) + 1
        raise _unreadable(
            f"Line {line} is not UTF-8; the file was saved in another encoding (such as Windows-1252). Save it as 'CSV UTF-8'."
        ) from error


def _utf_16(file: bytes) -> str:
    try:
        return file.decode("utf-16")
    except UnicodeDecodeError as error:
        raise _unreadable(
            "The file starts as UTF-16 but does not continue as UTF-16; save it as 'CSV UTF-8'."
        ) from error


# --- the header ------------------------------------------------------------------------------------------------------


def _columns(table: Table, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip().lower() for cell in cells]
    unknown = [cell for cell, name in zip(cells, names, strict=True) if name not in table.columns]
    if len(unknown) == len(names):
        raise _unreadable(_no_header(table, line, cells))
    if unknown:
        shown = ", ".join(repr(cell[:40]) for cell in unknown[:10])
        raise _unreadable(f"The file has unknown columns: {shown}. {table.known}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise _unreadable(f"The header repeats a column: {', '.join(twice)}.")
    if table.key not in names:
        raise _unreadable(f"The header has no column {table.key}, which identifies the {table.subject} of a row.")
    return names


def _no_header(table: Table, line: int, cells: list[str]) -> str:
    for separator, name in _SEPARATORS.items() if len(cells) == 1 else ():
        parts = [part.strip(' "').lower() for part in cells[0].split(separator)]
        if parts == ["sep=", ""] or any(part in table.columns for part in parts):
            return f"This file is separated by {name}; save it with commas ('CSV UTF-8, comma delimited')."
    return f"Line {line} is not a header: its cells are not column names. {table.known}"


def _unreadable(detail: str) -> ImportFileUnreadable:
    return ImportFileUnreadable(detail)
