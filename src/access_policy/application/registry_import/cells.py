"""Parse each cell of a row on its own: into a value, "unchanged", "empty", or an error that says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from access_policy.application.registry_import.csv_file import Row
from access_policy.application.registry_import.identifier_cells import (
    KINDS,
    Check,
    IdentifierCell,
    IdentifierRules,
    RefOf,
    RefsOf,
    read_identifiers,
)
from access_policy.application.spreadsheets import CLEAR, id_cell, unguarded
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import AgreementId, VehicleId
from access_policy.domain.instants import utc, utc_end
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.domain.vehicle_registry.import_plan import CellError

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.]\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """One row of the file. A column that is missing in `values` is unchanged; None empties it."""

    line: int
    vehicle_id: VehicleId | None
    values: Mapping[str, str | AccessClass | datetime | None] = field(default_factory=dict)
    identifiers: Mapping[IdentifierKind, IdentifierCell] = field(default_factory=dict)
    errors: tuple[CellError, ...] = ()


def read_rows(
    rows: Iterable[Row], ref_of: RefOf, refs_of: RefsOf | None = None, check: Check = lambda found: None
) -> list[ReadRow]:
    rules = IdentifierRules(ref_of, refs_of or (lambda found: (ref_of(found),)), check)
    return [_read(row, rules) for row in rows]


def _read(row: Row, rules: IdentifierRules) -> ReadRow:
    if row.wrong is not None:
        return ReadRow(row.line, None, errors=(CellError(None, row.wrong),))
    errors: list[CellError] = []
    values: dict[str, str | AccessClass | datetime | None] = {}
    identifiers: dict[IdentifierKind, IdentifierCell] = {}
    for column, cell in row.cells.items():
        content = cell.strip()
        if not content or column == "vehicle_id":
            continue
        try:
            if column in KINDS:
                identifiers[KINDS[column]] = read_identifiers(KINDS[column], content, rules)
            else:
                values[column] = None if content == CLEAR else _VALUES[column](cell)
        except Refused as refusal:
            errors.append(CellError(column, refusal.detail))
        except ValueError as wrong:
            errors.append(CellError(column, str(wrong)))
    vehicle_id = _vehicle_id(row.cells["vehicle_id"], errors)
    return ReadRow(row.line, vehicle_id, values, identifiers, tuple(errors))


def _vehicle_id(cell: str, errors: list[CellError]) -> VehicleId | None:
    try:
        return VehicleId(id_cell(cell, "vehicle_id"))
    except Refused as refusal:
        errors.insert(0, CellError("vehicle_id", refusal.detail))
    except ValueError as wrong:
        errors.insert(0, CellError("vehicle_id", str(wrong)))
    return None


def _access_class(text: str) -> AccessClass:
    chosen = text.strip().lower()
    if chosen not in ("own", "agreement"):
        raise ValueError("access_class must be 'own' or 'agreement'.")
    return AccessClass(chosen)


def _instant(text: str) -> datetime:
    return utc(_point_in_time(text), "The instant")


def _end(text: str) -> datetime | None:
    return utc_end(_point_in_time(text), "The instant")


def _point_in_time(text: str) -> datetime:
    try:
        if not _INSTANT.fullmatch(text.strip()):
            raise ValueError("the form")
        return datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ValueError(
            "Not a valid instant; write it in UTC as 2026-11-20T06:00:00Z, or with an offset such as +01:00."
        ) from error


_VALUES: Mapping[str, Callable[[str], str | AccessClass | datetime | None]] = {
    "name": unguarded,
    "access_class": _access_class,
    "agreement_id": lambda cell: AgreementId(id_cell(cell, "agreement_id")),
    "valid_from": _instant,
    "valid_until": _end,
}
