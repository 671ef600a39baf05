"""`POST /v1/chargers/{id}/calls` over ASGI, with a charger that answers in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from access_policy.adapters.ocpp.errors import ErrorCode, OcppVersion
from access_policy.adapters.ocpp.operator_calls.calling import ConnectionCalls
from access_policy.adapters.ocpp.transport.call_failures import CallRejected, CallTimedOut
from access_policy.application.charger_reservations.desired import reservation_number
from access_policy.application.ports.charger_gateway import ChargerNotConnected
from access_policy.application.ports.event_store import Append, StoreUnavailable
from access_policy.application.ports.identity import Role
from access_policy.application.streams import policy_stream
from access_policy.domain.access_mode import AccessMode, Cause, CauseKind
from access_policy.domain.charger_access_policy.events import ModeChangeRequested
from access_policy.domain.charger_calls.events import CallOutcome, ChargerCallEnded, ChargerCallRequested
from access_policy.domain.ids import ChargerId, ChargerKey, TenantId
from tests.support.builders import NOON
from tests.support.http_api import HttpApi, http_api
from tests.support.stores import happened
from tests.unit.http.conftest import GIVEN

CALLS = "/v1/chargers/bay-1/calls"
UNLOCK = {"action": "UnlockConnector", "payload": {"connectorId": 1}}
START = {"action": "RemoteStartTransaction", "payload": {"idTag": "04A1B2C3D4E5F6"}}
CHANGE = {"action": "ChangeConfiguration", "payload": {"key": "HeartbeatInterval", "value": "300"}}


class Chargers:
    """Implements `CalledChargers` with one OCPP 1.6 charger, which gives one answer."""

    version = OcppVersion.V16

    def __init__(self) -> None:
        self.answer: dict[str, Any] | Exception = {"status": "Accepted"}
        self.asked: list[tuple[str, Any]] = []
        self.is_connected = True

    def commands(self, key: ChargerKey) -> ConnectionCalls:
        if not self.is_connected:
            raise ChargerNotConnected("away")
        return ConnectionCalls(self)  # type: ignore[arg-type]

    async def call(self, action: str, payload: Any, **_: Any) -> dict[str, Any]:
        self.asked.append((action, payload))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def chargers() -> Chargers:
    return Chargers()


@pytest.fixture
async def api(tmp_path: Path, chargers: Chargers) -> AsyncIterator[HttpApi]:
    async with http_api(tmp_path, given=GIVEN, parts={"chargers.operator_calls": chargers}) as api:
        yield api


async def calls_after(api: HttpApi, position: int) -> list[ChargerCallRequested | ChargerCallEnded]:
    """Other things may happen meanwhile, such as a reservation of the depot that ends."""
    events = await api.events_after(position)
    return [each for each in events if isinstance(each, ChargerCallRequested | ChargerCallEnded)]


async def test_call_returns_the_answer_and_both_are_recorded(api: HttpApi, chargers: Chargers) -> None:
    before = await api.position()

    answer = await api.send("POST", CALLS, START)
    requested, ended = await calls_after(api, before)

    assert answer.status_code == 200
    assert answer.json()["answer"] == {"status": "Accepted"}
    assert answer.json()["protocol"] == "ocpp1.6"
    assert chargers.asked == [("RemoteStartTransaction", {"idTag": "04A1B2C3D4E5F6"})]
    assert isinstance(requested, ChargerCallRequested)
    assert json.loads(requested.payload) == {"idTag": "…E5F6"}
    assert isinstance(ended, ChargerCallEnded)
    assert (ended.outcome, json.loads(ended.answer)) == (CallOutcome.ANSWERED, {"status": "Accepted"})


async def test_audit_shows_who_called_and_what_the_charger_answered(api: HttpApi) -> None:
    await api.done("POST", CALLS, UNLOCK)

    ended, requested = (await api.get("/v1/audit?operation=call_charger")).json()["items"]

    assert requested["actor"] == "tester"
    assert {each["field"]: each["new"] for each in requested["changes"]}["payload"] == '{"connectorId":1}'
    said = {each["field"]: each["new"] for each in ended["changes"]}
    assert (said["answer"], said["outcome"]) == ('{"status":"Accepted"}', "answered")


async def test_operators_send_harmless_calls_and_admins_all(api: HttpApi, chargers: Chargers) -> None:
    answers = [
        (await api.send("POST", CALLS, body, role=role)).status_code
        for body in (UNLOCK, CHANGE)
        for role in (Role.OPERATOR, Role.ADMIN, Role.VIEWER)
    ]

    assert answers == [200, 200, 403, 403, 200, 403]
    assert len(chargers.asked) == 3


@pytest.mark.parametrize(
    ("answered", "status", "code", "outcome", "said"),
    [
        (
            CallRejected(ErrorCode.NOT_SUPPORTED, "no such thing"),
            409,
            "charger-refused",
            CallOutcome.REFUSED,
            "NotSupported: no such thing",
        ),
        (
            CallTimedOut("no answer to UnlockConnector in 20 s"),
            504,
            "charger-did-not-answer",
            CallOutcome.NO_ANSWER,
            "UnlockConnector: no answer to UnlockConnector in 20 s",
        ),
    ],
)
async def test_call_without_a_result_is_a_problem_and_recorded(
    api: HttpApi, chargers: Chargers, answered: Exception, status: int, code: str, outcome: CallOutcome, said: str
) -> None:
    chargers.answer = answered
    before = await api.position()

    answer = await api.send("POST", CALLS, UNLOCK)
    _, ended = await calls_after(api, before)

    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, code)
    assert (ended.outcome, ended.answer) == (outcome, said)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"action": "Unlock", "payload": {}}, 422, "call-invalid"),
        ({"action": "UnlockConnector", "payload": {}}, 422, "call-invalid"),
        ({"action": "UnlockConnector"}, 422, "invalid-request"),
        ({"action": "ClearCache", "payload": {}}, 409, "call-conflicts"),
        (
            {"action": "ChangeConfiguration", "payload": {"key": "AuthorizationKey", "value": "x"}},
            409,
            "call-conflicts",
        ),
    ],
)
async def test_call_that_must_not_be_sent_is_refused_and_not_recorded(
    api: HttpApi, chargers: Chargers, body: dict[str, Any], status: int, code: str
) -> None:
    before = await api.position()

    answer = await api.send("POST", CALLS, body)

    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, code)
    assert chargers.asked == []
    assert await api.position() == before


async def test_call_to_a_charger_that_is_away_retired_or_unknown_is_refused(api: HttpApi, chargers: Chargers) -> None:
    chargers.is_connected = False
    away = await api.send("POST", CALLS, UNLOCK)
    await api.send("DELETE", "/v1/chargers/bay-1")
    retired = await api.send("POST", CALLS, UNLOCK)
    unknown = await api.send("POST", "/v1/chargers/nobody/calls", UNLOCK)

    assert [each.status_code for each in (away, retired, unknown)] == [409, 409, 404]
    assert away.json()["type"].endswith("charger-not-connected")


async def test_reset_in_the_middle_of_a_switch_is_refused_and_an_unlock_is_not(api: HttpApi) -> None:
    switching = ModeChangeRequested(
        charger_id=ChargerId("bay-1"),
        generation=1,
        mode=AccessMode.FREEVEND,
        cause=Cause(kind=CauseKind.BASELINE, id=None, name="Baseline"),
        due_at=NOON,
        mode_control="central",
        trigger="a test",
    )
    stream = policy_stream(TenantId("acme"), ChargerId("bay-1"))
    version = len(await api.container.stores.store().load(stream))
    await api.container.stores.store().append([Append(stream, version, (happened(switching),))])
    await api.settled()

    reset = await api.send("POST", CALLS, {"action": "Reset", "payload": {"type": "Soft"}})
    unlock = await api.send("POST", CALLS, UNLOCK)

    assert (reset.status_code, unlock.status_code) == (409, 200)
    assert "is being switched to freevend" in reset.json()["detail"]


async def test_call_repeated_with_its_idempotency_key_reaches_the_charger_once(
    api: HttpApi, chargers: Chargers
) -> None:
    headers = {"Idempotency-Key": "one"}

    answers = [await api.send("POST", CALLS, UNLOCK, headers=headers) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert len(chargers.asked) == 1


async def test_call_is_not_sent_while_the_store_is_down(
    api: HttpApi, chargers: Chargers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object, **__: object) -> int:
        raise StoreUnavailable("down")

    monkeypatch.setattr(api.container.stores.store(), "append", down)

    assert (await api.send("POST", CALLS, UNLOCK)).status_code == 503
    assert chargers.asked == []


async def test_answer_that_cannot_be_recorded_reaches_the_caller(
    api: HttpApi, chargers: Chargers, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = api.container.stores.store()
    append = store.append

    async def down_once_asked(appends: Any) -> int:
        if chargers.asked:
            raise StoreUnavailable("down")
        return await append(appends)

    monkeypatch.setattr(store, "append", down_once_asked)

    assert (await api.send("POST", CALLS, UNLOCK)).json()["answer"] == {"status": "Accepted"}


async def test_call_with_the_number_of_a_reservation_of_the_service_is_refused(
    api: HttpApi, chargers: Chargers
) -> None:
    window = {"start": "2026-12-01T18:00:00Z", "end": "2026-12-01T20:00:00Z"}
    body = {"depot_id": "north", "charger_id": "bay-1", "holder": {"vehicle_id": "bus-7"}, **window}
    made = await api.done("POST", "/v1/reservations", body)
    number = reservation_number(made["reservation_id"], 1)

    refused = await api.send("POST", CALLS, {"action": "CancelReservation", "payload": {"reservationId": number}})
    sent = await api.send("POST", CALLS, {"action": "CancelReservation", "payload": {"reservationId": number - 1}})

    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "call-conflicts")
    assert made["reservation_id"] in refused.json()["detail"]
    assert sent.status_code == 200
    assert [action for action, _ in chargers.asked] == ["CancelReservation"]
