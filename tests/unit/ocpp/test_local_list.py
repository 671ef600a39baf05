"""Entries of local lists: the identifiers that each protocol version can carry, and their spelling."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.application.ports.local_lists import ListState, Sent
from access_policy.domain.identifiers import Identifier, IdentifierKind
from tests.support.ocpp_schemas import offences_of
from tests.support.reading_back import commands_of

RFID, MAC, EMAID, OTHER = IdentifierKind.RFID, IdentifierKind.MAC, IdentifierKind.EMAID, IdentifierKind.OTHER
SEALED = [
    Identifier(RFID, "04A1B2C3D4E5F6"),
    Identifier(RFID, "E004015012345678"),
    Identifier(RFID, "0000001012951691"),
    Identifier(MAC, "0000A453EE033156"),  # sealed as it was spelled, since the charger compares texts
    Identifier(EMAID, "DE8AA001234567"),
    Identifier(OTHER, "Fob 12/a"),
    Identifier(OTHER, "Fob-12"),
    Identifier(OTHER, "x" * 21),
    Identifier(OTHER, "Müller"),
]


class Listening:
    """A charger's end: accepts every list and reads back its version."""

    def __init__(self, version: OcppVersion) -> None:
        self.connection: Any = SimpleNamespace(version=version, charge_point_id="CP-1", call=self.call)
        self.entries: list[Mapping[str, Any]] = []
        self.version = 0

    async def call(self, action: str, payload: dict[str, Any], **_: Any) -> Any:
        assert offences_of(self.connection.version, action, payload, response=False) == []
        if action == "SendLocalList":
            self.version = payload.get("listVersion") or payload["versionNumber"]
            self.entries += payload["localAuthorizationList"]
            return {"status": "Accepted"}
        return {"listVersion": self.version, "versionNumber": self.version}


async def sent(version: OcppVersion) -> tuple[Listening, Sent]:
    charger = Listening(version)
    return charger, await commands_of(charger.connection).send_list(ListState(0, 100, 4), 7, SEALED, {})


async def test_a_list_of_ocpp_16_holds_every_tag_of_twenty_printable_characters() -> None:
    charger, answer = await sent(OcppVersion.V16)

    assert [entry["idTag"] for entry in charger.entries] == [
        "04A1B2C3D4E5F6",
        "E004015012345678",
        "0000001012951691",
        "VID:0000A453EE033156",
        "DE8AA001234567",
        "Fob 12/a",
        "Fob-12",
    ]
    assert (answer.taken, answer.left_out) == (SEALED[:7], 2)


@pytest.mark.parametrize("version", [OcppVersion.V201, OcppVersion.V21])
async def test_a_list_of_ocpp_2_names_the_type_that_a_value_says(version: OcppVersion) -> None:
    charger, answer = await sent(version)

    assert [(entry["idToken"]["idToken"], entry["idToken"]["type"]) for entry in charger.entries] == [
        ("04A1B2C3D4E5F6", "ISO14443"),
        ("E004015012345678", "ISO15693"),
        ("0000001012951691", "ISO14443"),
        ("0000A453EE033156", "MacAddress"),
        ("DE8AA001234567", "eMAID"),
        ("Fob-12", "Local"),
        ("x" * 21, "Local"),
    ]
    assert answer.left_out == 2
