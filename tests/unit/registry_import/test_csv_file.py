"""Files as people send them: rows with the lines on which they begin, or one clear reason why not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from access_policy.application.registry_import.csv_file import VEHICLES, Table, rows_of
from access_policy.application.registry_import.errors import ImportFileUnreadable

HEADER = "vehicle_id,name"


def read(file: str | bytes, table: Table = VEHICLES) -> list[tuple[int, dict[str, str]]]:
    content = file.encode() if isinstance(file, str) else file
    return [(row.line, dict(row.cells)) for row in rows_of(content, table)]


def refusal(file: str | bytes, table: Table = VEHICLES) -> str:
    with pytest.raises(ImportFileUnreadable) as refused:
        read(file, table)
    return refused.value.detail


A = {"vehicle_id": "a", "name": "A"}
B = {"vehicle_id": "b", "name": "B"}


@pytest.mark.parametrize(
    "file",
    [
        f"{HEADER}\na,A\n".encode(),
        f"{HEADER}\r\na,A\r\n".encode(),
        f"{HEADER}\ra,A\r".encode(),
        f"{HEADER}\na,A".encode(),
        f"\ufeff{HEADER}\na,A\n".encode(),
        f"{HEADER}\na,A\n".encode("utf-16"),
        b"\xfe\xff" + f"{HEADER}\na,A\n".encode("utf-16-be"),
        b" Vehicle_ID , NAME\na,A\n",
        b'"vehicle_id","name"\n"a","A"\n',
        f"{HEADER}\na,A\n,\n\n , \n".encode(),
        f"{HEADER},,\r\na,A,,\r\n".encode(),
        f"{HEADER}\na,A, ,\n".encode(),
        f"{HEADER},, \na,A\n".encode(),
    ],
    ids=["lf", "crlf", "cr", "no last line end", "bom", "utf-16 le", "utf-16 be", "case", "quotes", "blank rows"]
    + [f"empty {what}" for what in ("columns", "cells", "headings")],
)
def test_one_row_in_many_dresses(file: bytes) -> None:
    assert read(file) == [(2, A)]
    assert [row.wrong for row in rows_of(file)] == [None]


def test_columns_come_in_any_order_and_may_be_missing() -> None:
    assert read("name,vehicle_id\nA,a\n") == [(2, A)]
    assert read("vehicle_id\na\n") == [(2, {"vehicle_id": "a"})]


def test_the_separator_line_of_excel_is_passed_over() -> None:
    assert read(f"sep=,\n{HEADER}\na,A\n") == [(3, A)]


def test_a_row_has_the_line_on_which_it_begins_whatever_line_breaks_are_quoted_before_it() -> None:
    assert read(f'{HEADER}\n\nx,"one\r\ntwo\nthree"\nb,B\n') == [
        (3, {"vehicle_id": "x", "name": "one\r\ntwo\nthree"}),
        (6, B),
    ]


def test_a_quoted_header_over_two_lines_moves_the_rows_down() -> None:
    assert [line for line, _ in read('vehicle_id,"\nname"\na,A\n')] == [3]


@pytest.mark.parametrize(
    ("cells", "hint"), [("a,A,extra", "3 cells and the header 2; put"), ("a", "1 cell and the header 2; is a comma")]
)
def test_a_row_with_too_many_or_too_few_cells_is_said_and_the_others_are_read(cells: str, hint: str) -> None:
    rows = list(rows_of(f"{HEADER}\n{cells}\nb,B\n".encode()))

    assert hint in str(rows[0].wrong)
    assert rows[1].wrong is None


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (HEADER.encode(), "no rows"),
        (f"{HEADER}\n\n,\n".encode(), "no rows"),
        (b"vehicle_id;name\na;A\n", "separated by ';'; save it with commas"),
        (b"vehicle_id\tname\na\tA\n", "separated by tabs"),
        (b"vehicle_id|name\na|A\n", "separated by '|'"),
        (b"sep=;\nvehicle_id;name\na;A\n", "separated by ';'"),
        (b"a,A\nb,B\n", "Line 1 is not a header"),
        (b"vehicle_id,colour\na,red\n", "unknown columns: 'colour'. Known columns are vehicle_id, name"),
        (b"vehicle_id,name,name\na,A,A\n", "repeats a column: name"),
        (b"name\nA\n", "no column vehicle_id"),
        ("vehicle_id,name\na,Bus\nb,Müller\n".encode("latin-1"), "Line 3 is not UTF-8"),
        (b"\xff\xfev\0e\0h", "UTF-16"),
        (f"{HEADER}\na,A\n".encode("utf-16-le"), "Line 1 contains a NUL byte"),
        (f"{HEADER}\na,A\nb,B\0\n".encode(), "Line 3 contains a NUL byte"),
        (f'{HEADER}\na,A\nb,"B\nc,C\n'.encode(), "row on line 3 do not match"),
        (f'{HEADER}\na,"A"x\n'.encode(), "row on line 2 do not match"),
        (f'{HEADER}\na,"{"x" * 200_000}"\n'.encode(), "row on line 2 do not match"),
        (b"PK\x03\x04 a workbook", "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook"),
        (b"%PDF-1.7", "a PDF"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<!doctype html><html>", "not a header"),
        (b'{"vehicles": []}', "not a header"),
    ],
)
def test_an_odd_file_is_refused_with_the_reason_and_the_place(file: bytes, said: str) -> None:
    assert said in refusal(file)


def test_more_rows_than_can_be_reviewed_are_refused() -> None:
    small = replace(VEHICLES, rows_max=2)

    assert "more than 2 rows" in refusal(f"{HEADER}\na,A\nb,B\nc,C\n", small)
    assert len(read(f"{HEADER}\na,A\nb,B\n", small)) == 2
