"""OCPP 2.0.1 and 2.1 messages in tables: a payload, the answer, and what the application was asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppError, OcppVersion, ProtocolError, TypeConstraintViolation
from access_policy.domain.access.events import AccessAllowed, AccessDenied, DenialSignal
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import DeviceVariable
from access_policy.domain.identifiers import IdentifierKind
from tests.support.asked_application import PLAIN, AskedApplication
from tests.support.attempts import allowed, denied
from tests.support.builders import MINUTE, NOON

V201, V21 = OcppVersion.V201, OcppVersion.V21
BOTH = pytest.mark.parametrize("version", [V201, V21])
CARD = {"idToken": "04A1B2C3D4E5F6", "type": "ISO14443"}
NOBODY = {"idToken": "", "type": "NoAuthorization"}
AT = "2026-11-18T11:59:00Z"
SWITCHED = replace(
    PLAIN,
    mode_control=DeviceVariable(
        component="AuthCtrlr", variable="Enabled", managed_value="true", freevend_value="false"
    ),
)


@BOTH
@pytest.mark.parametrize(
    ("decision", "status"),
    [
        (allowed(), "Accepted"),
        (replace(denied(), signal=DenialSignal(status="NotAtThisTime")), "NotAtThisTime"),
        (replace(denied(), signal=None), "Invalid"),
    ],
)
async def test_authorize_decided_is_answered_with_its_status(
    version: OcppVersion, decision: AccessAllowed | AccessDenied, status: str
) -> None:
    application = AskedApplication(version, decision)

    answer = await application.answer("Authorize", {"idToken": CARD})

    assert answer["idTokenInfo"]["status"] == status
    attempt = application.report("authorize")
    assert (attempt.identifier.kind, attempt.identifier.value) == (IdentifierKind.RFID, CARD["idToken"])
    assert attempt.protocol == version.subprotocol


@BOTH
async def test_authorize_denied_with_a_message_carries_it_in_its_language(version: OcppVersion) -> None:
    answer = await AskedApplication(version, denied()).answer("Authorize", {"idToken": CARD})

    message = {"format": "UTF8", "language": "de", "content": "Bitte anmelden."}
    assert answer == {"idTokenInfo": {"status": "Invalid", "personalMessage": message}}


@BOTH
@pytest.mark.parametrize(
    ("action", "payload", "error"),
    [
        ("Authorize", {}, ProtocolError),
        ("Authorize", {"idToken": "04A1B2C3D4E5F6"}, TypeConstraintViolation),
        ("Authorize", {"idToken": {"idToken": "A"}}, ProtocolError),
        ("Authorize", {"idToken": {"idToken": 7, "type": "Local"}}, TypeConstraintViolation),
        ("BootNotification", {"reason": "PowerUp"}, ProtocolError),
        ("BootNotification", {"reason": "PowerUp", "chargingStation": {"model": "M"}}, ProtocolError),
        ("DataTransfer", {}, ProtocolError),
    ],
)
async def test_message_without_what_it_needs_is_an_error_and_asks_nothing(
    version: OcppVersion, action: str, payload: dict[str, Any], error: type[OcppError]
) -> None:
    application = AskedApplication(version)

    with pytest.raises(error):
        await application.answer(action, payload)
    assert application.asked == []


def event(kind: str, state: str | None = None, token: Any = None, info: Any = None, **more: Any) -> dict[str, Any]:
    state_told = {} if state is None else {"chargingState": state}
    payload = {
        "eventType": kind,
        "timestamp": AT,
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": "tx-1", **state_told, **(info or {})},
        **more,
    }
    return payload if token is None else {**payload, "idToken": token}


def meter(value: Any) -> dict[str, Any]:
    return {"timestamp": AT, "sampledValue": [{"value": value}]}


@BOTH
@pytest.mark.parametrize(
    ("payload", "running", "asked", "status"),
    [
        (event("Started", "Charging", CARD), None, ["start", "energy"], "Accepted"),
        (event("Started", "EVConnected"), None, ["announce", "energy"], None),
        (event("Started", "Charging"), None, ["start", "energy"], None),
        (event("Started", "Charging", NOBODY), None, ["start", "energy"], "Accepted"),
        (event("Updated", "Charging", CARD), None, ["start", "energy"], "Accepted"),
        (event("Updated", "Charging"), "tx-1", ["energy"], None),
        (event("Updated", "Charging", CARD), "tx-1", ["energy", "preview"], "Accepted"),
        (event("Updated", "Charging", NOBODY), "tx-1", ["energy"], "Accepted"),
        (event("Ended", "Idle"), "tx-1", ["end"], None),
        (event("Ended", "Idle", CARD), None, ["end"], "Accepted"),
        (event("Started", "Charging", CARD, evse={"id": 2}), None, ["locate", "start", "energy"], "Accepted"),
        ({**event("Started"), "transactionInfo": {}}, None, [], None),
        ({}, None, [], None),
    ],
)
async def test_transaction_event_asks_by_its_type_its_token_and_its_energy(
    version: OcppVersion, payload: dict[str, Any], running: str | None, asked: list[str], status: str | None
) -> None:
    application = AskedApplication(version, running=running)

    answer = await application.answer("TransactionEvent", payload)

    assert application.questions == asked
    assert answer.get("idTokenInfo", {}).get("status") == status


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({}, {"started_at_is_told": True, "offline": True, "anonymous": False, "reports_begin": True}),
        ({"timestamp": "soon"}, {"started_at_is_told": False, "offline": False, "reports_begin": False}),
        ({"offline": True, "timestamp": "2026-11-18T12:00:00Z"}, {"offline": True}),
        ({"offline": "false", "timestamp": "2026-11-18T12:00:00Z"}, {"offline": False}),
        ({"idToken": NOBODY}, {"anonymous": True, "identifier": None}),
        ({"meterValue": [meter(300)]}, {"meter_start_wh": 300}),
        ({"evse": {"id": 3}}, {"connector_id": 3}),
    ],
)
async def test_transaction_event_that_starts_reports_the_start(
    changes: dict[str, Any], reported: dict[str, Any]
) -> None:
    application = AskedApplication(V201)

    await application.answer("TransactionEvent", {**event("Started", "Charging", CARD), **changes})

    report = application.report("start")
    if "started_at_is_told" in reported:
        assert (report.started_at < NOON) is reported.pop("started_at_is_told")
    assert {name: getattr(report, name) for name in reported} == reported
    assert report.transaction_ids == ("tx-1",)


@pytest.mark.parametrize(
    ("info", "more", "reported"),
    [
        ({"stoppedReason": "EVDisconnected"}, {}, {"reason": "EVDisconnected", "meter_stop_wh": None}),
        ({}, {"meterValue": [meter(9000)]}, {"reason": "Local", "meter_stop_wh": 9000, "meter_start_wh": None}),
        (
            {},
            {"meterValue": [meter(100), {**meter(700), "timestamp": "2026-11-18T11:59:30Z"}]},
            {"meter_start_wh": 100},
        ),
    ],
)
async def test_transaction_event_that_ends_reports_the_end(
    info: dict[str, Any], more: dict[str, Any], reported: dict[str, Any]
) -> None:
    application = AskedApplication(V201, running="tx-1")

    await application.answer("TransactionEvent", event("Ended", "Idle", info=info, **more))

    report = application.report("end")
    assert {name: getattr(report, name) for name in reported} == reported


def connector(state: str, evse_id: int = 1) -> dict[str, Any]:
    return {"timestamp": AT, "connectorStatus": state, "evseId": evse_id, "connectorId": 1}


@BOTH
@pytest.mark.parametrize(
    ("payload", "asked", "error_code"),
    [
        (connector("Occupied"), ["status", "plug"], None),
        (connector("Available"), ["status", "plug", "free"], None),
        (connector("Faulted"), ["status"], "Faulted"),
        (connector("Faulted", 0), ["status"], "Faulted"),
        (connector("Reserved"), ["status"], None),
    ],
)
async def test_status_notification_reports_faults_and_plugs(
    version: OcppVersion, payload: dict[str, Any], asked: list[str], error_code: str | None
) -> None:
    application = AskedApplication(version)

    assert await application.answer("StatusNotification", payload) == {}
    assert application.questions == asked
    assert application.report("status")["error_code"] == error_code


def monitored(component: str, variable: str, value: Any, **more: Any) -> dict[str, Any]:
    where = {"name": component, "evse": {"id": 1, "connectorId": 1}}
    return {"timestamp": AT, "component": where, "variable": {"name": variable}, "actualValue": value, **more}


@BOTH
@pytest.mark.parametrize(
    ("data", "asked"),
    [
        (monitored("AuthCtrlr", "Enabled", "false"), [("switch moved", "AuthCtrlr.Enabled changed")]),
        (monitored("authctrlr", "ENABLED", "false"), [("switch moved", "AuthCtrlr.Enabled changed")]),
        (monitored("Connector", "AvailabilityState", "Occupied"), ["status", "plug"]),
        (monitored("Connector", "AvailabilityState", "Available"), ["status", "plug", "free"]),
        (monitored("TokenReader", "AvailabilityState", "Faulted"), []),
        (monitored("Connector", "Problem", "true", techCode="E7"), ["status"]),
        (monitored("Connector", "Problem", "perhaps"), []),
        (monitored("TokenReader", "Problem", True), ["status"]),
        (monitored("TokenReader", "Temperature", "21"), []),
        ({}, []),
    ],
)
async def test_notify_event_reports_the_switch_states_and_problems(
    version: OcppVersion, data: dict[str, Any], asked: list[Any]
) -> None:
    application = AskedApplication(version, profile=SWITCHED)

    assert await application.answer("NotifyEvent", {"generatedAt": AT, "seqNo": 0, "eventData": [data]}) == {}
    expected = application.asked if asked and isinstance(asked[0], tuple) else application.questions
    assert expected == asked


@BOTH
@pytest.mark.parametrize("evse_id", [0, 2])
async def test_meter_values_outside_of_transactions_report_power_and_register(
    version: OcppVersion, evse_id: int
) -> None:
    application = AskedApplication(version)
    sampled = [
        {"value": 11_000, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}},
        {"value": 5_000},
    ]

    payload = {"evseId": evse_id, "meterValue": [{"timestamp": AT, "sampledValue": sampled}]}
    assert await application.answer("MeterValues", payload) == {}

    report = application.report("energy")
    assert (report.power_w, report.energy_wh, report.connector_id) == (11_000, 5_000, evse_id)
    assert (report.transaction_id, report.charging, report.read_at) == (None, False, NOON - MINUTE)


INFORMING = [
    "NotifyReport",
    "SecurityEventNotification",
    "FirmwareStatusNotification",
    "LogStatusNotification",
    "ReservationStatusUpdate",
]
INFORMING_21 = ["BatterySwap", "NotifySettlement", "ReportDERControl", "NotifyPriorityCharging"]


@pytest.mark.parametrize(
    ("version", "action"), [*((V201, each) for each in INFORMING), *((V21, each) for each in INFORMING + INFORMING_21)]
)
async def test_message_that_only_informs_is_acknowledged_and_asks_nothing(version: OcppVersion, action: str) -> None:
    application = AskedApplication(version)

    assert await application.answer(action, {}) == {}
    assert application.asked == []


@pytest.mark.parametrize("action", INFORMING_21)
def test_messages_of_21_have_no_handler_in_201(action: str) -> None:
    assert action not in AskedApplication(V201)._handlers


@BOTH
async def test_boot_of_a_station_is_accepted_and_reported(version: OcppVersion) -> None:
    application = AskedApplication(version, mode=AccessMode.FREEVEND)
    application.charger.accepted = False
    station = {"vendorName": "V" * 200, "model": "M", "firmwareVersion": "1.2"}

    answer = await application.answer("BootNotification", {"reason": "PowerUp", "chargingStation": station})

    assert answer == {"currentTime": "2026-11-18T12:00:00.000Z", "interval": 300, "status": "Accepted"}
    assert application.report("booted") == {"vendor": "V" * 100, "model": "M", "firmware": "1.2"}
    assert application.charger.accepted
