"""Calls of people: checked by the schema of the version, and refused where the service sets the same itself."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.adapters.ocpp.actions import known_actions
from access_policy.adapters.ocpp.errors import ErrorCode, OcppVersion
from access_policy.adapters.ocpp.operator_calls.calling import HARMLESS, ConnectionCalls
from access_policy.adapters.ocpp.operator_calls.reserved import INTERRUPTS, LISTS, MONITORS
from access_policy.adapters.ocpp.outgoing.v16.settings import wanted_settings as wanted_keys
from access_policy.adapters.ocpp.outgoing.v201.display import FIRST_ID
from access_policy.adapters.ocpp.outgoing.v201.variables import wanted_settings as wanted_variables
from access_policy.adapters.ocpp.profiles.catalogue import ProfileCatalogue
from access_policy.adapters.ocpp.transport.call_failures import CallRejected, CallTimedOut
from access_policy.application.ports.charger_calls import (
    CallConflicts,
    CallInvalid,
    CallRefused,
    CheckedCall,
    Reserved,
)
from access_policy.application.ports.charger_gateway import ChargerDidNotAnswer
from access_policy.domain.access_mode import OfflineStarts
from access_policy.domain.capability_profiles.capabilities import ConfigurationKey, DeviceVariable
from access_policy.domain.ids import ReservationId, TenantId

V16, V201, V21 = OcppVersion.V16, OcppVersion.V201, OcppVersion.V21
SWITCHES = [
    each.mode_control
    for each in ProfileCatalogue.packaged().all(TenantId("acme"))
    if isinstance(each.mode_control, ConfigurationKey | DeviceVariable)
]
RESERVED = Reserved(
    switches=SWITCHES, freevend_tags={"FREEVEND"}, is_watched=True, reservation_numbers={4711: ReservationId("r1")}
)
KEYS = [name for each in SWITCHES if isinstance(each, ConfigurationKey) for name in (*each.names, *each.tag_names)]
VARIABLES = [f"{each.component}.{each.variable}" for each in SWITCHES if isinstance(each, DeviceVariable)]


class Answering:
    """A connection whose charger gives one answer."""

    def __init__(self, version: OcppVersion, answer: dict[str, Any] | Exception | None = None) -> None:
        self.version = version
        self.answer = answer
        self.asked: list[tuple[str, Any]] = []

    async def call(self, action: str, payload: Any, **_: Any) -> dict[str, Any]:
        self.asked.append((action, payload))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or {}


def calls(version: OcppVersion, answer: dict[str, Any] | Exception | None = None) -> ConnectionCalls:
    return ConnectionCalls(Answering(version, answer))  # type: ignore[arg-type]


def key(name: str) -> dict[str, Any]:
    return {"key": name, "value": "1"}


def variable(name: str) -> dict[str, Any]:
    component, _, of = name.partition(".")
    return {
        "setVariableData": [
            {"component": {"name": "ClockCtrlr"}, "variable": {"name": "TimeZone"}, "attributeValue": "UTC"},
            {"component": {"name": component}, "variable": {"name": of}, "attributeValue": "1"},
        ]
    }


DISPLAY = {"priority": "AlwaysFront", "message": {"format": "UTF8", "content": "Hello"}}
MONITOR = {"value": 1, "type": "Delta", "severity": 3}
UNTIL = "2026-12-01T20:00:00Z"
RESERVE_16 = {"connectorId": 1, "expiryDate": UNTIL, "idTag": "04A1B2C3D4E5F6"}
RESERVE_201 = {"expiryDateTime": UNTIL, "idToken": {"idToken": "04A1B2C3D4E5F6", "type": "ISO14443"}}
OURS = [
    (V16, "SendLocalList", {"listVersion": 1, "updateType": "Full"}),
    (V16, "ClearCache", {}),
    (V201, "ClearCache", {}),
    (V21, "SendLocalList", {"versionNumber": 1, "updateType": "Full"}),
    (V16, "RemoteStartTransaction", {"idTag": "freevend"}),
    (V201, "RequestStartTransaction", {"remoteStartId": 1, "idToken": {"idToken": "FREEVEND", "type": "Central"}}),
    (V16, "ReserveNow", {**RESERVE_16, "reservationId": 4711}),
    (V16, "CancelReservation", {"reservationId": 4711}),
    (V201, "ReserveNow", {**RESERVE_201, "id": 4711}),
    (V21, "CancelReservation", {"reservationId": 4711}),
    (V201, "ClearVariableMonitoring", {"id": [1]}),
    (V201, "SetMonitoringBase", {"monitoringBase": "All"}),
    (V201, "SetDisplayMessage", {"message": {**DISPLAY, "id": FIRST_ID + 2}}),
    (V201, "ClearDisplayMessage", {"id": FIRST_ID}),
    *[
        (
            V201,
            "SetVariableMonitoring",
            {"setMonitoringData": [{**MONITOR, "component": {"name": c}, "variable": {"name": v}}]},
        )
        for c, _, v in (each.partition(".") for each in VARIABLES)
    ],
    *[(V16, "ChangeConfiguration", key(name.swapcase())) for name in (*KEYS, *wanted_keys(OfflineStarts.LIST))],
    (V16, "ChangeConfiguration", key("AuthorizationKey")),
    *[(V201, "SetVariables", variable(name)) for name in (*VARIABLES, *wanted_variables(OfflineStarts.LIST))],
    (V21, "SetVariables", variable("SecurityCtrlr.BasicAuthPassword")),
]
CHARGING = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 21.4}]},
}
THEIRS = [
    (V16, "Reset", {"type": "Soft"}),
    (V16, "ReserveNow", {**RESERVE_16, "reservationId": 4712}),
    (V201, "CancelReservation", {"reservationId": 4712}),
    (V16, "ChangeConfiguration", key("HeartbeatInterval")),
    (V16, "GetConfiguration", {}),
    (V16, "RemoteStartTransaction", {"idTag": "04A1B2C3"}),
    (V16, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": CHARGING}),
    (V201, "SetVariables", variable("ClockCtrlr.NtpSource")),
    (V201, "SetDisplayMessage", {"message": {**DISPLAY, "id": 7}}),
    (V201, "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
    (V21, "UnlockConnector", {"evseId": 1, "connectorId": 1}),
]


@pytest.mark.parametrize(("version", "action", "payload"), OURS)
async def test_call_that_the_service_makes_itself_is_refused_with_advice(
    version: OcppVersion, action: str, payload: dict[str, Any]
) -> None:
    with pytest.raises(CallConflicts) as refused:
        await calls(version).check_call(action, payload, RESERVED)

    assert refused.value.detail.startswith(f"{action}: ")
    assert len(refused.value.detail) > 40


@pytest.mark.parametrize(("version", "action", "payload"), THEIRS)
async def test_call_that_changes_nothing_of_the_service_is_admitted(
    version: OcppVersion, action: str, payload: dict[str, Any]
) -> None:
    checked = await calls(version).check_call(action, payload, RESERVED)

    assert (checked.action, checked.payload) == (action, payload)


@pytest.mark.parametrize(
    ("version", "action", "payload", "pointer"),
    [
        (V16, "Resett", {}, "/action"),
        (V16, "GetVariables", {}, "/action"),
        (V16, "Reset", {"type": "Sooft"}, "/payload/type"),
        (V16, "Reset", {}, "/payload"),
        (V16, "Reset", {"type": "Soft", "more": 1}, "/payload"),
        (V201, "UnlockConnector", {"evseId": "1", "connectorId": 1}, "/payload/evseId"),
        (V21, "SetVariables", {"setVariableData": []}, "/payload/setVariableData"),
    ],
)
async def test_call_that_the_schema_does_not_allow_is_refused_at_the_wrong_part(
    version: OcppVersion, action: str, payload: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(CallInvalid) as refused:
        await calls(version).check_call(action, payload, RESERVED)

    assert refused.value.pointer == pointer


def test_names_of_calls_are_those_of_the_protocol() -> None:
    known = {name for version in OcppVersion for name in known_actions(version)}

    assert known >= HARMLESS | INTERRUPTS | LISTS | MONITORS
    assert not HARMLESS & (LISTS | MONITORS)


async def test_answer_is_returned_without_identifiers_and_the_payload_is_sent_as_it_is() -> None:
    commands = calls(V16, {"idTagInfo": {"parentIdTag": "04A1B2C3D4E5F6"}})
    checked = await commands.check_call("RemoteStartTransaction", {"idTag": "04A1B2C3D4E5F6"}, RESERVED)

    answer = await commands.send_call(checked)

    assert checked.shown == {"idTag": "…E5F6"}
    assert commands.connection.asked == [("RemoteStartTransaction", {"idTag": "04A1B2C3D4E5F6"})]  # type: ignore[attr-defined]
    assert answer == {"idTagInfo": {"parentIdTag": "…E5F6"}}


async def test_error_of_the_charger_is_an_answer_and_silence_is_not() -> None:
    checked = CheckedCall(action="Reset", payload={"idTag": "04A1B2C3"}, shown={}, is_harmless=True, interrupts=True)

    refused = await calls(V16, CallRejected(ErrorCode.INTERNAL_ERROR, "not 04A1B2C3")).send_call(checked)

    assert refused == CallRefused("InternalError", "not ****")
    with pytest.raises(ChargerDidNotAnswer):
        await calls(V16, CallTimedOut("no answer")).send_call(checked)
