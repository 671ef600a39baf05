"""Padding never matters: every text of every message that the service reads, padded with NULs and blanks, gives the answers and
the recorded events of the same messages without padding."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.transport.framing import Call, decode
from access_policy.application.ports.charger_gateway import Switch
from access_policy.domain.access.events import AccessDenied
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.capability_profiles.capabilities import ConfigurationKey, DeviceVariable
from tests.support.connected import connected_charger
from tests.support.depot_in_memory import BAY, BUS, NIGHT, STRANGER, TENANT, DepotInMemory
from tests.support.handled import HANDLERS, HandledDepot
from tests.support.reading_back import WANTED, KeepsSettings, connected_to
from tests.support.stores import memory_store

Messages = list[tuple[str, dict[str, Any]]]
Pad = Callable[[str], str]

AT = NIGHT.strftime("%Y-%m-%dT%H:%M:%SZ")
PADS = ("\0", "\0\0\0\0", " ", "   ", " \0", "\0 ", " \0 \0", "\r\n\0", "\t")


def energy(value: Any) -> dict[str, Any]:
    return {"timestamp": AT, "sampledValue": [{"value": value, "measurand": "Energy.Active.Import.Register"}]}


def kilowatt_hours(value: Any, **more: Any) -> dict[str, Any]:
    return {"timestamp": AT, "sampledValue": [{"value": value, "context": "Sample.Periodic", **more}]}


def status_16(connector_id: int, status: str, error_code: str, **more: str) -> tuple[str, dict[str, Any]]:
    told = {"connectorId": connector_id, "status": status, "errorCode": error_code, "timestamp": AT, **more}
    return "StatusNotification", told


SAID_16: Messages = [
    (
        "BootNotification",
        {
            "chargePointVendor": "Vendor",
            "chargePointModel": "Model",
            "chargePointSerialNumber": "SN1",
            "firmwareVersion": "1.2",
        },
    ),
    ("Heartbeat", {}),
    status_16(1, "Available", "NoError"),
    status_16(1, "Preparing", "NoError", info="cable"),
    ("Authorize", {"idTag": STRANGER.value}),
    status_16(1, "Faulted", "OtherError", info="refused", vendorId="V", vendorErrorCode="E7"),
    status_16(1, "Available", "NoError"),
    ("Authorize", {"idTag": BUS.value}),
    ("Authorize", {"idTag": "VID:1A2B3C4D5E6F"}),
    ("Authorize", {"idTag": "a card of ours"}),
    (
        "StartTransaction",
        {"connectorId": 1, "idTag": BUS.value, "meterStart": 100, "timestamp": AT},
    ),
    status_16(1, "Charging", "NoError"),
    ("MeterValues", {"connectorId": 1, "meterValue": [kilowatt_hours("0.5", unit="kWh"), energy("700")]}),
    (
        "StopTransaction",
        {"transactionId": 7, "idTag": BUS.value, "meterStop": 900, "timestamp": AT, "reason": "EVDisconnected"},
    ),
    ("StartTransaction", {"connectorId": 2, "idTag": STRANGER.value, "meterStart": 0, "timestamp": AT}),
    ("MeterValues", {"connectorId": 2, "meterValue": [energy("4000")]}),
    status_16(2, "Faulted", "GroundFailure", info="leak", vendorErrorCode="0x12"),
    ("DataTransfer", {"vendorId": "Vendor", "messageId": "m", "data": "{}"}),
    ("FirmwareStatusNotification", {"status": "Idle"}),
    ("DiagnosticsStatusNotification", {"status": "Idle"}),
    ("SecurityEventNotification", {"type": "SettingSystemTime", "timestamp": AT, "techInfo": "x"}),
    ("LogStatusNotification", {"status": "Idle"}),
    ("SignedFirmwareStatusNotification", {"status": "Idle"}),
]


def transaction(event: str, reason: str, transaction_id: str, state: str, token: Any = None, **more: Any) -> Any:
    told = {
        "eventType": event, "timestamp": AT, "triggerReason": reason, "seqNo": 0, "evse": {"id": 1, "connectorId": 1},
        "transactionInfo": {"transactionId": transaction_id, "chargingState": state, **more.pop("info", {})}, **more,
    }  # fmt: skip
    return "TransactionEvent", told if token is None else {**told, "idToken": token}


def token(value: str, kind: str) -> dict[str, str]:
    return {"idToken": value, "type": kind}


def monitored(component: str, variable: str, value: str, **more: Any) -> dict[str, Any]:
    return {
        "eventId": 1, "timestamp": AT, "trigger": "Alerting", "actualValue": value,
        "eventNotificationType": "HardWiredNotification", "variable": {"name": variable},
        "component": {"name": component, "evse": {"id": 1, "connectorId": 1}}, **more,
    }  # fmt: skip


SAID_2X: Messages = [
    (
        "BootNotification",
        {
            "reason": "PowerUp",
            "chargingStation": {
                "vendorName": "Vendor",
                "model": "Model",
                "serialNumber": "SN1",
                "firmwareVersion": "1.2",
            },
        },
    ),
    ("Heartbeat", {}),
    ("StatusNotification", {"evseId": 1, "connectorId": 1, "connectorStatus": "Available", "timestamp": AT}),
    ("StatusNotification", {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied", "timestamp": AT}),
    ("Authorize", {"idToken": token(STRANGER.value, "ISO14443")}),
    ("StatusNotification", {"evseId": 1, "connectorId": 1, "connectorStatus": "Faulted", "timestamp": AT}),
    ("StatusNotification", {"evseId": 1, "connectorId": 1, "connectorStatus": "Available", "timestamp": AT}),
    ("Authorize", {"idToken": token(BUS.value, "ISO14443")}),
    ("Authorize", {"idToken": token("1A2B3C4D5E6F", "MacAddress")}),
    ("Authorize", {"idToken": token("a card of ours", "Local")}),
    transaction("Started", "CablePluggedIn", "tx-1", "EVConnected"),
    transaction("Updated", "Authorized", "tx-1", "Charging", token(BUS.value, "ISO14443"), meterValue=[energy(100)]),
    transaction(
        "Updated",
        "MeterValuePeriodic",
        "tx-1",
        "Charging",
        meterValue=[kilowatt_hours(2.5, unitOfMeasure={"unit": "kWh"})],
    ),
    transaction(
        "Ended", "EVDeparted", "tx-1", "Idle", info={"stoppedReason": "EVDisconnected"}, meterValue=[energy(9000)]
    ),
    transaction("Started", "Authorized", "tx-2", "Charging", token(STRANGER.value, "ISO14443"), meterValue=[energy(0)]),
    transaction("Updated", "MeterValuePeriodic", "tx-2", "Charging", meterValue=[energy(4000)]),
    transaction("Ended", "Deauthorized", "tx-2", "Idle", info={"stoppedReason": "DeAuthorized"}),
    transaction("Started", "CablePluggedIn", "tx-3", "Charging", token("", "NoAuthorization")),
    ("NotifyEvent", {"generatedAt": AT, "seqNo": 0, "eventData": [monitored("AuthCtrlr", "Enabled", "false")]}),
    (
        "NotifyEvent",
        {
            "generatedAt": AT,
            "seqNo": 0,
            "eventData": [
                monitored("Connector", "AvailabilityState", "Faulted"),
                monitored("Connector", "Problem", "true", techCode="E7", techInfo="leak"),
            ],
        },
    ),
    ("MeterValues", {"evseId": 1, "meterValue": [energy(1)]}),
    ("DataTransfer", {"vendorId": "Vendor", "messageId": "m", "data": "x"}),
    ("FirmwareStatusNotification", {"status": "Idle"}),
    ("LogStatusNotification", {"status": "Idle"}),
    ("SecurityEventNotification", {"type": "SettingSystemTime", "timestamp": AT}),
    ("NotifyReport", {"requestId": 1, "generatedAt": AT, "seqNo": 0}),
]

SAID = {OcppVersion.V16: SAID_16, OcppVersion.V201: SAID_2X, OcppVersion.V21: SAID_2X}
VERSIONS = pytest.mark.parametrize("version", SAID)


async def outcome(version: OcppVersion, frames: list[bytes]) -> tuple[list[Any], list[Any]]:
    """The answers, and the events that were recorded for them."""
    depot = await DepotInMemory(memory_store()).opened()
    before = await depot.store.last_position()
    handled = HandledDepot(depot, version)
    handled._chargers[BAY] = connected_charger(
        (TENANT, BAY), version.subprotocol, depot.clock.now(), connection_id="the same in each run"
    )
    answers = []
    for frame in frames:
        call = decode(frame, version)
        assert isinstance(call, Call), f"{frame!r} is not read: {call}"
        answers.append(await handled.say(call.action, call.payload))
        await depot.follow()
    recorded = await depot.store.read_log(after=before, limit=10_000)
    return answers, [(each.stream, each.event) for each in recorded]


def frames_of(version: OcppVersion, pad: Pad = str, pad_name: Pad = str, end: str = "") -> list[bytes]:
    return [
        (json.dumps([2, "1", pad_name(action), padded(payload, pad, pad_name)]) + end).encode()
        for action, payload in SAID[version]
    ]


def padded(value: Any, pad: Pad, pad_name: Pad = str) -> Any:
    match value:
        case str():
            return pad(value)
        case list():
            return [padded(each, pad, pad_name) for each in value]
        case dict():
            return {pad_name(name): padded(each, pad, pad_name) for name, each in value.items()}
        case _:
            return value


def test_the_messages_are_all_that_are_read_of_each_version() -> None:
    informing = "only acknowledged, whatever it says"
    for version, said in SAID.items():
        handlers = HANDLERS[version].__new__(HANDLERS[version])
        handlers.__init__(_NoDesks())
        reads = {name for name, handler in handlers.handlers.items() if "acknowledge" not in handler.__name__}
        assert reads <= {action for action, _ in said}, informing


class _NoDesks:
    profiles = clock = None


def names_of_texts(value: Any) -> set[str]:
    match value:
        case dict():
            inner = set().union(*map(names_of_texts, value.values()))
            return inner | {name for name, each in value.items() if isinstance(each, str)}
        case list() | tuple():
            return set().union(*map(names_of_texts, value))
        case _:
            return set()


def padded_under(value: Any, name: str, by: str) -> Any:
    """`value` with every text padded that stands under this name."""
    match value:
        case dict():
            return {
                key: each + by if key == name and isinstance(each, str) else padded_under(each, name, by)
                for key, each in value.items()
            }
        case list():
            return [padded_under(each, name, by) for each in value]
        case _:
            return value


@pytest.mark.parametrize("version", [OcppVersion.V16, OcppVersion.V201])
async def test_each_field_padded_by_itself_changes_no_answer_and_no_event(version: OcppVersion) -> None:
    expected = await outcome(version, frames_of(version))
    assert len(expected[1]) > 5

    for name in sorted(names_of_texts([payload for _, payload in SAID[version]])):
        frames = [
            json.dumps([2, "1", action, padded_under(payload, name, "  \0 \0")]).encode()
            for action, payload in SAID[version]
        ]
        assert await outcome(version, frames) == expected, f"{name}, padded"


@VERSIONS
@settings(max_examples=10, deadline=None)
@given(
    choices=st.lists(st.sampled_from(("", *PADS)), min_size=7, max_size=31), end=st.sampled_from(("", "\0", "\n\0\0"))
)
def test_any_padding_changes_no_answer_and_no_event(version: OcppVersion, choices: list[str], end: str) -> None:
    """Texts, names and actions padded in turn by `choices`, and the frames by `end`."""
    number = iter(range(1_000_000))

    def pad(text: str) -> str:
        return text + choices[next(number) % len(choices)]

    async def both() -> None:
        assert await outcome(version, frames_of(version, pad, pad, end)) == await outcome(version, frames_of(version))

    asyncio.run(both())


@pytest.mark.parametrize("spelled", ["true", "True ", 1, "1"])
async def test_a_boolean_that_a_charger_reports_is_read_in_every_spelling(spelled: Any) -> None:
    def frames(value: Any) -> list[bytes]:
        _, started = transaction(
            "Started", "Authorized", "tx-1", "Charging", token(STRANGER.value, "ISO14443"), offline=value
        )
        problem = monitored("Connector", "Problem", "true", techCode="E7")
        cleared = monitored("Connector", "Problem", "true", techCode="E7", cleared=value)
        events = {"generatedAt": AT, "seqNo": 0, "eventData": [problem, cleared]}
        said = [("TransactionEvent", started), ("NotifyEvent", events)]
        return [json.dumps([2, "1", action, payload]).encode() for action, payload in said]

    version = OcppVersion.V201
    reported = await outcome(version, frames(spelled))

    assert reported == await outcome(version, frames(True))
    assert reported != await outcome(version, frames(False))


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        (OcppVersion.V16, "Authorize", {"idTag": "04A1B2\0C3D4E5F6"}),
        (OcppVersion.V201, "Authorize", {"idToken": token("04A1B2\0C3D4E5F6", "ISO14443")}),
        (OcppVersion.V21, "Authorize", {"idToken": token("a card\0of ours", "Local")}),
    ],
)
async def test_a_nul_inside_an_identity_is_denied_as_malformed(
    version: OcppVersion, action: str, payload: dict[str, Any]
) -> None:
    (answer,), ((_, event),) = await outcome(version, [json.dumps([2, "1", action, payload]).encode()])

    assert isinstance(event, AccessDenied)
    assert event.reason is Reason.IDENTIFIER_INVALID
    assert "Accepted" not in json.dumps(answer)


# --- answers to what the service asks -------------------------------------------------------------------------------------

KEY = ConfigurationKey(
    key="FreeCharging", managed_value="false", freevend_value="true", tag_key="FreeTag", tag="FREEVEND"
)
VARIABLE = DeviceVariable(component="AuthCtrlr", variable="Enabled", managed_value="true", freevend_value="false")


async def asked(version: OcppVersion, pad: Pad) -> tuple[list[Any], list[str]]:
    """What the service learns from a charger that pads all of its answers, and what it writes."""
    names = WANTED[version](OfflineStarts.LIST)
    switch: Switch = KEY if version is OcppVersion.V16 else VARIABLE
    limits = {"LocalAuthListMaxLength": "10", "SendLocalListMaxLength": "1", "LocalAuthListCtrlr.ItemsPerMessage": "1"}
    own = {
        "FreeCharging": "False",
        "FreeTag": "x",
        "AuthCtrlr.Enabled": "True",
        "DisplayMessageCtrlr.Available": "true",
    }
    charger = KeepsSettings({**dict.fromkeys(names, "True"), **own, **limits}, taken=str.capitalize)
    async with connected_to(charger, version, lambda frame: padded(frame, pad, pad)) as commands:
        state = await commands.list_state()
        learned: list[Any] = [
            await commands.read_switch(switch),
            await commands.write_switch(switch, AccessMode.FREEVEND, lambda: True),
            await commands.read_switch(switch),
            await commands.make_safe(OfflineStarts.LIST),
            await commands.inspect(["FreeCharging"], [VARIABLE]),
            await commands.has_display(),
            await commands.watch_switch(VARIABLE),
            await commands.clear_cache(),
            await commands.reboot(),
            await commands.stop_session("7"),
            state,
            await commands.send_list(state, 7, [BUS, STRANGER]),
        ]
    return learned, charger.writes


@VERSIONS
@settings(max_examples=10, deadline=None)
@given(choices=st.lists(st.sampled_from(("", *PADS)), min_size=1, max_size=13))
def test_any_padding_of_answers_changes_nothing_that_is_learned_or_written(
    version: OcppVersion, choices: list[str]
) -> None:
    number = iter(range(1_000_000))

    def pad(text: str) -> str:
        return text + choices[next(number) % len(choices)]

    async def both() -> None:
        learned, writes = await asked(version, str)
        assert writes
        assert await asked(version, pad) == (learned, writes)

    asyncio.run(both())
