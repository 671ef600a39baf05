"""Identifiers that a charger presents and an operator types, in one normal form per kind (design.md 3.4).

Two spellings are compared by their normal form. No identifier is ever converted to a number: leading zeros count.
Sources: OCPP 1.6 edition 2, 3.9 and 7.28 (case-insensitive idTag); OCPP 2.0.1 Part 2, C 1.1 (UID bytes in hex).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from access_policy.domain.errors import Invalid

VALUE_LENGTH_MAX = 255  # OCPP 2.1 identifierString, the longest of the protocols
VID_PREFIX = "VID:"
PIN_DIGITS_MAX = 12

_SEPARATORS = re.compile(r"[\s:\-.]")
_HEX = re.compile(r"[0-9A-F]+")
_EMAID = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[A-Z0-9]{9}[A-Z0-9]?")
_PLATE = re.compile(r"[^\W_]{2,16}")
_PIN = re.compile(r"[0-9]{4,12}")
_HEX_UID_LENGTHS = (8, 12, 14, 16, 20)  # hex digits of 4, 6, 7, 8 and 10 bytes
_DECIMAL_CARD = re.compile(r"[0-9]{8,20}")  # a card's number as a reader prints it; 20 digits hold 64 bits
_MAYBE_PIN = re.compile(r"[0-9]{1,12}")  # including a PIN with missing digits, which would reveal the others
HIDDEN = "****"  # the masked form that shows nothing
_EVCCID_PADDING = "0000"  # the two bytes before the MAC in an EVCCID of eight bytes (DIN 70121)


class IdentifierKind(StrEnum):
    RFID = "rfid"
    MAC = "mac"  # Autocharge VID, EVCCID
    EMAID = "emaid"
    PIN = "pin"
    PLATE = "plate"
    OTHER = "other"


class Assurance(StrEnum):
    """How much an identifier proves: `low` can be read or copied in seconds, `high` requires the owner's secret."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


ASSURANCE = {
    IdentifierKind.RFID: Assurance.MEDIUM,  # anyone who has held a card can clone its UID
    IdentifierKind.MAC: Assurance.LOW,  # sent in clear before any handshake, and easy to forge
    IdentifierKind.EMAID: Assurance.HIGH,  # backed by the contract certificate of ISO 15118
    IdentifierKind.PIN: Assurance.MEDIUM,
    IdentifierKind.PLATE: Assurance.LOW,
    IdentifierKind.OTHER: Assurance.LOW,
}


class IdentifierInvalid(Invalid):
    """The value cannot be an identifier of its kind."""

    code = "identifier-invalid"


@dataclass(frozen=True, slots=True)
class Identifier:
    """A kind and the value in that kind's normal form. It is personal data and must not be stored in events.

    `spelling` is another spelling of the same value, kept for chargers that compare strings themselves (local lists).
    `also` has the other readings of the presented tag, in order: a vehicle that is registered with one of them matches as
    well. Neither field affects equality.
    """

    kind: IdentifierKind
    value: str
    spelling: str | None = field(default=None, compare=False)
    also: tuple[Identifier, ...] = field(default=(), compare=False)

    def __hash__(self) -> int:
        return hash(self.value)  # one value of two kinds is rare, and a hash of two fields costs three times as much

    def __repr__(self) -> str:
        return f"Identifier({self.kind}, {self.masked})"

    @property
    def masked(self) -> str:
        """Return the value as people may see it: fully masked for a PIN, otherwise the last four characters of a value
        longer than six.
        """
        if self.kind is IdentifierKind.PIN:
            return HIDDEN
        shown = self.value[-4:] if len(self.value) > 6 else self.value[-1:]
        return f"…{shown}"

    @property
    def as_spelled(self) -> str:
        """Return the value as a charger's local list should contain it."""
        return self.spelling or self.value

    @property
    def readings(self) -> tuple[Identifier, ...]:
        """Return every form under which the registry may store the presented value, in order of precedence: the value
        itself, its normal form in earlier releases, and the other readings of the tag.
        """
        if self.kind is IdentifierKind.MAC and len(self.value) == 12:
            return (self, Identifier(self.kind, _EVCCID_PADDING + self.value), *self.also)
        return (self, *self.also)

    @property
    def may_be_a_pin(self) -> bool:
        """Whether the value may be a PIN that was typed at a charger that reports PINs as cards."""
        if len(self.value) > PIN_DIGITS_MAX or not (
            self.kind is IdentifierKind.RFID or self.kind is IdentifierKind.OTHER
        ):
            return False
        return _MAYBE_PIN.fullmatch(self.value) is not None

    def byte_reversed(self) -> Identifier | None:
        """Return the RFID UID in the reverse byte order, which is shown to the operator but never matched. None for other
        kinds, and for a decimal number with an odd number of digits.
        """
        if self.kind is not IdentifierKind.RFID or len(self.value) % 2:
            return None
        return Identifier(self.kind, bytes.fromhex(self.value)[::-1].hex().upper())


