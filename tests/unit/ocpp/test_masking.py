"""No identifier and no secret of a payload is shown, by the schemas of all versions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC
from importlib import resources
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.gateway.recent_frames import ChargerFrames
from access_policy.adapters.ocpp.masking import IDENTIFIERS, PEOPLE, SECRETS, Masking
from access_policy.adapters.ocpp.transport import frames
from access_policy.adapters.ocpp.transport.frames import FrameRing
from access_policy.application.ports.charger_calls import CallRefused, Direction, FrameKind
from access_policy.domain.ids import ChargerId, ChargerKey, TenantId

SPEAKS_OF_IDENTIFIERS = re.compile(r"tag$|token|emaid|customeridentifier", re.IGNORECASE)
SPEAKS_OF_SECRETS = re.compile(r"passw|secret|pin$|user|privatekey|exi(request|response)", re.IGNORECASE)
SHOWN = {"idTagInfo", "idTokenInfo"}  # objects, whose own fields are looked at
KEY: ChargerKey = (TenantId("acme"), ChargerId("bay-1"))
CARD, PASSWORD = "04A1B2C3D4E5F6", "hunter22hunter22"


def names_in(schema: Any) -> Iterator[str]:
    match schema:
        case dict():
            yield from (schema.get("properties") or {}).keys()
            for each in schema.values():
                yield from names_in(each)
        case list():
            for each in schema:
                yield from names_in(each)


def all_names() -> set[str]:
    folders = [resources.files("ocpp") / version / "schemas" for version in ("v16", "v201", "v21")]
    files = [json.loads(file.read_text(encoding="utf-8-sig")) for folder in folders for file in folder.iterdir()]
    return {name for file in files for name in names_in(file)}


def test_masking_knows_every_identifier_and_secret_of_the_schemas() -> None:
    names = all_names() - SHOWN

    assert len(names) > 500
    assert {each for each in names if SPEAKS_OF_IDENTIFIERS.search(each)} <= IDENTIFIERS | PEOPLE
    assert {each for each in names if SPEAKS_OF_SECRETS.search(each)} <= SECRETS
    assert names >= (IDENTIFIERS | PEOPLE | SECRETS)


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        ({"idTag": CARD}, {"idTag": "…E5F6"}),
        ({"idTag": "4711"}, {"idTag": "****"}),
        ({"idToken": {"idToken": CARD, "type": "ISO14443"}}, {"idToken": {"idToken": "…E5F6", "type": "ISO14443"}}),
        ({"idToken": {"idToken": "x4711y", "type": "KeyCode"}}, {"idToken": {"idToken": "****", "type": "KeyCode"}}),
        ({"idTagInfo": {"parentIdTag": CARD}}, {"idTagInfo": {"parentIdTag": "…E5F6"}}),
        ({"prioritizedEMAIDs": ["DEABC123456789"]}, {"prioritizedEMAIDs": ["…6789"]}),
        ({"key": "AuthorizationKey", "value": PASSWORD}, {"key": "AuthorizationKey", "value": "****"}),
        ({"key": "HeartbeatInterval", "value": "300"}, {"key": "HeartbeatInterval", "value": "300"}),
        (
            {"configurationKey": [{"key": "authorizationkey", "readonly": False, "value": PASSWORD}]},
            {"configurationKey": [{"key": "authorizationkey", "readonly": False, "value": "****"}]},
        ),
        (
            {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}, "attributeValue": "x"},
            {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "attributeValue": "****",
            },
        ),
        (
            {"component": {"name": "S"}, "variable": {"name": "Password"}, "variableAttribute": [{"value": "x"}]},
            {"component": {"name": "S"}, "variable": {"name": "Password"}, "variableAttribute": "****"},
        ),
        (
            {"vpn": {"server": "s", "user": "u", "password": "p", "key": "k", "type": "IPSec"}},
            {"vpn": {"server": "s", "user": "****", "password": "****", "key": "****", "type": "IPSec"}},
        ),
        ({"vendorId": "V", "data": f"card={CARD}"}, {"vendorId": "V", "data": "****"}),
        ({"location": "ftp://me:pw@host/f?sig=abc"}, {"location": "ftp://****host/f?****"}),
        ({"csr": "-----BEGIN EC PRIVATE KEY-----"}, {"csr": "****"}),
        ({"exiResponse": "gJgC"}, {"exiResponse": "****"}),
        ({"connectorId": 1, "meterStart": None}, {"connectorId": 1, "meterStart": None}),
    ],
)
def test_payload_is_shown_without_identifiers_and_secrets(payload: dict[str, Any], shown: dict[str, Any]) -> None:
    assert Masking().payload(payload) == shown


def test_payload_nested_without_end_is_cut() -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"customData": None, "next": deep}

    assert "****" in json.dumps(Masking().payload(deep))


# --- frames ----------------------------------------------------------------------------------------------------------


def frame(*parts: Any) -> bytes:
    return json.dumps(parts).encode()


async def test_frames_are_shown_newest_first_with_the_action_of_their_call() -> None:
    chargers = ChargerFrames()
    ring = chargers.ring(KEY, OcppVersion.V16)
    ring.note(frame(2, "a", "Authorize", {"idTag": CARD}), False)
    ring.note(frame(3, "a", {"idTagInfo": {"status": "Accepted"}}), True)
    ring.note(frame(4, "b", "InternalError", f"no such tag {CARD}", {}), False)
    ring.note(b"\xff", False)

    unreadable, error, result, call = await chargers.of(KEY)

    assert (call.kind, call.direction, call.action) == (FrameKind.CALL, Direction.RECEIVED, "Authorize")
    assert call.payload == {"idTag": "…E5F6"}
    assert (result.kind, result.direction, result.action) == (FrameKind.RESULT, Direction.SENT, "Authorize")
    assert result.payload == {"idTagInfo": {"status": "Accepted"}}
    assert (error.kind, error.action, error.error) == (
        FrameKind.ERROR,
        None,
        CallRefused("InternalError", "no such tag ****"),
    )
    assert (unreadable.kind, unreadable.payload, unreadable.size) == (FrameKind.UNREADABLE, None, 1)
    assert call.at.tzinfo is UTC


async def test_frames_of_a_charger_survive_its_reconnection() -> None:
    chargers = ChargerFrames()
    chargers.ring(KEY, OcppVersion.V16).note(frame(2, "a", "Heartbeat", {}), False)
    chargers.ring(KEY, OcppVersion.V16).note(frame(2, "b", "Heartbeat", {}), False)

    assert [each.message_id for each in await chargers.of(KEY)] == ["b", "a"]


async def test_frames_of_a_charger_that_was_never_here_are_none() -> None:
    assert await ChargerFrames().of(KEY) == ()


def test_ring_keeps_the_latest_frames_within_its_bounds() -> None:
    ring = FrameRing()
    for number in range(1_000):
        ring.note(b"x" * 5_000 if number % 2 else b"%d" % number, bool(number % 2))
    ring.note(b"x" * (frames.FRAME_MAX + 1), False)

    latest = ring.latest()

    assert len(latest) <= frames.FRAMES_KEPT
    assert sum(len(each.raw or b"") for each in latest) <= frames.BYTES_KEPT
    assert (latest[-1].raw, latest[-1].size) == (None, frames.FRAME_MAX + 1)
    assert latest[-2].raw == b"x" * 5_000
