"""A simulated OCPP 2.0.1 charger: transactions, tokens, the device model and messages to the driver."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.chargers import (
    OCPP201,
    AfterRefusal,
    Behaviour,
    ChargerSpec,
    DecidedBy,
    FreevendVariable,
    Identifier,
    SimulatedCharger,
    Vehicle,
)
from tests.unit.simulated_charger.scripted_csms import Payload, ScriptedCsms

CARD = Identifier.rfid("04A1B2C3")
MakeSpec = Callable[..., ChargerSpec]


def variable(component: str, name: str, value: str | None = None) -> Payload:
    item: Payload = {"component": {"name": component}, "variable": {"name": name}}
    return item if value is None else {**item, "attributeValue": value}


def said(status: str, text: str | None = None) -> Payload:
    info: Payload = {"status": status}
    if text is not None:
        info["personalMessage"] = {"format": "UTF8", "content": text}
    return {"idTokenInfo": info}


async def test_a_session_has_gapless_sequence_numbers_and_one_transaction_id(
    csms: ScriptedCsms, spec: MakeSpec
) -> None:
    async with SimulatedCharger(spec(OCPP201, sample_every_s=0.01, time_compression=3600)) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        outcome = await charger.present(1, CARD)
        await csms.until(lambda: len(csms.came("TransactionEvent")) >= 3)
        await charger.present(1, CARD)
        await charger.unplug(1)
        await charger.until_all_sent()

    events = csms.came("TransactionEvent")
    assert outcome.charged
    assert [event["seqNo"] for event in events] == list(range(len(events)))
    assert {event["transactionInfo"]["transactionId"] for event in events} == {outcome.transaction_id}
    assert csms.events[0] == ("Started", "Authorized")
    assert set(csms.events[1:-1]) == {("Updated", "MeterValuePeriodic")}
    assert csms.events[-1] == ("Ended", "StopAuthorized")
    assert events[0]["idToken"] == {"idToken": "04A1B2C3", "type": "ISO14443"}
    assert events[-1]["transactionInfo"]["stoppedReason"] == "Local"
    statuses = [status["connectorStatus"] for status in csms.came("StatusNotification")]
    assert statuses == ["Available", "Occupied", "Available"]


async def test_a_transaction_can_start_with_the_cable(csms: ScriptedCsms, spec: MakeSpec) -> None:
    settings = {"TxCtrlr.TxStartPoint": "EVConnected", "TxCtrlr.TxStopPoint": "EVConnected"}

    async with SimulatedCharger(spec(OCPP201, settings=settings)) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        await charger.present(1, CARD)
        await charger.present(1, CARD)
        await charger.unplug(1)

    assert csms.events == [
        ("Started", "CablePluggedIn"),
        ("Updated", "Authorized"),
        ("Updated", "StopAuthorized"),
        ("Ended", "EVDeparted"),
    ]
    assert ["idToken" in event for event in csms.came("TransactionEvent")] == [False, True, False, False]


async def test_a_refusal_shows_its_text_to_the_driver(csms: ScriptedCsms, spec: MakeSpec) -> None:
    csms.answers["Authorize"] = said("NotAtThisTime", "Fleet vehicles only until 22:00")
    defect = Behaviour(after_refusal=AfterRefusal(clears_after_s=0.0))

    async with SimulatedCharger(spec(OCPP201, behaviour=defect)) as charger:
        await charger.until_ready()
        outcome = await charger.try_to_charge(identifier=CARD)
        await charger.until_all_sent()

    assert (outcome.status, outcome.refused_at) == ("NotAtThisTime", "authorize")
    assert charger.last_message_to_driver == "Fleet vehicles only until 22:00"
    assert "Faulted" in [status["connectorStatus"] for status in csms.came("StatusNotification")]


@pytest.mark.parametrize(
    ("identifier", "token_type"),
    [
        (Identifier.autocharge("1A2B3C4D5E6F"), "MacAddress"),
        (Identifier.pin("4711"), "KeyCode"),
        (Identifier.emaid("DE8AACA2B3C4D59"), "eMAID"),
    ],
)
async def test_each_kind_of_identifier_has_its_token_type(
    csms: ScriptedCsms, spec: MakeSpec, identifier: Identifier, token_type: str
) -> None:
    async with SimulatedCharger(spec(OCPP201)) as charger:
        await charger.until_ready()
        await charger.try_to_charge(identifier=identifier)

    assert csms.came("Authorize") == [{"idToken": {"idToken": identifier.value, "type": token_type}}]


async def test_a_start_that_is_refused_ends_as_deauthorised(csms: ScriptedCsms, spec: MakeSpec) -> None:
    csms.answers["TransactionEvent"] = lambda event: said("Unknown") if "idToken" in event else {}

    async with SimulatedCharger(spec(OCPP201)) as charger:
        await charger.until_ready()
        outcome = await charger.try_to_charge(identifier=CARD)
        await charger.until_all_sent()

    assert (outcome.charged, outcome.refused_at, outcome.status) == (False, "start", "Unknown")
    assert csms.events == [("Started", "Authorized"), ("Ended", "Deauthorized")]


async def test_without_a_stop_point_a_refused_transaction_stays_open_until_the_cable_is_pulled(
    csms: ScriptedCsms, spec: MakeSpec
) -> None:
    csms.answers["TransactionEvent"] = lambda event: said("Unknown") if "idToken" in event else {}

    async with SimulatedCharger(spec(OCPP201, settings={"TxCtrlr.TxStopPoint": "EVConnected"})) as charger:
        await charger.until_ready()
        await charger.try_to_charge(identifier=CARD)
        await charger.until_all_sent()

    assert csms.events == [("Started", "Authorized"), ("Updated", "Deauthorized"), ("Ended", "EVDeparted")]
    assert csms.came("TransactionEvent")[1]["transactionInfo"]["chargingState"] == "SuspendedEVSE"


async def test_freevend_is_a_variable_and_starts_without_authorisation(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec(OCPP201, freevend=FreevendVariable())) as charger:
        await charger.until_ready()
        written = await csms.ask("SetVariables", {"setVariableData": [variable("AuthCtrlr", "Enabled", "false")]})
        read = await csms.ask("GetVariables", {"getVariableData": [variable("AuthCtrlr", "Enabled")]})
        nobody = await charger.try_to_charge()
        somebody = await charger.try_to_charge(vehicle=Vehicle(mac="1A2B3C4D5E6F"))

    assert written["setVariableResult"][0]["attributeStatus"] == "Accepted"
    assert read["getVariableResult"][0]["attributeValue"] == "false"
    assert nobody.charged
    assert somebody.charged
    assert csms.came("Authorize") == []
    tokens = [event["idToken"] for event in csms.came("TransactionEvent") if event["eventType"] == "Started"]
    assert tokens == [
        {"idToken": "", "type": "NoAuthorization"},
        {"idToken": "1A2B3C4D5E6F", "type": "MacAddress"},
    ]


async def test_unknown_component_and_variable_are_refused_separately(csms: ScriptedCsms, spec: MakeSpec) -> None:
    asked = [
        variable("AuthCtrlr", "Enabled"),
        variable("TeaCtrlr", "Enabled"),
        variable("SecurityCtrlr", "BasicAuthPassword"),
        {**variable("AuthCtrlr", "LocalPreAuthorize"), "attributeType": "Target"},
    ]

    async with SimulatedCharger(spec(OCPP201)) as charger:
        await charger.until_ready()
        answer = await csms.ask("GetVariables", {"getVariableData": asked})
        many = await csms.ask("GetVariables", {"getVariableData": [asked[0]] * 21})

    statuses = [result["attributeStatus"] for result in answer["getVariableResult"]]
    assert statuses == ["UnknownVariable", "UnknownComponent", "Rejected", "NotSupportedAttributeType"]
    assert many == {"error": "OccurrenceConstraintViolation"}


async def test_base_report_comes_in_parts_with_mutability(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec(OCPP201, freevend=FreevendVariable(readonly=True))) as charger:
        await charger.until_ready()
        await csms.ask("GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"})
        await csms.until(lambda: any(not report["tbc"] for report in csms.came("NotifyReport")))

    reports = csms.came("NotifyReport")
    assert [(report["requestId"], report["seqNo"]) for report in reports] == [(7, n) for n in range(len(reports))]
    rows = {
        (row["component"]["name"], row["variable"]["name"]): row["variableAttribute"][0]["mutability"]
        for report in reports
        for row in report["reportData"]
    }
    assert rows["AuthCtrlr", "Enabled"] == "ReadOnly"
    assert rows["AuthCtrlr", "LocalPreAuthorize"] == "ReadWrite"
    assert rows["SecurityCtrlr", "BasicAuthPassword"] == "WriteOnly"


async def test_a_monitored_variable_reports_a_change_on_site(csms: ScriptedCsms, spec: MakeSpec) -> None:
    monitor = {**variable("AuthCtrlr", "Enabled"), "type": "Delta", "value": 1, "severity": 5}

    async with SimulatedCharger(spec(OCPP201, freevend=FreevendVariable())) as charger:
        await charger.until_ready()
        first = await csms.ask("SetVariableMonitoring", {"setMonitoringData": [monitor]})
        again = await csms.ask("SetVariableMonitoring", {"setMonitoringData": [monitor]})
        await charger.change_setting_on_site("AuthCtrlr.Enabled", "false")
        await charger.until_all_sent()

    assert charger.freevend_active
    assert [answer["setMonitoringResult"][0]["status"] for answer in (first, again)] == ["Accepted", "Duplicate"]
    [event] = csms.came("NotifyEvent")[0]["eventData"]
    assert (event["component"], event["actualValue"]) == ({"name": "AuthCtrlr"}, "false")


async def test_a_remote_start_carries_its_id_and_can_be_stopped(csms: ScriptedCsms, spec: MakeSpec) -> None:
    ask = {"idToken": {"idToken": "APP", "type": "Central"}, "remoteStartId": 12, "evseId": 1}

    async with SimulatedCharger(spec(OCPP201, settings={"AuthCtrlr.AuthorizeRemoteStart": "false"})) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        started = await csms.ask("RequestStartTransaction", ask)
        await csms.until(lambda: bool(csms.came("TransactionEvent")))
        info = csms.came("TransactionEvent")[0]["transactionInfo"]
        await csms.ask("RequestStopTransaction", {"transactionId": info["transactionId"]})
        await csms.until(lambda: len(csms.came("TransactionEvent")) == 2)

    assert started == {"status": "Accepted"}
    assert info["remoteStartId"] == 12
    assert csms.events == [("Started", "RemoteStart"), ("Ended", "RemoteStop")]


async def test_a_message_is_displayed_until_it_is_cleared(csms: ScriptedCsms, spec: MakeSpec) -> None:
    message = {"id": 3, "priority": "InFront", "message": {"format": "UTF8", "content": "Members only"}}
    picture = {**message, "id": 4, "message": {"format": "URI", "content": "http://example.org"}}

    async with SimulatedCharger(spec(OCPP201)) as charger:
        await charger.until_ready()
        shown = await csms.ask("SetDisplayMessage", {"message": message})
        refused = await csms.ask("SetDisplayMessage", {"message": picture})
        on_display = charger.display_messages
        cleared = await csms.ask("ClearDisplayMessage", {"id": 3})

    assert (shown["status"], refused["status"]) == ("Accepted", "NotSupportedMessageFormat")
    assert [text["message"]["content"] for text in on_display.values()] == ["Members only"]
    assert cleared == {"status": "Accepted"}
    assert charger.display_messages == {}


async def test_a_reset_on_idle_waits_for_the_driver(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec(OCPP201)) as charger:
        await charger.until_ready()
        await charger.plug_in(1)
        await charger.present(1, CARD)
        answer = await csms.ask("Reset", {"type": "OnIdle"})
        charging = charger.connector(1).charging
        await charger.unplug(1)
        await csms.until(lambda: len(csms.came("BootNotification")) == 2)

    assert (answer, charging) == ({"status": "Scheduled"}, True)
    assert [boot["reason"] for boot in csms.came("BootNotification")] == ["PowerUp", "RemoteReset"]


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("ClearCache", {}, {"status": "Accepted"}),
        ("GetLocalListVersion", {}, {"versionNumber": 0}),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}, {"status": "Rejected"}),
        ("RequestStopTransaction", {"transactionId": "nope"}, {"status": "Rejected"}),
        ("ChangeAvailability", {"operationalStatus": "Inoperative"}, {"status": "Accepted"}),
        ("DataTransfer", {"vendorId": "Nobody"}, {"status": "UnknownVendorId"}),
        ("ReserveNow", {}, {"error": "NotSupported"}),
        ("MakeCoffee", {}, {"error": "NotImplemented"}),
        ("Reset", {}, {"error": "OccurrenceConstraintViolation"}),
    ],
)
async def test_command_is_answered(
    csms: ScriptedCsms, spec: MakeSpec, action: str, payload: Payload, answer: Payload
) -> None:
    async with SimulatedCharger(spec(OCPP201)) as charger:
        await charger.until_ready()

        assert await csms.ask(action, payload) == answer


async def test_charger_without_a_switch_authorises_everyone(csms: ScriptedCsms, spec: MakeSpec) -> None:
    async with SimulatedCharger(spec(OCPP201)) as charger:
        await charger.until_ready()
        outcome = await charger.try_to_charge(vehicle=Vehicle(), patience_s=0.01)

    assert (outcome.charged, outcome.status, outcome.decided_by) == (False, "NotStarted", DecidedBy.UNDECIDED)
    assert csms.came("TransactionEvent") == []
