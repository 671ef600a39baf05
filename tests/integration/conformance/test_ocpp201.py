"""OCPP 2.0.1, Part 6: the cases that concern this system, by their ids (tests/support/octt.py)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from access_policy.application.commands.put_vehicle import PutVehicle
from access_policy.application.commands.remove_vehicle import RemoveVehicle
from access_policy.application.commands.rotate_password import PasswordNotTaken, RotatePassword
from access_policy.application.commands.suspend_vehicle import SuspendVehicle
from access_policy.domain.access_mode import AccessMode
from access_policy.domain.identifiers import IdentifierKind
from access_policy.domain.ids import VehicleId
from access_policy.domain.vehicle_registry.events import AccessClass, VehicleDescription
from simulated_charger import v201_commands
from simulated_charger.calls import CallRefused, Response
from tests.integration.conformance.stage import (
    BAY,
    CONTEXT,
    ENDED,
    OWN,
    SPEC,
    STRANGER,
    SUSPENDED,
    Stage,
    stage,
)
from tests.support.chargers import OCPP201, Behaviour, FreevendVariable, Identifier, Vehicle
from tests.support.octt import octt

STATION = replace(SPEC, protocol=OCPP201)
SWITCHED = replace(STATION, freevend=FreevendVariable())
FREE = replace(SWITCHED, settings={"AuthCtrlr.Enabled": "false"})


def answers_with(monkeypatch: pytest.MonkeyPatch, action: str, answer: dict[str, Any] | CallRefused) -> None:
    """From now on stations answer this action so."""

    def handler(commands: object, payload: object) -> Response:
        if isinstance(answer, CallRefused):
            raise answer
        return Response(answer)

    monkeypatch.setitem(v201_commands.HANDLERS, action, handler)


# --- A: security ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "taken", [pytest.param(True, marks=octt("TC_A_09")), pytest.param(False, marks=octt("TC_A_10"))]
)
async def test_password_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bool) -> None:
    async with stage(tmp_path, STATION) as played:
        if not taken:
            result = {"attributeStatus": "Rejected", "component": {"name": "SecurityCtrlr"}}
            answers_with(
                monkeypatch,
                "SetVariables",
                {"setVariableResult": [{**result, "variable": {"name": "BasicAuthPassword"}}]},
            )
        rotate = played.service.container.commands.rotate_password()
        if taken:
            await rotate(CONTEXT, RotatePassword(charger_id=BAY))
        else:
            with pytest.raises(PasswordNotTaken):
                await rotate(CONTEXT, RotatePassword(charger_id=BAY))

        (sent,) = [
            item
            for asked in played.asked("SetVariables")
            for item in asked["setVariableData"]
            if item["variable"]["name"] == "BasicAuthPassword"
        ]
        assert 16 <= len(sent["attributeValue"]) <= 40


# --- B: provisioning --------------------------------------------------------------------------------------------------


@octt("TC_B_01")
async def test_cold_boot_accepted(tmp_path: Path) -> None:
    async with stage(tmp_path, STATION) as played:
        (answer,) = played.answers("BootNotification")
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0


@octt("TC_B_02", "TC_B_31")
async def test_cold_boot_pending_then_triggered_and_accepted(tmp_path: Path) -> None:
    async with stage(tmp_path, FREE, profile="ocpp201-authctrlr-pending") as played:
        assert [each["status"] for each in played.answers("BootNotification")] == ["Pending", "Accepted"]
        assert {"requestedMessage": "BootNotification"} in played.asked("TriggerMessage")


@octt("TC_B_30")
async def test_a_message_before_the_boot_is_accepted_is_refused(tmp_path: Path) -> None:
    async with stage(tmp_path, FREE, profile="ocpp201-authctrlr-pending", ready=False) as played:
        await played.until(lambda: played.charger.online)
        with pytest.raises(CallRefused) as refused:
            await played.charger.call("Authorize", {"idToken": {"idToken": OWN.value, "type": "ISO14443"}})
        assert refused.value.code == "SecurityError"
        await played.charger.until_ready(timeout_s=30)


@octt("TC_B_06", "TC_B_07", "TC_B_08", "TC_B_09")
async def test_variables_are_read_and_written_within_the_limits_of_the_station(tmp_path: Path) -> None:
    one = {"DeviceDataCtrlr.ItemsPerMessage[GetVariables]": "1", "DeviceDataCtrlr.ItemsPerMessage[SetVariables]": "1"}
    spec = replace(SWITCHED, settings={**one, "AuthCtrlr.Enabled": "false", "AuthCtrlr.LocalPreAuthorize": "true"})
    async with stage(tmp_path, spec, profile="ocpp201-authctrlr") as played:
        await played.until_applied(AccessMode.MANAGED)
        await played.until(lambda: played.charger.settings_in_force["AuthCtrlr.LocalPreAuthorize"] == "false")

        assert len(played.asked("GetVariables")) > 1
        assert {len(each["getVariableData"]) for each in played.asked("GetVariables")} == {1}
        assert {len(each["setVariableData"]) for each in played.asked("SetVariables")} == {1}


@octt("TC_B_20")
async def test_reset_on_idle(tmp_path: Path) -> None:
    spec = replace(FREE, freevend=FreevendVariable(needs_reboot=True))
    async with stage(tmp_path, spec, profile="ocpp201-authctrlr") as played:
        await played.until_applied(AccessMode.MANAGED)
        assert played.asked("Reset") == [{"type": "OnIdle"}]


# --- C: authorisation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "statuses"),
    [
        pytest.param(STRANGER, {"Invalid", "Unknown"}, marks=octt("TC_C_02")),
        pytest.param(SUSPENDED, {"Blocked", "Invalid"}, marks=octt("TC_C_06")),
        pytest.param(ENDED, {"Expired", "Invalid"}, marks=octt("TC_C_07")),
    ],
)
async def test_authorize_refused(tmp_path: Path, shown: Identifier, statuses: set[str]) -> None:
    async with stage(tmp_path, STATION) as played:
        await played.charger.plug_in(1, Vehicle())
        assert not (await played.charger.present(1, shown)).charged
        assert played.answers("Authorize")[-1]["idTokenInfo"]["status"] in statuses


@pytest.mark.parametrize(
    ("shown", "statuses"),
    [
        pytest.param(OWN, {"Accepted"}, marks=octt("TC_C_08")),
        pytest.param(SUSPENDED, {"Invalid", "Unknown", "Blocked"}, marks=octt("TC_C_20")),
    ],
)
async def test_a_start_with_a_cached_identifier(tmp_path: Path, shown: Identifier, statuses: set[str]) -> None:
    async with stage(tmp_path, replace(STATION, behaviour=Behaviour(skips_authorize=True))) as played:
        await played.charger.plug_in(1, Vehicle())
        await played.charger.present(1, shown)
        told = [each["idTokenInfo"]["status"] for each in played.answers("TransactionEvent") if "idTokenInfo" in each]
        assert played.answers("Authorize") == []
        assert told
        assert set(told) <= statuses


@pytest.mark.parametrize(
    "status", [pytest.param("Accepted", marks=octt("TC_C_37")), pytest.param("Rejected", marks=octt("TC_C_38"))]
)
async def test_clear_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    answers_with(monkeypatch, "ClearCache", {"status": status})
    async with stage(tmp_path, STATION) as played:
        await played.until_applied(AccessMode.MANAGED)
        await played.until(lambda: played.asked("ClearCache") == [{}])


# --- D: local list ----------------------------------------------------------------------------------------------------


@octt("TC_D_01", "TC_D_02", "TC_D_03", "TC_D_08")
async def test_local_list_full_updated_and_an_entry_removed(tmp_path: Path) -> None:
    async with stage(tmp_path, STATION) as played:
        listed = played.charger.state.local_authorisation
        await played.until(lambda: listed.listed == 1)
        full = played.asked("SendLocalList")[0]
        assert full["updateType"] == "Full"
        assert full["versionNumber"] > 0
        assert full["localAuthorizationList"]
        assert played.asked("GetLocalListVersion")

        bus = PutVehicle(
            vehicle_id=VehicleId("more"),
            description=VehicleDescription(name="More", access_class=AccessClass.OWN),
            identifiers=[(IdentifierKind.RFID, "04DDDDDDDDDDDD")],
        )
        await played.service.container.commands.put_vehicle()(CONTEXT, bus)
        await played.until(lambda: listed.listed == 2)
        await played.service.container.commands.suspend_vehicle()(
            CONTEXT, SuspendVehicle(vehicle_id=VehicleId("more"), reason="lost")
        )
        await played.until(lambda: listed.listed == 1)

        removal = played.asked("SendLocalList")[-1]
        assert removal["updateType"] == "Differential"
        assert ["idTokenInfo" in each for each in removal["localAuthorizationList"]] == [False]
        versions = [each["versionNumber"] for each in played.asked("SendLocalList")]
        assert versions == sorted(set(versions))


@octt("TC_D_04")
async def test_an_emptied_local_list_leaves_the_field_out(tmp_path: Path) -> None:
    async with stage(tmp_path, STATION) as played:
        listed = played.charger.state.local_authorisation
        await played.until(lambda: listed.listed == 1)
        await played.service.container.commands.remove_vehicle()(CONTEXT, RemoveVehicle(vehicle_id=VehicleId("own")))
        await played.until(lambda: listed.listed == 0)

        last = played.asked("SendLocalList")[-1]
        assert last["updateType"] == "Full"
        assert "localAuthorizationList" not in last


@octt("TC_D_09")
async def test_a_station_without_a_local_list(tmp_path: Path) -> None:
    async with stage(tmp_path, replace(STATION, local_list_capacity=0)) as played:
        await played.until(lambda: played.asked("GetLocalListVersion"))
        await played.until_applied(AccessMode.MANAGED)


# --- E: transactions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start_point",
    [
        pytest.param("EVConnected", marks=octt("TC_E_01")),
        pytest.param("Authorized", marks=octt("TC_E_02")),
        pytest.param("DataSigned", marks=octt("TC_E_09")),
        pytest.param("PowerPathClosed", marks=octt("TC_E_10")),
        pytest.param("EnergyTransfer", marks=octt("TC_E_11")),
        pytest.param("ParkingBayOccupancy", marks=octt("TC_E_12")),
    ],
)
async def test_a_transaction_is_accepted_wherever_it_starts(tmp_path: Path, start_point: str) -> None:
    async with stage(tmp_path, replace(STATION, settings={"TxCtrlr.TxStartPoint": start_point})) as played:
        await played.charger.plug_in(1, Vehicle())
        assert (await played.charger.present(1, OWN)).charged
        told = [each["idTokenInfo"]["status"] for each in played.answers("TransactionEvent") if "idTokenInfo" in each]
        assert set(told) == {"Accepted"}


@pytest.mark.parametrize(
    "card_first", [pytest.param(False, marks=octt("TC_E_03")), pytest.param(True, marks=octt("TC_E_04"))]
)
async def test_cable_first_and_card_first_are_one_attempt(tmp_path: Path, card_first: bool) -> None:
    async with stage(tmp_path, STATION) as played:
        outcome = await played.charger.try_to_charge(identifier=OWN, card_first=card_first, for_s=0.3)
        (attempt,) = await played.attempts(lambda rows: rows and rows[0]["session_ended_at"] is not None)
        assert outcome.charged
        assert attempt["decision"] == "allowed"


@octt("TC_E_16")
async def test_a_transaction_is_deauthorised_and_its_end_accepted(tmp_path: Path) -> None:
    async with stage(tmp_path, replace(STATION, behaviour=Behaviour(skips_authorize=True))) as played:
        await played.charger.plug_in(1, Vehicle())
        assert not (await played.charger.present(1, STRANGER)).charged
        await played.charger.unplug(1)
        (attempt,) = await played.attempts(lambda rows: rows and rows[0]["session_ended_at"] is not None)
        assert attempt["decision"] == "denied"


@octt("TC_E_39")
async def test_a_cable_that_never_comes(tmp_path: Path) -> None:
    async with stage(tmp_path, replace(STATION, settings={"TxCtrlr.EVConnectionTimeOut": "0"})) as played:
        await played.charger.present(1, OWN)
        (attempt,) = await played.attempts()
        assert (attempt["decision"], attempt["session_started_at"]) == ("allowed", None)


@octt("TC_E_53")
async def test_each_new_transaction_begins_with_sequence_number_0(tmp_path: Path) -> None:
    async with stage(tmp_path, STATION) as played:
        for _ in range(2):
            assert (await played.charger.try_to_charge(identifier=OWN, for_s=0.1)).charged
        started = [each for each in played.charger.sent("TransactionEvent") if each["eventType"] == "Started"]
        assert [each["seqNo"] for each in started] == [0, 0]
        assert len(await played.attempts(lambda rows: len(rows) == 2)) == 2


async def test_a_start_without_authorisation_is_accepted_as_c35_requires(tmp_path: Path) -> None:
    async with stage(tmp_path, FREE, profile="ocpp201-authctrlr", baseline=AccessMode.FREEVEND) as played:
        await played.until_applied(AccessMode.FREEVEND)
        await played.charger.plug_in(1, Vehicle())
        await played.charger.until(lambda: played.charger.connector(1).charging)
        (attempt,) = await played.attempts(lambda rows: rows and rows[0]["session_started_at"] is not None)
        assert attempt["decision"] == "none"


# --- F: remote control ------------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access_policy.application.mode_application.remote_starts.PATIENCE_S", 0.1)
    monkeypatch.setattr("access_policy.application.mode_application.remote_starts.TICK_S", 0.05)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("settings", "asks_back"),
    [
        pytest.param({}, True, marks=octt("TC_F_01", "TC_F_02")),
        pytest.param({"AuthCtrlr.AuthorizeRemoteStart": "false"}, False, marks=octt("TC_F_03")),
    ],
)
async def test_remote_start_with_the_cable_in(tmp_path: Path, settings: dict[str, str], asks_back: bool) -> None:
    spec = replace(STATION, settings=settings)
    async with stage(tmp_path, spec, profile="ocpp201-remote-start", baseline=AccessMode.FREEVEND) as played:
        await played.charger.plug_in(1, Vehicle())
        await played.charger.until(lambda: played.charger.connector(1).charging)
        (asked,) = played.asked("RequestStartTransaction")
        assert asked["evseId"] == 1
        assert [each["idTokenInfo"]["status"] for each in played.answers("Authorize")] == ["Accepted"] * asks_back


@octt("TC_F_04")
@pytest.mark.usefixtures("impatient")
async def test_remote_start_that_no_transaction_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers_with(monkeypatch, "RequestStartTransaction", {"status": "Accepted"})
    async with stage(tmp_path, STATION, profile="ocpp201-remote-start", baseline=AccessMode.FREEVEND) as played:
        await played.charger.plug_in(1, Vehicle())
        await played.until(lambda: played.asked("RequestStartTransaction"))
        assert await played.attempts(lambda rows: True) == []


@octt("TC_F_27")
async def test_a_trigger_that_the_station_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("access_policy.adapters.ocpp.incoming.boots.PENDING_RETRY_S", 1)
    answers_with(monkeypatch, "TriggerMessage", {"status": "NotImplemented"})
    async with stage(tmp_path, FREE, profile="ocpp201-authctrlr-pending", ready=False) as played:
        await played.charger.until_ready(timeout_s=30)
        assert played.asked("TriggerMessage")


# --- N: monitoring ----------------------------------------------------------------------------------------------------


@octt("TC_N_08", "TC_N_24", "TC_N_48", "TC_N_49", "TC_N_50")
async def test_a_monitor_on_the_switch_and_what_it_tells(tmp_path: Path) -> None:
    async with stage(tmp_path, SWITCHED, profile="ocpp201-authctrlr") as played:
        await played.until(lambda: played.asked("SetVariableMonitoring"))
        (asked,) = played.asked("SetVariableMonitoring")
        assert [(each["type"], each["variable"]["name"]) for each in asked["setMonitoringData"]] == [
            ("Delta", "Enabled")
        ]
        await played.until_applied(AccessMode.MANAGED)
        await played.charger.change_setting_on_site("AuthCtrlr.Enabled", "false")
        await played.until(lambda: played.answers("NotifyEvent"))
        assert played.answers("NotifyEvent")[0] == {}
        for kind in ("Alerting", "Periodic"):
            event = {
                "eventId": 7,
                "timestamp": "2026-11-21T06:00:00Z",
                "trigger": kind,
                "actualValue": "x",
                "eventNotificationType": "HardWiredNotification",
                "component": {"name": "Connector"},
                "variable": {"name": "Problem"},
            }
            told = {"generatedAt": "2026-11-21T06:00:00Z", "seqNo": 0, "tbc": False, "eventData": [event]}
            assert await played.charger.call("NotifyEvent", told) == {}


# --- O: display -------------------------------------------------------------------------------------------------------


async def refused_driver(played: Stage) -> None:
    await played.until_applied(AccessMode.MANAGED)
    await played.charger.plug_in(1, Vehicle())
    assert not (await played.charger.present(1, STRANGER)).charged
    await played.service.container.chargers.driver_display().finish()


@pytest.mark.parametrize(
    "status", [pytest.param("Accepted", marks=octt("TC_O_04")), pytest.param("Unknown", marks=octt("TC_O_05"))]
)
async def test_a_text_is_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    if status == "Unknown":
        answers_with(monkeypatch, "ClearDisplayMessage", {"status": "Unknown"})
    async with stage(tmp_path, STATION) as played:
        await refused_driver(played)
        assert (await played.charger.present(1, OWN)).charged
        await played.service.container.chargers.driver_display().finish()
        assert [each["id"] for each in played.asked("ClearDisplayMessage")] == [
            played.asked("SetDisplayMessage")[0]["message"]["id"]
        ]


@octt("TC_O_12", "TC_O_14")
async def test_a_text_is_replaced_and_ends_by_itself(tmp_path: Path) -> None:
    async with stage(tmp_path, STATION) as played:
        await refused_driver(played)
        await played.charger.present(1, SUSPENDED)
        await played.service.container.chargers.driver_display().finish()
        first, second = (each["message"] for each in played.asked("SetDisplayMessage"))
        assert first["id"] == second["id"]
        assert first["message"]["content"] != second["message"]["content"]
        assert first["endDateTime"]
        assert len(played.charger.display_messages) == 1


@pytest.mark.parametrize(
    "status",
    [
        pytest.param("NotSupportedPriority", marks=octt("TC_O_17")),
        pytest.param("NotSupportedState", marks=octt("TC_O_18")),
        pytest.param("NotSupportedMessageFormat", marks=octt("TC_O_19")),
        "Rejected",
    ],
)
async def test_a_text_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    answers_with(monkeypatch, "SetDisplayMessage", {"status": status})
    async with stage(tmp_path, STATION) as played:
        await refused_driver(played)
        (attempt,) = await played.attempts(lambda rows: rows and rows[0]["display_status"] is not None)
        assert attempt["display_status"] == status


# --- P: data transfer -------------------------------------------------------------------------------------------------


@octt("TC_P_02", "TC_P_03")
async def test_data_transfer_of_an_unknown_vendor_and_custom_data(tmp_path: Path) -> None:
    async with stage(tmp_path, STATION) as played:
        unknown = await played.charger.call("DataTransfer", {"vendorId": "com.example", "messageId": "x", "data": "1"})
        custom = await played.charger.call("Heartbeat", {"customData": {"vendorId": "com.example", "colour": "red"}})
        assert unknown["status"] in ("UnknownVendorId", "UnknownMessageId", "Rejected")
        assert set(custom) == {"currentTime"}
