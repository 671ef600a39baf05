"""Parsing of a row's cells, each on its own: a value, "unchanged", "empty", or an error that says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from access_policy.application.registry_import.csv_file import COLUMNS, Row
from access_policy.application.spreadsheets import EXPONENT, needs_guard, unguarded
from access_policy.domain.errors import Refused
from access_policy.domain.identifiers import Identifier, IdentifierKind, IdentifierRef, identifier
from access_policy.domain.ids import AgreementId, VehicleId, checked_id
from access_policy.domain.instants import utc, utc_end
from access_policy.domain.vehicle_registry.events import AccessClass
from access_policy.domain.vehicle_registry.import_plan import CellError

CLEAR = "-"
KINDS = {
    "rfid": IdentifierKind.RFID,
    "mac": IdentifierKind.MAC,
    "emaid": IdentifierKind.EMAID,
    "pin": IdentifierKind.PIN,
    "plate": IdentifierKind.PLATE,
    "other": IdentifierKind.OTHER,
}
assert set(KINDS) < set(COLUMNS)

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.]\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_FRACTION = re.compile(r"[0-9]+[.,]0+")
_DIGITS = re.compile(r"[0-9]+")
_MASK = re.compile(r"[*•]+|….{0,16}")
_SPREADSHEET = "Format the column as 'Text' in the spreadsheet and enter the value again."
MADE_A_NUMBER = f"A spreadsheet converted the value to a number and lost digits. {_SPREADSHEET}"
_DIGITS_KEPT = 15  # the digits of a number that spreadsheets keep
_LENGTHS = {IdentifierKind.RFID: (8, 14, 20), IdentifierKind.MAC: (12, 16), IdentifierKind.PIN: (4,)}
_ZEROS_LOST_MAX = 2

RefOf = Callable[[Identifier], IdentifierRef]
RefsOf = Callable[[Identifier], Sequence[IdentifierRef]]
Check = Callable[[Identifier], None]


@dataclass(frozen=True, slots=True)
class Spelled:
    """`value` is None for a PIN, which is never stored. `refs` are all refs under which a vehicle may hold the
    identifier; empty: only `ref`.
    """

    ref: IdentifierRef
    value: str | None
    refs: tuple[IdentifierRef, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentifierCell:
    """The vehicle keeps exactly these identifiers of the kind: the spelled ones, and those of its own that match a
    mask.
    """

    spelled: tuple[Spelled, ...] = ()
    masks: tuple[str, ...] = ()

    def keeps(self, ref: IdentifierRef) -> bool:
        return any(mask == ref.masked or not mask.strip("*•") for mask in self.masks)


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A missing column means unchanged; None empties it."""

    line: int
    vehicle_id: VehicleId | None
    values: Mapping[str, str | AccessClass | datetime | None] = field(default_factory=dict)
    identifiers: Mapping[IdentifierKind, IdentifierCell] = field(default_factory=dict)
    errors: tuple[CellError, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """`check` raises the error for an identifier that is invalid by itself."""

    ref_of: RefOf
    refs_of: RefsOf
    check: Check


def read_rows(
    rows: Iterable[Row], ref_of: RefOf, refs_of: RefsOf | None = None, check: Check = lambda found: None
) -> list[ReadRow]:
    known = _Known(ref_of, refs_of or (lambda found: (ref_of(found),)), check)
    return [_read(row, known) for row in rows]


def _read(row: Row, known: _Known) -> ReadRow:
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
                identifiers[KINDS[column]] = _identifiers(KINDS[column], content, known)
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


def id_cell(cell: str, column: str) -> str:
    """Raises `InvalidId`, or `ValueError` for an id that a spreadsheet converted to a number."""
    text = cell.strip()
    if EXPONENT.fullmatch(text):
        raise ValueError(MADE_A_NUMBER)
    return checked_id(unguarded(text), column)


# --- values ----------------------------------------------------------------------------------------------------------


def _access_class(text: str) -> AccessClass:
    chosen = text.strip().lower()
    if chosen not in ("own", "agreement"):
        raise ValueError("access_class takes 'own' or 'agreement'.")
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


# --- identifiers -----------------------------------------------------------------------------------------------------


def _identifiers(kind: IdentifierKind, content: str, known: _Known) -> IdentifierCell:
    if content == CLEAR:
        return IdentifierCell()
    spelled: dict[IdentifierRef, Spelled] = {}
    masks: dict[str, None] = {}
    for part in (each.strip() for each in _parts(kind, content)):
        if _MASK.fullmatch(part):
            masks[_verbatim(part) if kind is IdentifierKind.OTHER else part] = None
        elif part:
            found = _identifier(kind, part)
            known.check(found)
            ref = known.ref_of(found)
            value = None if kind is IdentifierKind.PIN else found.as_spelled
            spelled[ref] = Spelled(ref, value, tuple(known.refs_of(found)))
    return IdentifierCell(tuple(spelled.values()), tuple(masks))


def _identifier(kind: IdentifierKind, text: str) -> Identifier:
    """Raises `ValueError` for a value that a spreadsheet damaged, `IdentifierInvalid` for any other invalid value."""
    if kind is IdentifierKind.OTHER:
        return identifier(kind, _verbatim(text))
    if EXPONENT.fullmatch(text) or _FRACTION.fullmatch(text):
        raise ValueError(MADE_A_NUMBER)
    if _DIGITS.fullmatch(text) and kind in _LENGTHS and not text.startswith("0"):  # a number has no leading zeros
        if kind is not IdentifierKind.PIN and len(text) > _DIGITS_KEPT and not text[_DIGITS_KEPT:].strip("0"):
            raise ValueError(
                f"All digits beyond the {_DIGITS_KEPT}th are 0, as when a spreadsheet converts the value to a number. "
                f"{_SPREADSHEET} If the value is right, write it with colons."
            )
        if _zeros_lost(kind, text):
            if_right = " If it is a card's decimal number, write it with colons." if kind is IdentifierKind.RFID else ""
            raise ValueError(
                f"The value is too short, as when a spreadsheet drops leading zeros. {_SPREADSHEET}{if_right}"
            )
    return identifier(kind, text)


# A value of kind `other` may hold anything. Its column has an escape character, the backslash: before a semicolon or a
# backslash within a value it makes it part of the value; at the beginning of a value it says that the rest is verbatim, even
# if it looks like a number, a formula or a mask.

_NUMBER_LIKE = re.compile(r"[0-9.,]+([Ee][+-]?[0-9]+)?")
_ESCAPED = re.compile(r"\\([;\\])")
_PART = re.compile(r"(?:\\[;\\]|[^;])+")


def other_spelled(value: str) -> str:
    """A value of kind `other` as an export writes it: spreadsheets keep it intact, and reading returns the same
    value.
    """
    escaped = other_mask_spelled(value)
    looks_otherwise = _MASK.fullmatch(value) or _NUMBER_LIKE.fullmatch(value) or needs_guard(value)
    return f"\\{escaped}" if looks_otherwise or escaped.startswith("\\") else escaped


def other_mask_spelled(masked: str) -> str:
    """Like `other_spelled`, for a masked form that must be read as a mask."""
    return masked.replace("\\", "\\\\").replace(";", "\\;")


def _parts(kind: IdentifierKind, content: str) -> list[str]:
    if kind is not IdentifierKind.OTHER:
        return content.split(";")
    parts, begin = [], 0
    while begin < len(content):
        marked = len(content[begin:]) - len(content[begin:].lstrip())
        skipped = begin + marked + content.startswith("\\", begin + marked)  # the mark escapes nothing
        found = _PART.match(content, skipped)
        end = found.end() if found else skipped
        parts.append(content[begin:end])
        begin = end + 1
    return parts


def _verbatim(part: str) -> str:
    return _ESCAPED.sub(r"\1", part.removeprefix("\\"))


def _zeros_lost(kind: IdentifierKind, digits: str) -> bool:
    lengths = _LENGTHS[kind]
    if kind is IdentifierKind.PIN:
        return len(digits) < lengths[0]
    return any(0 < length - len(digits) <= _ZEROS_LOST_MAX for length in lengths)
