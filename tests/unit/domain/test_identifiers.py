"""One normal form per kind: what a charger sends and what an operator typed meet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.domain.identifiers import (
    Identifier,
    IdentifierInvalid,
    IdentifierKind,
    emaid_check_digit,
    identifier,
)

RFID, MAC, EMAID = IdentifierKind.RFID, IdentifierKind.MAC, IdentifierKind.EMAID
PIN, PLATE, OTHER = IdentifierKind.PIN, IdentifierKind.PLATE, IdentifierKind.OTHER


@pytest.mark.parametrize(
    ("kind", "spelling", "normal"),
    [
        (MAC, "VID:1A2B3C4D5E6F", "1A2B3C4D5E6F"),
        (MAC, "vid:1a-2b-3c-4d-5e-6f", "1A2B3C4D5E6F"),
        (MAC, "1A:2B:3C:4D:5E:6F", "1A2B3C4D5E6F"),
        (MAC, "1a2b.3c4d.5e6f", "1A2B3C4D5E6F"),
        (MAC, " 1A2B3C4D5E6F ", "1A2B3C4D5E6F"),
        (MAC, "000000000001", "000000000001"),
        (MAC, "VID:001A2B3C4D5E6F70", "001A2B3C4D5E6F70"),  # an EVCCID of 16 digits is kept whole
        (RFID, "04a1b2c3", "04A1B2C3"),
        (RFID, "04:A1:B2:C3:D4:E5:F6", "04A1B2C3D4E5F6"),
        (RFID, "04 A1 B2 C3 D4 E5 F6 07 18 29", "04A1B2C3D4E5F6071829"),
        (MAC, "VID:0000A453EE033156", "A453EE033156"),  # and one with zeros before the MAC is that MAC
        (MAC, "0000-A453-EE03-3156", "A453EE033156"),
        (MAC, "VID:0001A453EE033156", "0001A453EE033156"),
        (RFID, "00000000", "00000000"),
        (RFID, "e0:04:01:50:12:34:56:78", "E004015012345678"),  # ISO 15693
        (RFID, "A4:53:EE:03:31:56", "A453EE033156"),  # six bytes
        (RFID, "0000001012951691", "0000001012951691"),  # decimal, as readers print it
        (RFID, "0078492321", "0078492321"),
        (RFID, "123456789", "123456789"),
        (RFID, "12345678901234567890", "12345678901234567890"),
        (RFID, "０４Ａ１Ｂ２Ｃ３", "04A1B2C3"),  # full-width, as an input method may type it
        (EMAID, "DE-8AA-001234567-0", "DE8AA001234567"),
        (EMAID, "de8aa001234567", "DE8AA001234567"),
        (EMAID, "DE 8AA 001234567", "DE8AA001234567"),
        (PIN, "0123", "0123"),
        (PIN, "012345678901", "012345678901"),
        (PLATE, "b-ab 1234", "BAB1234"),
        (PLATE, "M-Ü 1", "MÜ1"),
        (OTHER, "Anything, verbatim ①", "Anything, verbatim ①"),
    ],
)
def test_spellings_have_one_normal_form(kind: IdentifierKind, spelling: str, normal: str) -> None:
    assert identifier(kind, spelling) == Identifier(kind, normal)


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        *[(kind, empty) for kind in IdentifierKind for empty in ("", "   ", "\t\n")],
        *[(kind, "1234\x00") for kind in IdentifierKind],
        *[(kind, "A" * 256) for kind in IdentifierKind],
        (OTHER, "a\u202eb"),
        (MAC, "1A2B3C4D5E6"),
        (MAC, "1A2B3C4D5E6F7"),
        (MAC, "1A2B3C4D5E6G"),
        (MAC, "VID:VID:1A2B3C4D5E6F"),
        (MAC, "VID:"),
        (RFID, "04A1B2C"),
        (RFID, "04A1B2C3D4"),  # five bytes
        (RFID, "1234567"),  # too short to be told from a PIN
        (RFID, "123456789012345678901"),
        (RFID, "VID:04A1B2C3"),
        (EMAID, "DE8AA00123456"),
        (EMAID, "DE8AA00123456701"),
        (EMAID, "1E8AA001234567"),
        (EMAID, "DE-8AA-001234567-1"),  # the check digit is 0
        (PIN, "123"),
        (PIN, "1234567890123"),
        (PIN, "12a4"),
        (PIN, "12 34"),
        (PLATE, "A"),
        (PLATE, "A" * 17),
        (PLATE, "AB_12"),
        (PLATE, "AB*12"),
    ],
)
def test_what_cannot_be_an_identifier_of_its_kind_is_refused(kind: IdentifierKind, bad: str) -> None:
    with pytest.raises(IdentifierInvalid) as refusal:
        identifier(kind, bad)

    assert refusal.value.pointer == "/identifier/value"


@pytest.mark.parametrize(
    ("contract", "digit"),
    [
        ("NN123ABCDEFGHI", "T"),
        ("FRXYZ123456789", "2"),
        ("ITA1B2C3E4F5G6", "4"),
        ("ESZU8WOX834H1D", "R"),
        ("PT73902837ABCZ", "Z"),
        ("DE83DUIEN83QGZ", "D"),
        ("DE83DUIEN83ZGQ", "M"),
        ("DE8AA001234567", "0"),
    ],
)
def test_the_check_digit_is_that_of_the_published_examples(contract: str, digit: str) -> None:
    assert emaid_check_digit(contract) == digit
    assert identifier(EMAID, contract + digit) == identifier(EMAID, contract)


@given(st.integers(0, 13), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), st.data())
def test_one_wrong_character_never_passes_the_check_digit(place: int, wrong: str, data: st.DataObject) -> None:
    contract = data.draw(st.from_regex(r"[A-Z]{2}[A-Z0-9]{12}", fullmatch=True))
    digit = emaid_check_digit(contract)
    changed = contract[:place] + wrong + contract[place + 1 :]

    assert changed == contract or emaid_check_digit(changed) != digit


VALUES = {
    MAC: st.from_regex(r"(VID:)?[0-9A-F]{12}([0-9A-F]{4})?", fullmatch=True),
    RFID: st.from_regex(r"[0-9A-F]{8}([0-9A-F]{6}){0,2}|[0-9A-F]{12}([0-9A-F]{4})?|[0-9]{8,20}", fullmatch=True),
    EMAID: st.from_regex(r"[A-Z]{2}[A-Z0-9]{12}", fullmatch=True),
    PIN: st.from_regex(r"[0-9]{4,12}", fullmatch=True),
    PLATE: st.from_regex(r"[A-Z0-9ÄÖÜ]{2,16}", fullmatch=True),
    OTHER: st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=255).filter(str.strip),
}
SEPARATORS = {MAC: ":-. ", RFID: ":-. ", EMAID: "- ", PLATE: "- "}


@pytest.mark.parametrize("kind", list(IdentifierKind))
@given(data=st.data())
def test_the_normal_form_is_its_own(kind: IdentifierKind, data: st.DataObject) -> None:
    once = identifier(kind, data.draw(VALUES[kind]))

    assert identifier(kind, once.value) == once


@pytest.mark.parametrize("kind", [MAC, RFID, EMAID, PLATE])
@given(data=st.data())
def test_the_normal_form_does_not_depend_on_the_spelling(kind: IdentifierKind, data: st.DataObject) -> None:
    value = data.draw(VALUES[kind])
    prefix, body = ("VID:", value[4:]) if value.startswith("VID:") else ("", value)
    gaps = data.draw(st.lists(st.sampled_from(["", *SEPARATORS[kind]]), min_size=len(body), max_size=len(body)))
    lowers = data.draw(st.lists(st.booleans(), min_size=len(body), max_size=len(body)))
    respelled = "".join(
        (gap if index else "") + (letter.lower() if lower else letter)
        for index, (letter, gap, lower) in enumerate(zip(body, gaps, lowers, strict=True))
    )

    assert identifier(kind, prefix.lower() + respelled) == identifier(kind, value)


@given(st.sampled_from(IdentifierKind), st.text(max_size=300))
def test_any_text_is_read_once_and_for_all_or_refused(kind: IdentifierKind, text: str) -> None:
    try:
        read = identifier(kind, text)
    except IdentifierInvalid:
        return

    assert identifier(kind, read.value) == read


def test_a_byte_reversed_twin_is_a_hint_and_another_identifier() -> None:
    card = identifier(RFID, "04A1B2C3")

    assert card.byte_reversed() == Identifier(RFID, "C3B2A104")
    assert card.byte_reversed() != card
    assert identifier(PLATE, "BAB1234").byte_reversed() is None
    assert identifier(RFID, "123456789").byte_reversed() is None


@pytest.mark.parametrize(
    ("read", "may_be"),
    [
        (identifier(OTHER, "4711"), True),
        (identifier(OTHER, "1"), True),  # a PIN with digits missing
        (identifier(RFID, "12345678"), True),
        (identifier(RFID, "123456789012"), True),
        (identifier(RFID, "1234567890123"), False),
        (identifier(RFID, "1234567A"), False),
        (identifier(OTHER, "Fob 4711"), False),
        (identifier(MAC, "123456789012"), False),
        (identifier(PLATE, "4711"), False),
    ],
)
def test_digits_from_a_reader_may_be_a_pin_up_to_its_longest(read: Identifier, may_be: bool) -> None:
    assert read.may_be_a_pin is may_be


@pytest.mark.parametrize(
    ("kind", "value", "masked"),
    [
        (PIN, "1234", "****"),
        (PIN, "123456789012", "****"),
        (RFID, "04A1B2C3D4E5F6", "…E5F6"),
        (PLATE, "BAB1234", "…1234"),
        (PLATE, "BAB123", "…3"),
    ],
)
def test_people_see_the_masked_form_only(kind: IdentifierKind, value: str, masked: str) -> None:
    read = identifier(kind, value)

    assert read.masked == masked
    assert value not in repr(read)


def test_a_refusal_does_not_repeat_the_value() -> None:
    with pytest.raises(IdentifierInvalid) as refusal:
        identifier(RFID, "77DEADBEEF7")

    assert "DEADBEEF" not in refusal.value.detail
