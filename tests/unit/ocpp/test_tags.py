"""Readings of chargers' tags and tokens."""

from __future__ import annotations

import pytest

from access_policy.adapters.ocpp.incoming.tags import read_tag, read_token
from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.domain.capability_profiles.capabilities import CapabilityProfile, ControlWithoutSwitch
from access_policy.domain.identifiers import Identifier, IdentifierKind
from tests.support.rows import ACME

RFID, MAC, EMAID = IdentifierKind.RFID, IdentifierKind.MAC, IdentifierKind.EMAID
PIN, OTHER = IdentifierKind.PIN, IdentifierKind.OTHER

Readings = list[tuple[IdentifierKind, str]]


def profile(**how: object) -> CapabilityProfile:
    fields = {"name": "p", "title": "P", "protocols": ("ocpp1.6",), "mode_control": ControlWithoutSwitch.CENTRAL}
    return CapabilityProfile(**{**fields, **how})  # type: ignore[arg-type]


def readings(read: Identifier | None) -> Readings:
    return [] if read is None else [(each.kind, each.value) for each in (read, *read.also)]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("E004015012345678", [(RFID, "E004015012345678"), (OTHER, "E004015012345678")]),
        ("0000001012951691", [(RFID, "0000001012951691"), (OTHER, "0000001012951691")]),
        ("0078492321", [(RFID, "0078492321"), (OTHER, "0078492321")]),
        ("a453ee033156", [(RFID, "A453EE033156"), (OTHER, "a453ee033156")]),
        ("Fob 12", [(OTHER, "Fob 12")]),
        ("1234567", [(OTHER, "1234567")]),
        ("VID:0000A453EE033156", [(MAC, "A453EE033156"), (OTHER, "VID:0000A453EE033156")]),
        ("VID:A453EE033156", [(MAC, "A453EE033156"), (OTHER, "VID:A453EE033156")]),
        ("VID:0100A453EE033156", [(MAC, "0100A453EE033156"), (OTHER, "VID:0100A453EE033156")]),
        ("VID:nonsense", []),
    ],
)
def test_a_tag_of_ocpp_16_is_read_as_its_form_says_and_verbatim(tag: str, expected: Readings) -> None:
    assert readings(read_tag(tag, profile())) == expected


@pytest.mark.parametrize(
    ("value", "token_type", "expected"),
    [
        ("E004015012345678", "ISO15693", [(RFID, "E004015012345678"), (OTHER, "E004015012345678")]),
        ("E004015012345678", "ISO14443", [(RFID, "E004015012345678"), (OTHER, "E004015012345678")]),
        ("0000001012951691", "ISO14443", [(RFID, "0000001012951691"), (OTHER, "0000001012951691")]),
        ("0000001012951691", "Local", [(OTHER, "0000001012951691"), (RFID, "0000001012951691")]),
        ("A453EE033156", "ISO14443", [(RFID, "A453EE033156"), (OTHER, "A453EE033156")]),
        ("A453EE033156", "Central", [(OTHER, "A453EE033156"), (RFID, "A453EE033156")]),
        ("Fob-12", "ISO14443", [(OTHER, "Fob-12")]),
        ("Fob-12", "Central", [(OTHER, "Fob-12")]),
        ("0000A453EE033156", "MacAddress", [(MAC, "A453EE033156"), (OTHER, "0000A453EE033156")]),
        ("A453EE033156", "EVCCID", [(MAC, "A453EE033156"), (OTHER, "A453EE033156")]),
        ("VID:A453EE033156", "ISO14443", [(MAC, "A453EE033156"), (OTHER, "VID:A453EE033156")]),
        ("DE8AA001234567", "eMAID", [(EMAID, "DE8AA001234567"), (OTHER, "DE8AA001234567")]),
        ("nonsense", "MacAddress", []),
        ("4711", "KeyCode", [(PIN, "4711")]),
        ("no-digits", "KeyCode", []),
    ],
)
def test_a_token_of_ocpp_2_is_read_as_its_type_says_and_verbatim(
    value: str, token_type: str, expected: Readings
) -> None:
    assert readings(read_token(value, token_type, profile())) == expected


def test_a_pin_at_a_charger_that_reads_pins_has_no_other_reading() -> None:
    assert readings(read_tag("4711", profile(tags_are="pin"))) == [(PIN, "4711")]


def test_decimal_digits_that_look_like_base32_are_read_as_both() -> None:
    assert [kind for kind, _ in readings(read_tag("2345672345", profile(base32_macs=True)))] == [MAC, RFID, OTHER]


@pytest.mark.parametrize("tag", ["FREEVEND", "freevend ", "Freevend"])
def test_the_chargers_own_freevend_tag_identifies_nobody(tag: str) -> None:
    microocpp = ProfileCatalogue.packaged().get(ACME, "microocpp-1.6")
    remote = profile(mode_control=ControlWithoutSwitch.REMOTE_START)

    for each in (microocpp, remote):
        assert read_tag(tag, each) is None
        assert read_token(tag, "Central", each) is None
    assert readings(read_tag(tag, profile())) == [(OTHER, tag.strip())]
