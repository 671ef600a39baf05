"""Parse each cell of a charger on its own: into a value, "unchanged", or an error that says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from access_policy.application.registry_import.csv_file import Row, Table
from access_policy.application.spreadsheets import CLEAR, EXPONENT, MADE_A_NUMBER, id_cell, unguarded
from access_policy.domain.access_mode import AccessMode, Enforcement, OfflineStarts, OnStoreOutage, OnWindowStart
from access_policy.domain.errors import Refused
from access_policy.domain.ids import ChargerId
from access_policy.domain.vehicle_registry.import_plan import CellError

CHARGERS = Table(
    (
        "charger_id",
        "charge_point_id",
        "depot_id",
        "profile",
        "baseline_mode",
        "enforcement",
        "connectors",
        "on_window_start",
        "on_store_outage",
        "offline_starts",
        "password",
        "reservation_only",
    ),
    key="charger_id",
    subject="charger",
    rows_max=5_000,
)
PASSWORD = "password"  # noqa: S105  the name of a column
PASSWORD_LENGTHS = (8, 64)
CONNECTORS = (1, 100)

_SAID: Mapping[str, bool] = {"true": True, "yes": True, "false": False, "no": False}
_MASK = re.compile(r"[*•]+")
_WHOLE = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class ReadCharger:
    """One row of the file. A column that is missing in `values` keeps its value."""

    line: int
    charger_id: ChargerId | None
    values: Mapping[str, Any] = field(default_factory=dict)
    errors: tuple[CellError, ...] = ()


def read_chargers(rows: Iterable[Row]) -> list[ReadCharger]:
    return [_read(row) for row in rows]


def _read(row: Row) -> ReadCharger:
    if row.wrong is not None:
        return ReadCharger(row.line, None, errors=(CellError(None, row.wrong),))
    errors: list[CellError] = []
    values: dict[str, Any] = {}
    for column in CHARGERS.columns:
        cell = row.cells.get(column, "")
        if column != CHARGERS.key and (not cell.strip() or _is_masked(column, cell)):
            continue
        try:
            values[column] = _PARSE[column](cell)
        except Refused as refusal:
            errors.append(CellError(column, refusal.detail))
        except ValueError as wrong:
            errors.append(CellError(column, str(wrong)))
    return ReadCharger(row.line, values.pop(CHARGERS.key, None), values, tuple(errors))


def _is_masked(column: str, cell: str) -> bool:
    return column == PASSWORD and _MASK.fullmatch(cell.strip()) is not None


def _id_of(column: str) -> Callable[[str], str]:
    def parse(cell: str) -> str:
        _must_hold_a_value(column, cell)
        return id_cell(cell, column)

    return parse


def _charge_point_id(cell: str) -> str:
    _must_hold_a_value("charge_point_id", cell)
    if EXPONENT.fullmatch(cell.strip()):
        raise ValueError(MADE_A_NUMBER)
    return unguarded(cell.strip())


def _one_of(column: str, choices: type[StrEnum]) -> Callable[[str], StrEnum]:
    said = " or ".join(f"'{each.value}'" for each in choices)

    def parse(cell: str) -> StrEnum:
        _must_hold_a_value(column, cell)
        try:
            return choices(cell.strip().lower())
        except ValueError:
            raise ValueError(f"{column} must be {said}.") from None

    return parse


def _yes_or_no(column: str) -> Callable[[str], bool]:
    def parse(cell: str) -> bool:
        _must_hold_a_value(column, cell)
        if (said := _SAID.get(cell.strip().casefold())) is None:
            raise ValueError(f"{column} must be 'true' or 'false'.")
        return said

    return parse


def _connectors(cell: str) -> int:
    _must_hold_a_value("connectors", cell)
    first, last = CONNECTORS
    if not _WHOLE.fullmatch(cell.strip()) or not first <= int(cell) <= last:
        raise ValueError(f"connectors must be a whole number from {first} to {last}.")
    return int(cell)


def _password(cell: str) -> str:
    """Parse the password; error messages never repeat it."""
    _must_hold_a_value(PASSWORD, cell)
    if EXPONENT.fullmatch(cell.strip()):
        raise ValueError(MADE_A_NUMBER)
    password = unguarded(cell)
    shortest, longest = PASSWORD_LENGTHS
    if not shortest <= len(password) <= longest:
        raise ValueError(
            f"A password must have {shortest} to {longest} characters. Leave the cell empty to keep the present one."
        )
    if not password.isprintable():
        raise ValueError("A password must not contain control characters.")
    return password


def _must_hold_a_value(column: str, cell: str) -> None:
    if cell.strip() == CLEAR:
        raise ValueError(f"{column} cannot be cleared; enter a value, or leave the cell empty to keep the present one.")


_PARSE: Mapping[str, Callable[[str], Any]] = {
    "charger_id": _id_of("charger_id"),
    "charge_point_id": _charge_point_id,
    "depot_id": _id_of("depot_id"),
    "profile": _id_of("profile"),
    "baseline_mode": _one_of("baseline_mode", AccessMode),
    "enforcement": _one_of("enforcement", Enforcement),
    "connectors": _connectors,
    "on_window_start": _one_of("on_window_start", OnWindowStart),
    "on_store_outage": _one_of("on_store_outage", OnStoreOutage),
    "offline_starts": _one_of("offline_starts", OfflineStarts),
    "reservation_only": _yes_or_no("reservation_only"),
    PASSWORD: _password,
}
assert set(_PARSE) == set(CHARGERS.columns)
