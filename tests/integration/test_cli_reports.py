"""Reports saved as files on the command line: equal to the report under the same filters, typed, and with the same columns when
they are empty."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow
import pytest
from pyarrow import parquet

from tests.support.served_cli import NIGHTS, Cli, answer

REPORTS: Final = {
    "report": ("report", "--by", "day,charger,reason"),
    "mode-compliance": ("mode-compliance", "--by", "day,charger"),
    "unenrolled": ("unenrolled",),
}
BEFORE_ALL: Final = ("--from", "2020-01-01", "--until", "2020-01-02")


@pytest.fixture
def visited(cli: Cli) -> Cli:
    """Two refused attempts at bay-1, and one at bay-2, which no filter names."""
    other = answer(cli("chargers", "show", "bay-1", "--json"))["charge_point_id"][:60] + "-2"
    charger = ("--charge-point-id", other, "--depot", "north", "--profile", "ocpp16-central")
    cli("chargers", "put", "bay-2", *charger, "--baseline-mode", "managed")
    cli("rules", "add", "bay-1", *NIGHTS)
    for charger_id, card in (("bay-1", "04FFFFFFFFFFFF"), ("bay-1", "04FFFFFFFFFFFE"), ("bay-2", "04FFFFFFFFFFFD")):
        cli("decide", charger_id, "rfid", card, "--record")
    return cli


@pytest.mark.parametrize("name", REPORTS)
def test_files_have_the_rows_of_the_report_under_the_same_filters(visited: Cli, name: str, tmp_path: Path) -> None:
    now = datetime.now(UTC).isoformat()  # after the attempts, if only by microseconds
    asked = (*REPORTS[name], "--charger", "bay-1", "--from", "2026-01-01", "--until", now)
    table, page = tmp_path / "report.parquet", tmp_path / "report.csv"

    visited(*asked, "--csv", str(page), "--parquet", str(table))
    rows = answer(visited(*asked, "--json"))["rows"]

    assert rows
    assert {row.get("charger_id", "bay-1") for row in rows} == {"bay-1"}
    saved = parquet.read_table(table)
    assert saved.to_pylist() == [{name: as_typed(name, value) for name, value in row.items()} for row in rows]
    cells = list(csv.DictReader(io.StringIO(page.read_text("utf-8-sig"))))
    assert cells == [{key: as_cell(value) for key, value in row.items()} for row in rows]
    assert {str(each.type) for each in saved.schema} & {"int64", "double"}
    instants = [each.type for each in saved.schema if each.name.endswith("_at")]
    assert instants
    assert all(pyarrow.types.is_timestamp(each) and each.tz == "UTC" for each in instants)


@pytest.mark.parametrize("name", REPORTS)
def test_files_without_rows_have_the_columns_and_types_of_those_with_rows(
    visited: Cli, name: str, tmp_path: Path
) -> None:
    schemas, headers = [], []
    for which, period in (("full", ()), ("empty", BEFORE_ALL)):
        file = tmp_path / f"{which}.parquet"
        visited(*REPORTS[name], *period, "--parquet", str(file))
        printed = visited(*REPORTS[name], *period, "--csv", "-").stdout
        schemas.append(parquet.read_schema(file))
        headers.append(printed.lstrip("\ufeff").splitlines()[0])
        assert (parquet.read_table(file).num_rows == 0) is (which == "empty")

    assert schemas[0].equals(schemas[1])
    assert headers[0] == headers[1] == ",".join(schemas[0].names)


def as_typed(name: str, value: Any) -> Any:
    """A value of the report's JSON as the Parquet file has it; times on the depot's clock have no zone there."""
    if value is None:
        return None
    if name == "day":
        return date.fromisoformat(value)
    if name.endswith("_local"):
        return datetime.fromisoformat(value).replace(tzinfo=None)
    return datetime.fromisoformat(value) if name.endswith("_at") else value


def as_cell(value: Any) -> str:
    return "" if value is None else str(value)
