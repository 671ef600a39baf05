"""OCPP 1.6 messages in tables: a payload, the answer, and what the application was asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import OcppError, OcppVersion, ProtocolError, TypeConstraintViolation
from access_policy.domain.access.events import AccessAllowed, AccessDenied, DenialSignal
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.capability_profiles.capabilities import ConfigurationKey
from access_policy.domain.identifiers import IdentifierKind
from tests.support.asked_application import PLAIN, AskedApplication
from tests.support.attempts import allowed, denied
from tests.support.builders import HOUR, MINUTE, NOON

V16 = OcppVersion.V16
CARD = "04A1B2C3D4E5F6"
AT = "2026-11-18T11:59:00Z"
FREEVEND = replace(
    PLAIN,
    mode_control=ConfigurationKey(key="Free", managed_value="false", freevend_value="true", tag_key="Tag", tag="FREE"),
)
PENDING = replace(FREEVEND, pending_at_boot=True)
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


def until(at: Any) -> str:
    return str(at.strftime("%Y-%m-%dT%H:%M:%S.000Z"))


@pytest.mark.parametrize(
    ("decision", "info"),
    [
        (allowed(), {"status": "Accepted", "expiryDate": until(NOON + HOUR)}),
        (replace(allowed(), valid_until=NOON + MINUTE), {"status": "Accepted", "expiryDate": until(NOON + MINUTE)}),
        (replace(allowed(), valid_until=NOON + 9 * HOUR), {"status": "Accepted", "expiryDate": until(NOON + HOUR)}),
        (replace(allowed(), valid_until=NOON - HOUR), {"status": "Accepted", "expiryDate": until(NOON)}),
        (denied(), {"status": "Invalid"}),
        (replace(denied(), signal=DenialSignal(status="Blocked")), {"status": "Blocked"}),
        (replace(denied(), signal=None), {"status": "Invalid"}),
    ],
)
async def test_authorize_decided_is_answered_with_its_status_and_expiry(
    decision: AccessAllowed | AccessDenied, info: dict[str, str]
) -> None:
    application = AskedApplication(V16, decision)

    assert await application.answer("Authorize", {"idTag": CARD}) == {"idTagInfo": info}
    attempt = application.report("authorize")
    assert (attempt.identifier.kind, attempt.identifier.value) == (IdentifierKind.RFID, CARD)
    assert (attempt.connector_id, attempt.message_id, attempt.protocol) == (None, "m-1", "ocpp1.6")


@pytest.mark.parametrize(
    ("tag", "mode", "asked"),
    [
        ("FREE", AccessMode.FREEVEND, []),
        ("free", AccessMode.FREEVEND, []),
        ("FREE", AccessMode.MANAGED, ["authorize"]),
        (CARD, AccessMode.FREEVEND, ["authorize"]),
    ],
)
async def test_authorize_with_the_freevend_tag_is_an_attempt_in_managed_access_only(
    tag: str, mode: AccessMode, asked: list[str]
) -> None:
    application = AskedApplication(V16, profile=FREEVEND, mode=mode)

    answer = await application.answer("Authorize", {"idTag": tag})

    assert answer["idTagInfo"]["status"] == "Accepted"
    assert application.questions == asked


@pytest.mark.parametrize(
    ("action", "payload", "error"),
    [
        ("Authorize", {}, ProtocolError),
        ("Authorize", {"idTag": None}, ProtocolError),
        ("Authorize", {"idTag": 7}, TypeConstraintViolation),
        ("BootNotification", {"chargePointVendor": "V"}, ProtocolError),
        ("DataTransfer", {}, ProtocolError),
    ],
)
async def test_message_without_what_it_needs_is_an_error_and_asks_nothing(
    action: str, payload: dict[str, Any], error: type[OcppError]
) -> None:
    application = AskedApplication(V16)

    with pytest.raises(error):
        await application.answer(action, payload)
    assert application.asked == []


@pytest.mark.parametrize(
    ("changes", "decision", "status", "reported"),
    [
        ({}, allowed(), "Accepted", {"connector_id": 2, "meter_start_wh": 100, "anonymous": False, "offline": True}),
        ({"timestamp": until(NOON)}, denied(), "Invalid", {"offline": False, "started_at": NOON}),
        ({"timestamp": "yesterday"}, allowed(), "Accepted", {"offline": False, "started_at": NOON}),
        ({"meterStart": -1}, allowed(), "Accepted", {"meter_start_wh": None}),
        ({"meterStart": "250"}, allowed(), "Accepted", {"meter_start_wh": 250}),
        ({"connectorId": "2"}, allowed(), "Accepted", {"connector_id": 2}),
        ({"idTag": "FREE"}, allowed(), "Accepted", {"anonymous": True, "identifier": None}),
        ({"idTag": None}, denied(), "Invalid", {"identifier": None}),
    ],
)
async def test_start_transaction_is_always_acknowledged_and_reported_as_a_start(
    changes: dict[str, Any], decision: AccessAllowed | AccessDenied, status: str, reported: dict[str, Any]
) -> None:
    application = AskedApplication(V16, decision, profile=FREEVEND)
    payload = {"connectorId": 2, "idTag": CARD, "meterStart": 100, "timestamp": AT, **changes}

    answer = await application.answer("StartTransaction", payload)

    report = application.report("start")
    assert answer["idTagInfo"]["status"] == status
    assert str(answer["transactionId"]) == report.transaction_ids[0]
    assert len(set(report.transaction_ids)) == 4
    assert {name: getattr(report, name) for name in reported} == reported


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({}, {"transaction_id": "7", "meter_stop_wh": 900, "reason": "Local", "identifier": None}),
        ({"transactionId": "7", "reason": "EVDisconnected"}, {"transaction_id": "7", "reason": "EVDisconnected"}),
        ({"meterStop": None}, {"meter_stop_wh": None}),
        ({"meterStop": -5}, {"meter_stop_wh": None}),
        (
            {
                "meterStop": None,
                "transactionData": [
                    {"timestamp": "2026-11-18T11:00:00Z", "sampledValue": [{"value": "1.5", "unit": "kWh"}]},
                    {"timestamp": AT, "sampledValue": [{"value": "2500"}]},
                ],
            },
            {"meter_start_wh": 1500, "meter_stop_wh": 2500},
        ),
    ],
)
async def test_stop_transaction_is_always_acknowledged_and_reported_as_an_end(
    changes: dict[str, Any], reported: dict[str, Any]
) -> None:
    application = AskedApplication(V16)
    payload = {"transactionId": 7, "meterStop": 900, "timestamp": AT, **changes}

    assert await application.answer("StopTransaction", payload) == {}
    report = application.report("end")
    assert {name: getattr(report, name) for name in reported} == reported
    assert report.id_is_ours


def status(state: str, **more: Any) -> dict[str, Any]:
    return {"connectorId": 1, "status": state, "errorCode": "NoError", "timestamp": AT, **more}


@pytest.mark.parametrize(
    ("payload", "asked", "error_code"),
    [
        (status("Available"), ["status", "plug", "free"], None),
        (status("Preparing"), ["status", "plug"], None),
        (status("Charging"), ["status", "energy"], None),
        (status("Faulted"), ["status"], "Faulted"),
        (status("Faulted", errorCode="GroundFailure"), ["status"], "GroundFailure"),
        (status("Available", errorCode="no error"), ["status", "plug", "free"], None),
        (status("Available", connectorId=0), ["status"], None),
        (status("SuspendedEV", connectorId=None), ["status"], None),
    ],
)
async def test_status_notification_reports_faults_plugs_and_charging(
    payload: dict[str, Any], asked: list[str], error_code: str | None
) -> None:
    application = AskedApplication(V16)

    assert await application.answer("StatusNotification", payload) == {}
    assert application.questions == asked
    assert application.report("status")["error_code"] == error_code


@pytest.mark.parametrize(
    ("payload", "energy_wh", "transaction_id"),
    [
        ({"connectorId": 1, "transactionId": 7, "meterValue": [{"sampledValue": [{"value": "12"}]}]}, 12, "7"),
        ({"connectorId": 1, "meterValue": [{"sampledValue": [{"value": "nan"}]}]}, None, None),
        ({"connectorId": 1, "meterValue": "none"}, None, None),
    ],
)
async def test_meter_values_report_the_energy_that_can_be_read(
    payload: dict[str, Any], energy_wh: int | None, transaction_id: str | None
) -> None:
    application = AskedApplication(V16)

    assert await application.answer("MeterValues", payload) == {}
    report = application.report("energy")
    assert (report.energy_wh, report.transaction_id, report.connector_id) == (energy_wh, transaction_id, 1)


@pytest.mark.parametrize(
    ("times", "read_at"),
    [([AT], NOON - MINUTE), (["2026-11-18T11:58:00Z", AT], NOON - MINUTE), (["noon"], NOON), ([], None)],
)
async def test_meter_values_report_when_the_last_of_them_was_read(times: list[str], read_at: datetime | None) -> None:
    application = AskedApplication(V16)
    values = [{"timestamp": at, "sampledValue": [{"value": "12"}]} for at in times]

    await application.answer("MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": values})

    report = application.report("energy")
    assert (report.read_at, report.at) == (read_at, NOON)


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("Heartbeat", {}, {"currentTime": until(NOON)}),
        ("DataTransfer", {"vendorId": "V"}, {"status": "UnknownVendorId"}),
        ("FirmwareStatusNotification", {"status": "Idle"}, {}),
        ("DiagnosticsStatusNotification", {}, {}),
        ("SecurityEventNotification", {}, {}),
        ("LogStatusNotification", {}, {}),
        ("SignedFirmwareStatusNotification", {}, {}),
    ],
)
async def test_message_that_only_informs_is_acknowledged_and_asks_nothing(
    action: str, payload: dict[str, Any], answer: dict[str, Any]
) -> None:
    application = AskedApplication(V16)

    assert await application.answer(action, payload) == answer
    assert application.asked == []


@pytest.mark.parametrize(
    ("profile", "mode", "is_safe", "answered"),
    [
        (PLAIN, AccessMode.MANAGED, False, "Accepted"),
        (FREEVEND, AccessMode.MANAGED, False, "Accepted"),
        (PENDING, AccessMode.FREEVEND, False, "Accepted"),
        (PENDING, AccessMode.MANAGED, False, "Pending"),
        (PENDING, AccessMode.MANAGED, True, "Accepted"),
        (replace(PLAIN, pending_at_boot=True), AccessMode.MANAGED, False, "Accepted"),
    ],
)
async def test_boot_is_pending_only_for_a_charger_that_must_be_switched_first(
    profile: Any, mode: AccessMode, is_safe: bool, answered: str
) -> None:
    application = AskedApplication(V16, profile=profile, mode=mode)
    application.charger.accepted, application.charger.is_safe = False, is_safe

    answer = await application.answer("BootNotification", {**BOOT, "firmwareVersion": "1.2"})

    assert (answer["status"], application.charger.accepted) == (answered, answered == "Accepted")
    assert application.report("booted") == {"vendor": "V", "model": "M", "firmware": "1.2"}


async def test_boot_of_a_pending_charger_is_not_reported_again() -> None:
    application = AskedApplication(V16, profile=PENDING)
    await application.answer("BootNotification", BOOT)
    await application.answer("BootNotification", BOOT)

    assert application.questions == ["booted"]
