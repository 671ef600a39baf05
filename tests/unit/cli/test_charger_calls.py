"""`access-policy chargers reset|unlock|…` and `watch`, over the whole API in memory."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.operator_calls.schemas import require_valid
from access_policy.application.charger_calls import operations
from access_policy.application.ports.event_store import Append
from access_policy.application.streams import condition_stream
from access_policy.domain.charger_condition.events import ChargerConnected
from access_policy.domain.ids import ChargerId, TenantId
from tests.support.builders import NOON
from tests.support.cli_in_memory import Cli, ToTheApp
from tests.support.stores import happened


@pytest.mark.parametrize("version", OcppVersion)
def test_operations_are_valid_calls_of_every_version(version: OcppVersion) -> None:
    protocol, name = version.subprotocol, "HeartbeatInterval" if version is OcppVersion.V16 else "ClockCtrlr.TimeZone"

    for action, payload in (
        operations.reset(protocol),
        operations.reset(protocol, immediately=True),
        operations.unlock(protocol, 2),
        operations.change_availability(protocol, is_operative=True),
        operations.change_availability(protocol, is_operative=False, connector_id=2),
        operations.trigger(protocol, "StatusNotification"),
        operations.trigger(protocol, "MeterValues", 1),
        operations.read_setting(protocol, name),
        operations.write_setting(protocol, name, "x"),
    ):
        require_valid(version, action, payload)


def test_setting_without_a_component_is_refused_in_2x() -> None:
    with pytest.raises(operations.OperationInvalid, match=r"Component\.Variable"):
        operations.read_setting("ocpp2.0.1", "HeartbeatInterval")


def seen(asked: ToTheApp) -> None:
    """The charger has been connected once, and is not now."""
    key = (TenantId("acme"), ChargerId("bay-1"))
    event = ChargerConnected(charger_id=key[1], protocol="ocpp1.6", connected_at=NOON)

    async def record() -> None:
        await asked.api.container.stores.store().append([Append(condition_stream(*key), 0, (happened(event),))])
        await asked.api.settled()

    asked._runner.run(record())


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (("reset", "bay-1"), {"action": "Reset", "payload": {"type": "Soft"}}),
        (("unlock", "bay-1", "--connector", "2"), {"action": "UnlockConnector", "payload": {"connectorId": 2}}),
        (
            ("availability", "bay-1", "inoperative"),
            {"action": "ChangeAvailability", "payload": {"connectorId": 0, "type": "Inoperative"}},
        ),
        (("trigger", "bay-1", "Heartbeat"), {"action": "TriggerMessage", "payload": {"requestedMessage": "Heartbeat"}}),
        (("setting", "bay-1", "Key"), {"action": "GetConfiguration", "payload": {"key": ["Key"]}}),
        (
            ("setting", "bay-1", "Key", "x"),
            {"action": "ChangeConfiguration", "payload": {"key": "Key", "value": "x"}},
        ),
        (("call", "bay-1", "GetConfiguration", '{"key": []}'), {"action": "GetConfiguration", "payload": {"key": []}}),
    ],
)
def test_operation_on_a_charger_that_is_away_is_sent_and_refused_in_one_line(
    cli: Cli, asked: ToTheApp, arguments: tuple[str, ...], sent: dict[str, Any]
) -> None:
    seen(asked)

    refused = cli("chargers", *arguments, status=1)

    assert json.loads(asked.asked[-1].content) == sent
    assert "Charger bay-1 is not connected" in refused.stderr
    assert refused.stdout == ""


def test_operation_with_bad_input_is_refused_with_what_to_do(cli: Cli, asked: ToTheApp) -> None:
    never = cli("chargers", "reset", "bay-1", status=1)
    not_json = cli("chargers", "call", "bay-1", "Reset", "{", status=1)
    not_an_object = cli("chargers", "call", "bay-1", "Reset", "[]", status=1)
    neither = cli("chargers", "availability", "bay-1", "off", status=2)

    assert "has never been connected" in never.stderr
    assert "not JSON" in not_json.stderr
    assert "not a JSON object" in not_an_object.stderr
    assert "neither operative nor inoperative" in neither.stderr


def test_frames_of_a_charger_that_was_not_here_are_none(cli: Cli) -> None:
    assert cli("chargers", "frames", "bay-1").stderr == "no frames since the gateway started\n"
    assert cli.json("chargers", "frames", "bay-1") == {"items": []}


def test_watch_shows_the_past_and_then_ends(cli: Cli) -> None:
    cli("override", "bay-1", "freevend", "--reason", "visit", "--for", "1h")
    cli("decide", "bay-1", "rfid", "04B00000000000", "--record")

    lines = cli("watch", "--after", "0", "--once").stdout.splitlines()
    messages = [json.loads(line) for line in cli("watch", "--after", "0", "--once", "--json").stdout.splitlines()]
    attempts = cli("watch", "--after", "0", "--once", "--event", "attempt").stdout.splitlines()

    assert any(line.startswith("charger  bay-1  not connected  expected freevend") for line in lines)
    assert any("bay-1  allowed  freevend" in line and "rfid …0000" in line for line in lines)
    assert {each["event"] for each in messages} == {"attempt", "charger", "ready"}
    assert [line.split()[0] for line in attempts] == ["attempt"]


def test_watch_with_an_id_that_is_none_is_refused(cli: Cli) -> None:
    assert "last_event_id" in cli("watch", "--after", "x", "--once", status=1).stderr


def answering(answer: dict[str, Any], protocol: str = "ocpp1.6") -> Cli:
    """A service whose chargers answer every call with this."""

    def respond(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"protocol": protocol, "items": [], "next_cursor": None})
        action = json.loads(request.content)["action"]
        return httpx.Response(200, json={"action": action, "protocol": protocol, "answer": answer})

    return Cli(httpx.MockTransport(respond))


@pytest.mark.parametrize("status", ["NotSupported", "UnlockFailed", "Rejected"])
@pytest.mark.parametrize(
    ("command", "action"),
    [
        (("reset", "bay-1"), "Reset"),
        (("unlock", "bay-1"), "UnlockConnector"),
        (("availability", "bay-1", "operative"), "ChangeAvailability"),
        (("trigger", "bay-1", "Heartbeat"), "TriggerMessage"),
        (("setting", "bay-1", "Key", "x"), "ChangeConfiguration"),
        (("call", "bay-1", "ClearCache"), "ClearCache"),
    ],
)
def test_call_that_the_charger_declines_ends_with_its_answer_and_status_one(
    command: tuple[str, ...], action: str, status: str
) -> None:
    declined = answering({"status": status})("chargers", *command, status=1)

    assert declined.stderr == f"access-policy: charger bay-1 answered {action}: {status}\n"
    assert json.loads(answering({"status": status})("--json", "chargers", *command, status=1).stdout)["answer"] == {
        "status": status
    }


@pytest.mark.parametrize("status", ["Accepted", "Scheduled", "Unlocked"])
def test_call_that_the_charger_accepts_ends_with_status_zero(status: str) -> None:
    assert f"answered Reset: {status}" in answering({"status": status})("chargers", "reset", "bay-1").stdout


def test_one_charger_of_several_that_declines_ends_the_command_with_status_one_after_all() -> None:
    declined = answering({"status": "Rejected"})("chargers", "reset", "bay-1", "bay-2", status=1)

    assert [line.split()[2] for line in declined.stderr.splitlines()] == ["bay-1", "bay-2"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"configurationKey": [{"key": "A", "readonly": True, "value": "1"}]}, None),
        ({"configurationKey": [], "unknownKey": ["A"]}, "unknown key A"),
        ({"getVariableResult": [{"attributeStatus": "UnknownVariable"}]}, "UnknownVariable"),
        ({"setVariableResult": [{"attributeStatus": "Accepted"}, {"attributeStatus": "Rejected"}]}, "Rejected"),
        ({"setVariableResult": [{"attributeStatus": "RebootRequired"}]}, None),
        ({}, None),
    ],
)
def test_answer_about_settings_is_declined_by_any_of_them(answer: dict[str, Any], status: str | None) -> None:
    assert operations.declined(answer) == status
