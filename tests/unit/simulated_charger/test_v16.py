"""A simulated OCPP 1.6 charger: its messages during visits, and its answers to commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.chargers import (
    AfterRefusal,
    Behaviour,
    ChargerSpec,
    DecidedBy,
    FreevendKey,
    Identifier,
    SimulatedCharger,
    Vehicle,
)
from tests.unit.simulated_charger.scripted_csms import Payload, ScriptedCsms

CARD = Identifier.rfid("04A1B2C3D4E5F6")
CAR = Vehicle(mac="1A2B3C4D5E6F")
MakeSpec = Callable[..., ChargerSpec]


def refusing(status: str) -> Payload:
    return {"idTagInfo": {"status": status}}


async def test_charger_boots_identifies_itself_and_reports_all_connectors(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec(connectors=2, password="secret")) as charger:
        await charger.until_ready()
        await csms.until(lambda: len(csms.came("StatusNotification")) == 3)

    assert csms.handshakes == [("/ocpp/BAY-1", "Basic QkFZLTE6c2VjcmV0")]
    assert csms.calls[0][0] == "BootNotification"
    assert [status["connectorId"] for status in csms.came("StatusNotification")] == [0, 1, 2]


async def test_card_starts_a_session_whose_energy_rises_until_unplugged(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec(sample_every_s=0.01, time_compression=3600)) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        outcome = await charger.present(1, CARD)
        await csms.until(lambda: len(csms.came("MeterValues")) >= 3)
        await charger.unplug(1)
        await charger.until_all_sent()

    assert (outcome.charged, outcome.status, outcome.decided_by) == (True, "Accepted", DecidedBy.CENTRAL)
    assert outcome.transaction_id == "1"
    assert csms.came("Authorize") == [{"idTag": "04A1B2C3D4E5F6"}]
    meters = [float(values["meterValue"][0]["sampledValue"][0]["value"]) for values in csms.came("MeterValues")]
    assert meters == sorted(set(meters))
    [stop] = csms.came("StopTransaction")
    assert (stop["reason"], stop["transactionId"]) == ("EVDisconnected", 1)
    assert stop["meterStop"] >= int(meters[-1])
    statuses = [status["status"] for status in csms.came("StatusNotification") if status["connectorId"] == 1]
    assert statuses == ["Available", "Preparing", "Charging", "Finishing", "Available"]


async def test_card_presented_again_stops_its_session(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec()) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        await charger.present(1, CARD)
        await charger.present(1, CARD)

    assert [(stop["reason"], stop["idTag"]) for stop in csms.came("StopTransaction")] == [("Local", CARD.value)]


async def test_refused_card_gets_no_energy_and_the_driver_sees_the_status(csms: ScriptedCsms, spec: MakeSpec) -> None:
    csms.answers["Authorize"] = refusing("Blocked")

    async with SimulatedCharger(spec()) as charger:
        await charger.until_ready()
        outcome = await charger.try_to_charge(connector=1, identifier=CARD)

    assert (outcome.charged, outcome.refused_at, outcome.status) == (False, "authorize", "Blocked")
    assert charger.last_message_to_driver == "Blocked"
    assert csms.came("StartTransaction") == []


async def test_vehicle_with_autocharge_presents_itself_at_plug_in(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec()) as charger:
        await charger.until_ready()
        outcome = await charger.try_to_charge(vehicle=CAR)

    assert outcome.charged
    assert csms.came("Authorize") == [{"idTag": "VID:1A2B3C4D5E6F"}]


async def test_a_start_that_is_refused_is_stopped_as_deauthorised(csms: ScriptedCsms, spec: MakeSpec) -> None:
    csms.answers["StartTransaction"] = {"transactionId": 9, **refusing("Invalid")}

    async with SimulatedCharger(spec()) as charger:
        await charger.until_ready()
        outcome = await charger.try_to_charge(identifier=CARD)
        await charger.until_all_sent()

    assert (outcome.charged, outcome.refused_at, outcome.stopped_because) == (False, "start", "deauthorised")
    [stop] = csms.came("StopTransaction")
    assert (stop["transactionId"], stop["reason"]) == (9, "DeAuthorized")


async def test_refused_start_without_stop_on_invalid_only_loses_its_power(csms: ScriptedCsms, spec: MakeSpec) -> None:
    csms.answers["StartTransaction"] = {"transactionId": 9, **refusing("Invalid")}

    async with SimulatedCharger(spec(settings={"StopTransactionOnInvalidId": "false"})) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        outcome = await charger.present(1, CARD)
        await csms.until(lambda: csms.came("StatusNotification")[-1]["status"] == "SuspendedEVSE")

    assert not outcome.charged
    assert csms.came("StopTransaction") == []


async def test_charger_that_ignores_refusals_keeps_delivering(csms: ScriptedCsms, spec: MakeSpec) -> None:
    csms.answers["Authorize"] = refusing("Invalid")
    csms.answers["StartTransaction"] = {"transactionId": 9, **refusing("Invalid")}
    defect = Behaviour(ignores_refusal=True)

    async with SimulatedCharger(spec(behaviour=defect, sample_every_s=0.01)) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        outcome = await charger.present(1, CARD)
        await csms.until(lambda: bool(csms.came("MeterValues")))
        assert charger.connector(1).charging
        await csms.ask("RemoteStopTransaction", {"transactionId": 9})
        await csms.until(lambda: bool(csms.came("StopTransaction")))
        assert not charger.connector(1).charging

    assert (outcome.charged, outcome.refused_at) == (True, "start")
    assert csms.came("StopTransaction")[0]["reason"] == "Remote"


async def test_error_status_after_a_refusal_clears_when_unplugged(csms: ScriptedCsms, spec: MakeSpec) -> None:
    csms.answers["Authorize"] = refusing("Invalid")
    defect = Behaviour(after_refusal=AfterRefusal(error_code="OtherError", vendor_error_code="AuthFailed"))

    async with SimulatedCharger(spec(behaviour=defect)) as charger:
        await charger.until_ready()
        await charger.try_to_charge(identifier=CARD)
        await charger.until_all_sent()

    assert csms.came("StatusNotification")[-1]["status"] == "Available"
    faulted = [status for status in csms.came("StatusNotification") if status["status"] == "Faulted"]
    assert [(status["errorCode"], status["vendorErrorCode"]) for status in faulted] == [("OtherError", "AuthFailed")]


async def test_freevend_starts_at_plug_in_without_authorize_until_switched_off(
    csms: ScriptedCsms, spec: MakeSpec
) -> None:
    async with SimulatedCharger(spec(freevend=FreevendKey())) as charger:
        await charger.until_ready()
        await csms.ask("ChangeConfiguration", {"key": "Cst_FreeVendActive", "value": "True"})
        await csms.ask("ChangeConfiguration", {"key": "Cst_FreeVendIdTag", "value": "FREE"})
        assert charger.freevend_active
        free = await charger.plug_in(1)
        await csms.ask("ChangeConfiguration", {"key": "Cst_FreeVendActive", "value": "false"})
        still_running = charger.connector(1).charging
        await charger.unplug(1)
        managed = await charger.plug_in(1)

    assert free is not None
    assert (free.charged, free.decided_by) == (True, DecidedBy.CENTRAL)
    assert still_running
    assert managed is None
    assert csms.came("Authorize") == []
    assert [start["idTag"] for start in csms.came("StartTransaction")] == ["FREE"]


async def test_switch_that_needs_a_reboot_takes_effect_after_it(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec(freevend=FreevendKey(needs_reboot=True))) as charger:
        await charger.until_ready()
        written = await csms.ask("ChangeConfiguration", {"key": "Cst_FreeVendActive", "value": "true"})
        before = charger.freevend_active
        await csms.ask("Reset", {"type": "Soft"})
        await csms.until(lambda: len(csms.came("BootNotification")) == 2)

        assert (written, before, charger.freevend_active) == ({"status": "RebootRequired"}, False, True)


async def test_charger_that_forgets_its_settings_has_factory_values_after_a_boot(
    csms: ScriptedCsms, spec: MakeSpec
) -> None:
    defect = Behaviour(forgets_settings_at_boot=True)

    async with SimulatedCharger(spec(freevend=FreevendKey(), behaviour=defect)) as charger:
        await charger.until_ready()
        await csms.ask("ChangeConfiguration", {"key": "Cst_FreeVendActive", "value": "true"})
        await charger.reboot()

        assert not charger.freevend_active


async def test_charger_that_ignores_writes_accepts_and_keeps_the_old_value(csms: ScriptedCsms, spec: MakeSpec) -> None:
    defect = Behaviour(ignores_writes_to=frozenset({"Cst_FreeVendActive"}))

    async with SimulatedCharger(spec(freevend=FreevendKey(), behaviour=defect)) as charger:
        await charger.until_ready()
        written = await csms.ask("ChangeConfiguration", {"key": "Cst_FreeVendActive", "value": "true"})
        read = await csms.ask("GetConfiguration", {"key": ["Cst_FreeVendActive", "Nonsense"]})

    assert written == {"status": "Accepted"}
    assert read == {
        "configurationKey": [{"key": "Cst_FreeVendActive", "readonly": False, "value": "false"}],
        "unknownKey": ["Nonsense"],
    }


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("LocalPreAuthorize", "TRUE", "Accepted"),
        ("LocalPreAuthorize", "perhaps", "Rejected"),
        ("NumberOfConnectors", "9", "Rejected"),
        ("Cst_FreeVendActive", "true", "NotSupported"),
    ],
)
async def test_write_is_answered_according_to_the_key(
    csms: ScriptedCsms, spec: MakeSpec, key: str, value: str, status: str
) -> None:
    async with SimulatedCharger(spec()) as charger:
        await charger.until_ready()

        assert await csms.ask("ChangeConfiguration", {"key": key, "value": value}) == {"status": status}


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("ClearCache", {}, {"status": "Accepted"}),
        ("GetLocalListVersion", {}, {"listVersion": 0}),
        ("UnlockConnector", {"connectorId": 1}, {"status": "Unlocked"}),
        ("DataTransfer", {"vendorId": "Nobody"}, {"status": "UnknownVendorId"}),
        ("RemoteStopTransaction", {"transactionId": 5}, {"status": "Rejected"}),
        ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}, {"status": "Accepted"}),
        ("TriggerMessage", {"requestedMessage": "DiagnosticsStatusNotification"}, {"status": "NotImplemented"}),
        ("ReserveNow", {}, {"error": "NotSupported"}),
        ("MakeCoffee", {}, {"error": "NotImplemented"}),
        ("ChangeConfiguration", {"key": "LocalPreAuthorize"}, {"error": "ProtocolError"}),
    ],
)
async def test_command_is_answered(
    csms: ScriptedCsms, spec: MakeSpec, action: str, payload: Payload, answer: Payload
) -> None:
    async with SimulatedCharger(spec()) as charger:
        await charger.until_ready()

        assert await csms.ask(action, payload) == answer


async def test_remote_start_is_authorised_and_charges(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec()) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        assert await csms.ask("RemoteStartTransaction", {"idTag": "APP", "connectorId": 1}) == {"status": "Accepted"}
        await csms.until(lambda: bool(csms.came("StartTransaction")))

    assert csms.came("Authorize") == [{"idTag": "APP"}]


async def test_charger_while_pending_only_answers_and_boots_when_triggered(csms: ScriptedCsms, spec: MakeSpec) -> None:
    csms.answers["BootNotification"] = {"status": "Pending", "currentTime": "2026-03-02T08:00:00Z", "interval": 300}

    async with SimulatedCharger(spec()) as charger:
        await csms.until(lambda: bool(csms.came("BootNotification")))
        assert await csms.ask("RemoteStartTransaction", {"idTag": "APP"}) == {"status": "Rejected"}
        csms.answers["BootNotification"] = {**csms.answers["BootNotification"], "status": "Accepted"}
        await csms.ask("TriggerMessage", {"requestedMessage": "BootNotification"})
        await charger.until_ready()

    assert [action for action, _ in csms.calls][:2] == ["BootNotification", "BootNotification"]