@dataclass(frozen=True, slots=True)
class IdentifierRef:
    """An identifier as events carry it: a keyed pseudonym to compare by and a masked form to show."""

    kind: IdentifierKind
    pseudonym: str
    masked: str

    def hidden(self) -> IdentifierRef:
        """Return the reference with its value fully masked."""
        return replace(self, masked=HIDDEN)

    @property
    def is_hidden(self) -> bool:
        return self.masked == HIDDEN


def with_readings(readings: Iterable[Identifier | None]) -> Identifier | None:
    """Return the first available reading, with the others attached; None without any."""
    found = list(dict.fromkeys(each for each in readings if each is not None))
    return replace(found[0], also=tuple(found[1:])) if found else None


def identifier(kind: IdentifierKind, raw: str) -> Identifier:
    """Parse `raw` into an identifier. Raises `IdentifierInvalid`."""
    text = (raw if kind is IdentifierKind.OTHER else unicodedata.normalize("NFKC", raw)).strip()
    if not text:
        raise _invalid("The identifier is empty; give its value.")
    if len(text) > VALUE_LENGTH_MAX or (
        not text.isprintable() and any(unicodedata.category(c).startswith("C") for c in text)
    ):
        raise _invalid(
            f"An identifier has at most {VALUE_LENGTH_MAX} characters, all of them printable; look for a stray one."
        )
    if kind is IdentifierKind.MAC:
        return _vehicle_mac(text)
    return Identifier(kind, _NORMAL_FORMS[kind](text))


def _vehicle_mac(text: str) -> Identifier:
    """Normalise a MAC or an EVCCID. An EVCCID of eight bytes has the MAC in its low six bytes: if the other two are zero,
    the result is that MAC. With any other leading bytes it is a different identifier and is matched whole.
    """
    digits = _mac(text)
    if len(digits) == 16 and digits.startswith(_EVCCID_PADDING):
        return Identifier(IdentifierKind.MAC, digits[len(_EVCCID_PADDING) :], spelling=digits)
    return Identifier(IdentifierKind.MAC, digits)


def _mac(text: str) -> str:
    digits = _SEPARATORS.sub("", _without_vid_prefix(text).upper())
    if _HEX.fullmatch(digits) and len(digits) in (12, 16):
        return digits
    raise _invalid("A vehicle's MAC (VID, EVCCID) has 12 or 16 hex digits, such as VID:1A2B3C4D5E6F.")


def _without_vid_prefix(text: str) -> str:
    return text[len(VID_PREFIX) :] if text[: len(VID_PREFIX)].upper() == VID_PREFIX else text


