"""Cells of identifiers: several values of a kind, or masks of values that the vehicle keeps. A value that a spreadsheet
has damaged is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from access_policy.application.registry_import.csv_file import COLUMNS
from access_policy.application.registry_import.other_values import MASK, other_parts, verbatim
from access_policy.application.spreadsheets import CLEAR, ENTER_AS_TEXT, EXPONENT, MADE_A_NUMBER
from access_policy.domain.identifiers import Identifier, IdentifierKind, IdentifierRef, identifier

KINDS = {
    "rfid": IdentifierKind.RFID,
    "mac": IdentifierKind.MAC,
    "emaid": IdentifierKind.EMAID,
    "pin": IdentifierKind.PIN,
    "plate": IdentifierKind.PLATE,
    "other": IdentifierKind.OTHER,
}
assert set(KINDS) < set(COLUMNS)

_FRACTION = re.compile(r"[0-9]+[.,]0+")
_DIGITS = re.compile(r"[0-9]+")
_DIGITS_KEPT = 15  # the digits of a number that spreadsheets keep
_LENGTHS = {IdentifierKind.RFID: (8, 14, 20), IdentifierKind.MAC: (12, 16), IdentifierKind.PIN: (4,)}
_ZEROS_LOST_MAX = 2

RefOf = Callable[[Identifier], IdentifierRef]
RefsOf = Callable[[Identifier], Sequence[IdentifierRef]]
Check = Callable[[Identifier], None]


@dataclass(frozen=True, slots=True)
class Spelled:
    """`value` is None for a PIN, which is never stored. `refs` are all refs under which a vehicle may hold the
    identifier; empty means only `ref`."""

    ref: IdentifierRef
    value: str | None
    refs: tuple[IdentifierRef, ...] = ()


@dataclass(frozen=True, slots=True)
class IdentifierCell:
    """The vehicle keeps exactly these identifiers of the kind: the spelled ones, and its own that match a mask."""

    spelled: tuple[Spelled, ...] = ()
    masks: tuple[str, ...] = ()

    def keeps(self, ref: IdentifierRef) -> bool:
        return any(mask == ref.masked or not mask.strip("*•") for mask in self.masks)


@dataclass(frozen=True, slots=True)
class IdentifierRules:
    """`check` raises an error for an identifier that is invalid by itself."""

    ref_of: RefOf
    refs_of: RefsOf
    check: Check


def read_identifiers(kind: IdentifierKind, content: str, rules: IdentifierRules) -> IdentifierCell:
    """Parse the cell. Raises `ValueError` for a value that a spreadsheet damaged, `IdentifierInvalid` for any other
    invalid value, and the errors of `rules.check`."""
    if content == CLEAR:
        return IdentifierCell()
    spelled: dict[IdentifierRef, Spelled] = {}
    masks: dict[str, None] = {}
    for part in (each.strip() for each in _values(kind, content)):
        if MASK.fullmatch(part):
            masks[verbatim(part) if kind is IdentifierKind.OTHER else part] = None
        elif part:
            found = _identifier(kind, part)
            rules.check(found)
            ref = rules.ref_of(found)
            value = None if kind is IdentifierKind.PIN else found.as_spelled
            spelled[ref] = Spelled(ref, value, tuple(rules.refs_of(found)))
    return IdentifierCell(tuple(spelled.values()), tuple(masks))


def _identifier(kind: IdentifierKind, text: str) -> Identifier:
    if kind is IdentifierKind.OTHER:
        return identifier(kind, verbatim(text))
    if EXPONENT.fullmatch(text) or _FRACTION.fullmatch(text):
        raise ValueError(MADE_A_NUMBER)
    if _DIGITS.fullmatch(text) and kind in _LENGTHS and not text.startswith("0"):  # a number has no leading zeros
        if kind is not IdentifierKind.PIN and len(text) > _DIGITS_KEPT and not text[_DIGITS_KEPT:].strip("0"):
            raise ValueError(
                f"All digits beyond the {_DIGITS_KEPT}th are 0, as when a spreadsheet converts the value to a number. "
                f"{ENTER_AS_TEXT} If the value is correct, write it with colons."
            )
        if _zeros_lost(kind, text):
            if_right = " If it is a card's decimal number, write it with colons." if kind is IdentifierKind.RFID else ""
            raise ValueError(
                f"The value is too short, as when a spreadsheet drops leading zeros. {ENTER_AS_TEXT}{if_right}"
            )
    return identifier(kind, text)


def _values(kind: IdentifierKind, content: str) -> list[str]:
    return other_parts(content) if kind is IdentifierKind.OTHER else content.split(";")


def _zeros_lost(kind: IdentifierKind, digits: str) -> bool:
    lengths = _LENGTHS[kind]
    if kind is IdentifierKind.PIN:
        return len(digits) < lengths[0]
    return any(0 < length - len(digits) <= _ZEROS_LOST_MAX for length in lengths)
