"""The check that every test of the suite runs under: frames of the service against the OCPP schemas."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.transport.connection import ChargerConnection
from tests.support import ocpp_schemas
from tests.support.ocpp_pipe import Pipe
from tests.support.ocpp_schemas import FrameWatch, offences_of

pytestmark = pytest.mark.any_frames

V16, V201, V21 = OcppVersion.V16, OcppVersion.V201, OcppVersion.V21


@pytest.mark.parametrize(
    ("version", "action", "payload", "response", "offence"),
    [
        (V16, "Reset", {"type": "OnIdle"}, False, "Reset/type"),
        (V16, "SetVariables", {}, False, "no such action"),
        (V16, "BootNotification", {"status": "Accepted"}, True, "currentTime"),
        (V201, "Reset", {"type": "Soft"}, False, "Reset/type"),
        (V201, "Heartbeat", {}, True, "currentTime"),
        (V21, "SendLocalList", {"versionNumber": 1, "updateType": "Full", "localAuthorizationList": []}, False, "[]"),
    ],
)
def test_offences_of_an_invalid_frame_name_it(
    version: OcppVersion, action: str, payload: dict[str, Any], response: bool, offence: str
) -> None:
    assert offence in "".join(offences_of(version, action, payload, response=response))


@pytest.mark.parametrize("version", OcppVersion)
def test_offences_of_a_valid_frame_are_none(version: OcppVersion) -> None:
    assert offences_of(version, "Heartbeat", {"currentTime": "2026-01-01T00:00:00Z"}, response=True) == []


async def test_connection_that_sends_invalid_frames_is_noticed() -> None:
    pipe = Pipe()
    connection = ChargerConnection(
        pipe,  # type: ignore[arg-type]
        charge_point_id="CP1",
        version=V16,
        epoch=1,
        remote="127.0.0.1",
    )
    running = asyncio.create_task(connection.run(lambda _, call: {"no": "time"}))
    pipe.say([2, "a", "Heartbeat", {}])
    with pytest.raises(Exception, match="no answer"):
        await connection.call("Reset", {"type": "OnIdle"}, timeout_s=0.01)
    pipe.hang_up()
    await running

    assert [each.split(":")[0] for each in ocpp_schemas.offences] == [
        "OCPP 1.6, Reset/type",
        "OCPP 1.6, answer to Heartbeat/",
        "OCPP 1.6, answer to Heartbeat/",
    ]


def test_watch_at_the_charger_checks_calls_and_answers_of_the_service() -> None:
    class Frame:
        def __init__(self, sent: bool, message: list[Any]) -> None:
            self.sent, self.message = sent, message

    watch = FrameWatch("ocpp2.0.1")
    watch(Frame(True, [2, "a", "Heartbeat", {}]))
    watch(Frame(False, [3, "a", {}]))
    watch(Frame(False, [2, "b", "ClearCache", {"all": True}]))

    assert len(watch.offences) == 2