def _rfid(text: str) -> str:
    """Normalise a card id without converting between decimal and hex: readers differ in byte order and length, so a number
    does not determine a UID.
    """
    digits = _SEPARATORS.sub("", text).upper()
    is_uid = _HEX.fullmatch(digits) is not None and len(digits) in _HEX_UID_LENGTHS
    if is_uid or _DECIMAL_CARD.fullmatch(digits):
        return digits
    raise _invalid(
        "An RFID UID has 4, 7 or 10 bytes (ISO 14443), 8 bytes (ISO 15693) or 6 bytes in hex digits, such as 04A1B2C3D4E5F6; "
        "a card number that a reader sends in decimal has 8 to 20 digits. Register anything else as kind 'other'."
    )


def _emaid(text: str) -> str:
    compact = text.replace("-", "").replace(" ", "").upper()
    if not _EMAID.fullmatch(compact):
        raise _invalid("A contract id (eMAID) looks like DE-ABC-C12345678-X or DE-ABC-C12345678.")
    if len(compact) == 15 and compact[14] != emaid_check_digit(compact[:14]):
        raise _invalid("The contract id's check digit does not fit; compare it with the contract.")
    return compact[:14]


def _pin(text: str) -> str:
    if _PIN.fullmatch(text):
        return text
    raise _invalid("A PIN has 4 to 12 digits.")


def _plate(text: str) -> str:
    compact = text.replace(" ", "").replace("-", "").upper()
    if _PLATE.fullmatch(compact):
        return compact
    raise _invalid("A number plate has 2 to 16 letters and digits, such as B-AB 1234.")


def _other(text: str) -> str:
    return text


_NORMAL_FORMS = {
    IdentifierKind.RFID: _rfid,
    IdentifierKind.EMAID: _emaid,
    IdentifierKind.PIN: _pin,
    IdentifierKind.PLATE: _plate,
    IdentifierKind.OTHER: _other,
}


def _invalid(detail: str) -> IdentifierInvalid:
    return IdentifierInvalid(detail, pointer="/identifier/value")


# --- check digit of contract ids (ISO 15118-2 annex H, eMI3 part 2) ------------------------------------------------
# Each of the 36 characters stands for two digits modulo 2 and two digits modulo 3. Position i (from 1) multiplies them
# with the i-th power of a fixed matrix; the check digit is the 15th character that makes both sums zero.

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_Matrix = tuple[tuple[int, int], tuple[int, int]]
_P2: _Matrix = ((0, 1), (1, 1))  # modulo 2, order 3
_P3: _Matrix = ((0, 1), (1, 2))  # modulo 3, order 8


def emaid_check_digit(contract_id: str) -> str:
    """Return the check digit of a contract id of 14 characters in normal form."""
    binary = _weighted_sum([divmod(_ALPHABET.index(c) // 9, 2) for c in contract_id], _P2, 2)
    ternary = _weighted_sum([divmod(_ALPHABET.index(c) % 9, 3) for c in contract_id], _P3, 3)
    # Solve x * P^15 = -sum. Modulo 2, P^15 is the identity; modulo 3 its inverse is P itself.
    negated = (-ternary[0] % 3, -ternary[1] % 3)
    solved = _times(negated, _P3, 3)
    return _ALPHABET[(binary[0] * 2 + binary[1]) * 9 + solved[0] * 3 + solved[1]]


def _weighted_sum(digits: list[tuple[int, int]], matrix: _Matrix, modulus: int) -> tuple[int, int]:
    total = (0, 0)
    for vector in reversed(digits):  # Horner's scheme: ((x14 * P + x13) * P + …) * P
        total = _times(((total[0] + vector[0]) % modulus, (total[1] + vector[1]) % modulus), matrix, modulus)
    return total


def _times(vector: tuple[int, int], matrix: _Matrix, modulus: int) -> tuple[int, int]:
    return (
        (vector[0] * matrix[0][0] + vector[1] * matrix[1][0]) % modulus,
        (vector[0] * matrix[0][1] + vector[1] * matrix[1][1]) % modulus,
    )
