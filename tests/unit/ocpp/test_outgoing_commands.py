"""Commands in tables: an operation, what the charger answers, the frames it received and what the application gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from access_policy.adapters.ocpp.errors import ErrorCode, OcppVersion
from access_policy.adapters.ocpp.outgoing.commands import ChargerCommands, CommandsOfVersions
from access_policy.adapters.ocpp.transport.call_failures import (
    CallAbandoned,
    CallDisconnected,
    CallFailed,
    CallObsolete,
    CallQueueFull,
    CallRejected,
    CallTimedOut,
)
from access_policy.adapters.ocpp.transport.outgoing_calls import Urgency
from access_policy.application.ports.charger_gateway import (
    ChargerDidNotAnswer,
    NoLongerWanted,
    SwitchRefused,
    Written,
)
from access_policy.application.ports.local_lists import ListNotKept, ListState
from access_policy.domain.access.denial import Denial
from access_policy.domain.access.reasons import Reason
from access_policy.domain.access_mode import AccessMode, OfflineStarts
from access_policy.domain.capability_profiles.capabilities import CapabilityProfile, ConfigurationKey, DeviceVariable
from access_policy.domain.identifiers import Identifier, IdentifierKind
from access_policy.domain.ids import TenantId
from tests.support.asked_application import PLAIN
from tests.support.ocpp_schemas import offences_of

V16, V201, V21 = OcppVersion.V16, OcppVersion.V201, OcppVersion.V21
MANAGED, FREEVEND = AccessMode.MANAGED, AccessMode.FREEVEND
KEY = ConfigurationKey(key="Free", managed_value="false", freevend_value="true", tag_key="Tag", tag="FREE")
VARIABLE = DeviceVariable(component="AuthCtrlr", variable="Enabled", managed_value="true", freevend_value="false")
ADDRESS = {"component": {"name": "AuthCtrlr"}, "variable": {"name": "Enabled"}}
UNTIL = datetime(2026, 11, 18, 12, 1, tzinfo=UTC)
DENIAL = Denial(
    tenant_id=TenantId("acme"),
    reason=Reason.UNKNOWN_IDENTIFIER,
    managed_until=None,
    agreement_ended=False,
    language="en",
    zone=ZoneInfo("Europe/Berlin"),
    profile="plain",
)
BUS = Identifier(IdentifierKind.RFID, "04A1B2C3D4E5F6")

Operation = Callable[[ChargerCommands], Awaitable[Any]]
Answer = dict[str, Any] | CallFailed
Frames = list[tuple[str, dict[str, Any]]]


@dataclass
class AnsweringConnection:
    """Gives `answers` in order; the last one again and again."""

    version: OcppVersion
    answers: list[Answer]
    charge_point_id: str = "CP-1"
    keys_at_once: int = 0
    absent_keys: frozenset[str] | None = None
    frames: Frames = field(default_factory=list)
    urgencies: list[int] = field(default_factory=list)

    async def call(self, action: str, payload: dict[str, Any], *, priority: int, **_: Any) -> dict[str, Any]:
        assert offences_of(self.version, action, payload, response=False) == []
        self.frames.append((action, payload))
        self.urgencies.append(priority)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, CallFailed):
            raise answer
        return answer


def of(connection: Any, profile: CapabilityProfile = PLAIN) -> ChargerCommands:
    return CommandsOfVersions.from_now(datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)).of(connection, lambda: profile)


def keys(**values: str) -> dict[str, Any]:
    return {"configurationKey": [{"key": key, "readonly": False, "value": value} for key, value in values.items()]}


def read(*names: str) -> tuple[str, dict[str, Any]]:
    return "GetConfiguration", {"key": list(names)}


def change(key: str, value: str) -> tuple[str, dict[str, Any]]:
    return "ChangeConfiguration", {"key": key, "value": value}


def got(value: Any = None, status: str = "Accepted") -> dict[str, Any]:
    told = {} if value is None else {"attributeValue": value}
    return {"getVariableResult": [{"attributeStatus": status, **told}]}


def put(status: str) -> dict[str, Any]:
    return {"setVariableResult": [{"attributeStatus": status}]}


ACCEPTED = {"status": "Accepted"}
READ_16 = read("Free", "Tag")
READ_2X = ("GetVariables", {"getVariableData": [ADDRESS]})
WRITE_2X = ("SetVariables", {"setVariableData": [{**ADDRESS, "attributeValue": "true"}]})


def always() -> bool:
    return True


# --- the switch -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "answer", "mode", "evidence"),
    [
        (V16, keys(Free="true"), FREEVEND, "Free=true"),
        (V16, keys(Free="FALSE"), MANAGED, "Free=FALSE"),
        (V16, keys(Free="perhaps"), None, "Free=perhaps"),
        (V16, {"configurationKey": [{"key": "Free", "readonly": False}]}, None, "Free without a value"),
        (V201, got("true"), MANAGED, "AuthCtrlr.Enabled=true"),
        (V21, got("false"), FREEVEND, "AuthCtrlr.Enabled=false"),
        (V201, got(), None, "AuthCtrlr.Enabled without a value"),
        (V201, got("2"), None, "AuthCtrlr.Enabled=2"),
    ],
)
async def test_read_switch_gives_the_mode_and_the_evidence(
    version: OcppVersion, answer: dict[str, Any], mode: AccessMode | None, evidence: str
) -> None:
    connection = AnsweringConnection(version, [answer])
    switch = KEY if version is V16 else VARIABLE

    assert await of(connection).read_switch(switch) == (mode, evidence)
    assert connection.frames == [read("Free") if version is V16 else READ_2X]
    assert set(connection.urgencies) == {Urgency.MODE}


@pytest.mark.parametrize(
    ("mode", "answers", "frames", "written"),
    [
        (MANAGED, [keys(Free="true"), ACCEPTED], [READ_16, change("Free", "false")], Written.IN_FORCE),
        (MANAGED, [keys(Free="TRUE"), ACCEPTED], [READ_16, change("Free", "FALSE")], Written.IN_FORCE),
        (
            MANAGED,
            [keys(Free="true"), {"status": "RebootRequired"}],
            [READ_16, change("Free", "false")],
            Written.AFTER_REBOOT,
        ),
        (
            FREEVEND,
            [keys(Free="false", Tag="x"), ACCEPTED, ACCEPTED],
            [READ_16, change("Tag", "FREE"), change("Free", "true")],
            Written.IN_FORCE,
        ),
        (
            FREEVEND,
            [keys(Free="false", Tag="FREE"), ACCEPTED],
            [READ_16, change("Free", "true")],
            Written.IN_FORCE,
        ),
        (
            MANAGED,
            [keys(Free="1"), {"status": "Rejected"}, ACCEPTED],
            [READ_16, change("Free", "false"), change("Free", "0")],
            Written.IN_FORCE,
        ),
        (
            MANAGED,
            [keys(Free="1"), ACCEPTED, keys(Free="0")],
            [READ_16, change("Free", "false"), read("Free")],
            Written.IN_FORCE,
        ),
        (
            MANAGED,
            [keys(Free="1"), ACCEPTED, keys(Free="1"), ACCEPTED],
            [READ_16, change("Free", "false"), read("Free"), change("Free", "0")],
            Written.IN_FORCE,
        ),
    ],
)
async def test_write_switch_of_16_writes_the_tag_and_the_key_in_the_chargers_spelling(
    mode: AccessMode, answers: list[Answer], frames: Frames, written: Written
) -> None:
    connection = AnsweringConnection(V16, answers, absent_keys=frozenset({"tag"}))

    assert await of(connection).write_switch(KEY, mode, always) is written
    assert connection.frames == frames


@pytest.mark.parametrize("version", [V201, V21])
@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (put("Accepted"), Written.IN_FORCE),
        (put("RebootRequired"), Written.AFTER_REBOOT),
        (put("Rejected"), "rejected"),
        (put("UnknownVariable"), "not_supported"),
        (put("UnknownComponent"), "not_supported"),
        (put("NotSupportedAttributeType"), "not_supported"),
        ({}, "rejected"),
        ({"setVariableResult": []}, "rejected"),
        (CallRejected(ErrorCode.INTERNAL_ERROR, ""), "rejected"),
    ],
)
async def test_write_switch_of_2x_is_one_variable_and_its_result(
    version: OcppVersion, answer: Answer, outcome: Written | str
) -> None:
    connection = AnsweringConnection(version, [answer])

    if isinstance(outcome, Written):
        assert await of(connection).write_switch(VARIABLE, MANAGED, always) is outcome
    else:
        with pytest.raises(SwitchRefused) as refused:
            await of(connection).write_switch(VARIABLE, MANAGED, always)
        assert refused.value.reason == outcome
    assert connection.frames == [WRITE_2X]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([keys(Other="x")], "not_supported"),
        ([keys(Free="true"), {"status": "NotSupported"}], "not_supported"),
        ([keys(Free="true"), {"status": "Rejected"}], "rejected"),
        ([keys(Free="true"), {}], "rejected"),
        ([keys(Free="true"), CallRejected(ErrorCode.GENERIC_ERROR, "no")], "rejected"),
        ([CallRejected(ErrorCode.NOT_IMPLEMENTED, "no")], "rejected"),
    ],
)
async def test_write_switch_of_16_refused_says_why(answers: list[Answer], reason: str) -> None:
    connection = AnsweringConnection(V16, answers, absent_keys=frozenset({"tag", "free"}))

    with pytest.raises(SwitchRefused) as refused:
        await of(connection).write_switch(KEY, MANAGED, always)
    assert refused.value.reason == reason


@pytest.mark.parametrize("version", OcppVersion)
@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (CallObsolete(), NoLongerWanted),
        (CallTimedOut("no answer"), ChargerDidNotAnswer),
        (CallDisconnected(sent=True), ChargerDidNotAnswer),
        (CallAbandoned(), ChargerDidNotAnswer),
        (CallQueueFull(), ChargerDidNotAnswer),
    ],
)
async def test_command_without_an_answer_raises_the_ports_error(
    version: OcppVersion, failure: CallFailed, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await of(AnsweringConnection(version, [failure])).reboot()


# --- single messages --------------------------------------------------------------------------------------------------------

MONITOR = {"value": 1, "type": "Delta", "severity": 3, **ADDRESS}
START_16 = {"connectorId": 2, "idTag": "FREEVEND"}
START_2X = {"evseId": 2, "remoteStartId": 5, "idToken": {"idToken": "FREEVEND", "type": "Central"}}
PASSWORD = {
    "component": {"name": "SecurityCtrlr"},
    "variable": {"name": "BasicAuthPassword"},
    "attributeValue": "ab" * 20,
}


@pytest.mark.parametrize(
    ("version", "operation", "answer", "frame", "result"),
    [
        (V16, lambda c: c.clear_cache(), ACCEPTED, ("ClearCache", {}), "Accepted"),
        (V201, lambda c: c.clear_cache(), {}, ("ClearCache", {}), "no status"),
        (V16, lambda c: c.reboot(), ACCEPTED, ("Reset", {"type": "Soft"}), "Accepted"),
        (V201, lambda c: c.reboot(), {"status": "Scheduled"}, ("Reset", {"type": "OnIdle"}), "Scheduled"),
        (V16, lambda c: c.stop_session("7"), ACCEPTED, ("RemoteStopTransaction", {"transactionId": 7}), "Accepted"),
        (V21, lambda c: c.stop_session("7"), ACCEPTED, ("RequestStopTransaction", {"transactionId": "7"}), "Accepted"),
        (V16, lambda c: c.start_freely(2), ACCEPTED, ("RemoteStartTransaction", START_16), "Accepted"),
        (V201, lambda c: c.start_freely(2), ACCEPTED, ("RequestStartTransaction", START_2X), "Accepted"),
        (V21, lambda c: c.start_freely(2), ACCEPTED, ("RequestStartTransaction", START_2X), "Accepted"),
        (
            V16,
            lambda c: c.trigger_statuses(),
            ACCEPTED,
            ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
            "Accepted",
        ),
        (
            V201,
            lambda c: c.trigger_boot(),
            ACCEPTED,
            ("TriggerMessage", {"requestedMessage": "BootNotification"}),
            None,
        ),
        (V16, lambda c: c.trigger_boot(), {}, ("TriggerMessage", {"requestedMessage": "BootNotification"}), None),
        (V16, lambda c: c.set_password("ab" * 20), ACCEPTED, change("AuthorizationKey", "ab" * 20), None),
        (
            V201,
            lambda c: c.set_password("ab" * 20),
            put("RebootRequired"),
            ("SetVariables", {"setVariableData": [PASSWORD]}),
            None,
        ),
        (
            V201,
            lambda c: c.watch_switch(VARIABLE),
            {"setMonitoringResult": [{"status": "Duplicate"}]},
            ("SetVariableMonitoring", {"setMonitoringData": [MONITOR]}),
            "Duplicate",
        ),
        (V21, lambda c: c.clear_denial(2), {"status": "Unknown"}, ("ClearDisplayMessage", {"id": 71_002}), "Unknown"),
        (V201, lambda c: c.list_version(), {"versionNumber": 12}, ("GetLocalListVersion", {}), 12),
        (V16, lambda c: c.list_version(), {"listVersion": "12"}, ("GetLocalListVersion", {}), 12),
    ],
)
async def test_operation_is_one_frame_of_the_version(
    version: OcppVersion, operation: Operation, answer: Answer, frame: tuple[str, Any], result: Any
) -> None:
    connection = AnsweringConnection(version, [answer])

    assert await operation(of(connection)) == result
    assert connection.frames == [frame]


@pytest.mark.parametrize("version", OcppVersion)
@pytest.mark.parametrize(
    "operation",
    [
        lambda c: c.clear_cache(),
        lambda c: c.stop_session("7"),
        lambda c: c.start_freely(1),
        lambda c: c.trigger_statuses(),
    ],
)
async def test_refusal_of_an_operation_that_may_be_refused_is_its_result(
    version: OcppVersion, operation: Operation
) -> None:
    refusal = CallRejected(ErrorCode.NOT_SUPPORTED, "not here")

    assert "NotSupported" in await operation(of(AnsweringConnection(version, [refusal])))


@pytest.mark.parametrize(
    ("version", "operation", "answer", "reason"),
    [
        (V16, lambda c: c.reboot(), {"status": "Rejected"}, "reboot_refused"),
        (V201, lambda c: c.reboot(), {"status": "Rejected"}, "reboot_refused"),
        (V16, lambda c: c.set_password("x"), {"status": "Rejected"}, "rejected"),
        (V201, lambda c: c.set_password("x"), put("Rejected"), "rejected"),
    ],
)
async def test_refusal_of_a_reboot_or_a_password_is_raised(
    version: OcppVersion, operation: Operation, answer: Answer, reason: str
) -> None:
    with pytest.raises(SwitchRefused) as refused:
        await operation(of(AnsweringConnection(version, [answer])))
    assert refused.value.reason == reason


async def test_start_freely_carries_the_tag_of_the_profile_and_a_new_id_each_time() -> None:
    connection = AnsweringConnection(V201, [ACCEPTED])
    commands = of(connection, replace(PLAIN, mode_control=KEY))
    await commands.start_freely(1)
    await commands.start_freely(1)

    payloads = [payload for _, payload in connection.frames]
    assert [payload["idToken"]["idToken"] for payload in payloads] == ["FREE", "FREE"]
    assert [payload["remoteStartId"] for payload in payloads] == [5, 6]


# --- displays ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [V201, V21])
async def test_show_denial_of_2x_is_a_text_with_an_end(version: OcppVersion) -> None:
    connection = AnsweringConnection(version, [ACCEPTED])

    shown = await of(connection).show_denial(2, DENIAL, UNTIL, always)

    (((action, payload)),) = connection.frames
    assert (action, shown.is_shown, shown.language) == ("SetDisplayMessage", True, "en")
    assert payload == {
        "message": {
            "id": 71_002,
            "priority": "InFront",
            "endDateTime": "2026-11-18T12:01:00.000Z",
            "message": {"format": "UTF8", "language": "en", "content": shown.text},
        }
    }


async def test_display_of_16_is_not_there_and_nothing_is_sent() -> None:
    connection = AnsweringConnection(V16, [ACCEPTED])
    commands = of(connection)

    assert await commands.has_display() is False
    assert (await commands.show_denial(None, DENIAL, UNTIL, always)).is_shown is False
    assert await commands.clear_denial(None) == await commands.watch_switch(VARIABLE) == "NotSupported"
    assert connection.frames == []


# --- local lists ------------------------------------------------------------------------------------------------------------

UNTIL_TEXT = "2026-11-18T12:01:00.000Z"
ENTRY_16 = {"idTag": BUS.value, "idTagInfo": {"status": "Accepted"}}
ENTRY_2X = {"idToken": {"idToken": BUS.value, "type": "ISO14443"}, "idTokenInfo": {"status": "Accepted"}}


@pytest.mark.parametrize(
    ("version", "number", "entry", "bare"),
    [
        (V16, "listVersion", ENTRY_16, {"idTag": BUS.value}),
        (V201, "versionNumber", ENTRY_2X, {"idToken": ENTRY_2X["idToken"]}),
        (V21, "versionNumber", ENTRY_2X, {"idToken": ENTRY_2X["idToken"]}),
    ],
)
async def test_local_list_is_replaced_and_emptied_and_read_back(
    version: OcppVersion, number: str, entry: dict[str, Any], bare: dict[str, Any]
) -> None:
    state = ListState(0, 10, 5)
    connection = AnsweringConnection(version, [ACCEPTED, {number: 7}, ACCEPTED, {number: 8}, ACCEPTED, {number: 9}])
    commands = of(connection)
    assert (await commands.send_list(state, 7, [BUS], {})).taken == [BUS]
    assert await commands.remove_from_list(state, 8, [BUS]) == 8
    assert (await commands.send_list(state, 9, [], {})).taken == []

    assert [payload for action, payload in connection.frames if action == "SendLocalList"] == [
        {number: 7, "updateType": "Full", "localAuthorizationList": [entry]},
        {number: 8, "updateType": "Differential", "localAuthorizationList": [bare]},
        {number: 9, "updateType": "Full"},
    ]
    assert set(connection.urgencies) == {Urgency.LIST}


@pytest.mark.parametrize(
    ("version", "number", "entry"),
    [
        (V16, "listVersion", {**ENTRY_16, "idTagInfo": {"status": "Accepted", "expiryDate": UNTIL_TEXT}}),
        *(
            (
                version,
                "versionNumber",
                {**ENTRY_2X, "idTokenInfo": {"status": "Accepted", "cacheExpiryDateTime": UNTIL_TEXT}},
            )
            for version in (V201, V21)
        ),
    ],
)
async def test_local_list_entry_with_an_end_carries_it(
    version: OcppVersion, number: str, entry: dict[str, Any]
) -> None:
    connection = AnsweringConnection(version, [ACCEPTED, {number: 7}])

    await of(connection).send_list(ListState(0, 10, 5), 7, [BUS], {BUS: UNTIL})

    assert connection.frames[0] == (
        "SendLocalList",
        {number: 7, "updateType": "Full", "localAuthorizationList": [entry]},
    )


@pytest.mark.parametrize("version", OcppVersion)
@pytest.mark.parametrize(
    "answers",
    [
        [{"status": "Failed"}],
        [{}],
        [ACCEPTED, {"listVersion": 6, "versionNumber": 6}],
        [ACCEPTED, {"listVersion": -1}],
        [CallRejected(ErrorCode.NOT_IMPLEMENTED, "")],
    ],
)
async def test_local_list_that_is_refused_or_reads_back_otherwise_is_not_kept(
    version: OcppVersion, answers: list[Answer]
) -> None:
    with pytest.raises(ListNotKept):
        await of(AnsweringConnection(version, answers)).send_list(ListState(0, 10, 5), 7, [BUS], {})


@pytest.mark.parametrize(
    ("version", "answers", "limits"),
    [
        (V16, [{"listVersion": 3}, keys(LocalAuthListMaxLength="50", SendLocalListMaxLength="9")], (50, 9)),
        (V16, [{"listVersion": 3}, keys(LocalAuthListMaxLength="many", SendLocalListMaxLength="0")], (100, 20)),
        (V201, [{"versionNumber": 3}, got("50"), got("9")], (50, 9)),
        (V201, [{"versionNumber": 3}, got(status="UnknownVariable")], (100, 20)),
    ],
)
async def test_list_state_has_the_limits_that_the_charger_states(
    version: OcppVersion, answers: list[Answer], limits: tuple[int, int]
) -> None:
    state = await of(AnsweringConnection(version, answers)).list_state()

    assert (state.version, state.capacity, state.per_message) == (3, *limits)
    assert state.form == f"{version.subprotocol}/1"


async def test_list_state_keeps_to_the_limit_of_the_profile() -> None:
    connection = AnsweringConnection(V201, [{"versionNumber": 3}, got("50")])

    assert (await of(connection, replace(PLAIN, list_entries_max=7)).list_state()).capacity == 7


# --- settings ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offline", "known", "unknown"),
    [
        (OfflineStarts.CLOSED, "false", "false"),
        (OfflineStarts.LIST, "true", "false"),
        (OfflineStarts.OPEN, "true", "true"),
    ],
)
async def test_make_safe_of_16_writes_what_differs_and_reports_what_is_refused(
    offline: OfflineStarts, known: str, unknown: str
) -> None:
    wanted = {
        "LocalPreAuthorize": "false",
        "StopTransactionOnInvalidId": "true",
        "LocalAuthListEnabled": known,
        "LocalAuthorizeOffline": known,
        "AllowOfflineTxForUnknownId": unknown,
    }
    differing = {**wanted, "LocalPreAuthorize": "true"}
    connection = AnsweringConnection(V16, [keys(**differing), {"status": "Rejected"}, keys(**differing)])

    seen = await of(connection).make_safe(offline)

    assert connection.frames == [read(*wanted), change("LocalPreAuthorize", "false"), read(*wanted)]
    assert seen.in_force == {name: value for name, value in wanted.items() if name != "LocalPreAuthorize"}
    assert seen.refused == {"LocalPreAuthorize": "Rejected"}


async def test_make_safe_of_2x_reads_one_variable_a_message() -> None:
    connection = AnsweringConnection(V201, [got(status="UnknownComponent")])

    seen = await of(connection).make_safe(OfflineStarts.LIST)

    assert [len(payload["getVariableData"]) for _, payload in connection.frames] == [1] * 6
    assert set(seen.refused.values()) == {"not there"}


@pytest.mark.parametrize(
    ("answers", "names", "all_told"),
    [
        ([keys(Free="true", Other="x")], ["Free", "Other"], True),
        ([keys(Other="x"), keys(Free="true")], ["Other", "Free"], True),
        ([CallRejected(ErrorCode.NOT_SUPPORTED, ""), keys(Free="true")], ["Free"], False),
        ([CallRejected(ErrorCode.NOT_SUPPORTED, "")], [], False),
    ],
)
async def test_inspect_of_16_reads_all_keys_and_then_the_named_ones_that_are_missing(
    answers: list[Answer], names: list[str], all_told: bool
) -> None:
    seen = await of(AnsweringConnection(V16, answers)).inspect(["Free"], [VARIABLE])

    assert ([each.name for each in seen.settings.values()], seen.all_told) == (names, all_told)


async def test_inspect_of_2x_reads_the_named_variables_and_those_that_always_matter() -> None:
    connection = AnsweringConnection(V201, [got("true"), got(status="UnknownVariable")])

    seen = await of(connection).inspect(["Free"], [VARIABLE])

    assert [each.name for each in seen.settings.values()] == ["AuthCtrlr.Enabled"]
    assert len(connection.frames) == 3
