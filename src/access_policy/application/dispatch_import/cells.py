"""Parse each cell of a dispatch sheet on its own: into a value, "unchanged", "empty", or an error that says what to do."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from access_policy.application.registry_import.csv_file import Row, Table
from access_policy.application.spreadsheets import CLEAR, EXPONENT, MADE_A_NUMBER, id_cell, unguarded
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId, VehicleId, checked_name
from access_policy.domain.instants import checked_year, utc
from access_policy.domain.reservations.reservation import NOTE_LENGTH_MAX
from access_policy.domain.vehicle_registry.import_plan import CellError

ASSIGNMENTS = Table(
    (
        "assignment_id",
        "block_id",
        "vehicle_id",
        "charger_id",
        "group",
        "from",
        "until",
        "departure",
        "needed_kwh",
        "needed_soc",
        "note",
    ),
    key="assignment_id",
    subject="assignment",
    rows_max=20_000,
)
CLEARED = frozenset({"block_id", "departure", "needed_kwh", "needed_soc", "note"})  # columns that may be empty
_MOMENTS = frozenset({"from", "until", "departure"})
_STRIPPED = frozenset({"assignment_id", "group"})  # they name something
_TEXT_LENGTH_MAX = 200
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{1,2}:\d{2}(:\d{2}([.]\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII)
_NUMBER = re.compile(r"\d{1,6}([.,]\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReadAssignment:
    """One row of the file. A column that is missing in `values` keeps its value; None empties it. Instants are in UTC."""

    line: int
    assignment_id: str | None
    values: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[CellError, ...] = ()
    warnings: tuple[CellError, ...] = ()


def read_assignments(rows: Iterable[Row], zone: ZoneInfo) -> list[ReadAssignment]:
    """Parse the rows. Instants without an offset are in the depot's `zone`."""
    return [_read(row, zone) for row in rows]


def _read(row: Row, zone: ZoneInfo) -> ReadAssignment:
    if row.wrong is not None:
        return ReadAssignment(row.line, None, errors=(CellError(None, row.wrong),))
    errors: list[CellError] = []
    warnings: list[CellError] = []
    values: dict[str, Any] = {}
    for column in ASSIGNMENTS.columns:
        cell = row.cells.get(column, "")
        if column != ASSIGNMENTS.key and not cell.strip():
            continue
        try:
            if cell.strip() == CLEAR:
                _must_be_clearable(column)
                values[column] = None
            elif column in _MOMENTS:
                values[column], said = _moment(cell, zone)
                warnings += [CellError(column, said)] if said else []
            else:
                values[column] = _PARSE[column](cell)
        except Refused as refusal:
            errors.append(CellError(column, refusal.detail))
        except ValueError as wrong:
            errors.append(CellError(column, str(wrong)))
    return ReadAssignment(row.line, values.pop(ASSIGNMENTS.key, None), values, tuple(errors), tuple(warnings))


def _must_be_clearable(column: str) -> None:
    if column not in CLEARED:
        raise ValueError(f"{column} cannot be cleared; enter a value, or leave the cell empty to keep the present one.")


def _text(column: str, length_max: int = _TEXT_LENGTH_MAX) -> Callable[[str], str]:
    def parse(cell: str) -> str:
        if EXPONENT.fullmatch(cell.strip()):
            raise ValueError(MADE_A_NUMBER)
        return checked_name(unguarded(cell.strip() if column in _STRIPPED else cell), column, length_max=length_max)

    return parse


def _moment(cell: str, zone: ZoneInfo) -> tuple[datetime, str | None]:
    """Return the instant in UTC, and a warning if a clock change skips or repeats the local time (ADR 0004)."""
    text = cell.strip()
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError("the form")
        day, clock = re.split(r"[Tt ]", text, maxsplit=1)
        at = datetime.fromisoformat(f"{day}T{clock}" if clock[2] == ":" else f"{day}T0{clock}")
    except ValueError as error:
        raise ValueError(
            "Not a valid time; write it as 2026-11-20 18:30 in the depot's time, or with an offset, as 2026-11-20T18:30+01:00."
        ) from error
    if at.tzinfo is not None:
        return utc(at, "The moment"), None
    checked_year(at.year, "The moment")
    first, second = (at.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return first, None
    if first < second:
        return (
            first,
            f"The clocks go back, so {text} occurs twice; the first is assumed. Write an offset for the second.",
        )
    shown = first.astimezone(zone)
    return first, f"The clocks go forward, so {text} does not exist; {shown:%H:%M} is assumed."


def _number(column: str, most: float) -> Callable[[str], float]:
    def parse(cell: str) -> float:
        text = cell.strip()
        if not _NUMBER.fullmatch(text):
            raise ValueError(f"{column} must be a number such as 180 or 62.5.")
        value = float(text.replace(",", "."))
        if not 0 < value <= most or not math.isfinite(value):
            raise ValueError(f"{column} must be a number above 0 and at most {most:,.0f}.")
        return value

    return parse


_PARSE: Mapping[str, Callable[[str], Any]] = {
    "assignment_id": _text("assignment_id"),
    "block_id": _text("block_id"),
    "vehicle_id": lambda cell: VehicleId(id_cell(cell, "vehicle_id")),
    "charger_id": lambda cell: ChargerId(id_cell(cell, "charger_id")),
    "group": _text("group"),
    "needed_kwh": _number("needed_kwh", 100_000),
    "needed_soc": _number("needed_soc", 100),
    "note": _text("note", NOTE_LENGTH_MAX),
}
assert set(_PARSE) | _MOMENTS == set(ASSIGNMENTS.columns)
