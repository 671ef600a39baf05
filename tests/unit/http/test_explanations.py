"""A recorded decision tells why it was made, also long after, when everything it was made of reads differently."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.http_api import HttpApi
from tests.unit.http.conftest import BUS, NIGHTS, RFID, STRANGER


async def decided(api: HttpApi, identifier: Any, **more: Any) -> dict[str, Any]:
    answer = await api.send("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": identifier, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def explained(api: HttpApi, attempt_id: str) -> dict[str, Any]:
    answer = await api.get(f"/v1/access-events/{attempt_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_rows_are_told_in_order_up_to_the_one_that_decided(api: HttpApi) -> None:
    attempt = await explained(api, (await decided(api, STRANGER))["attempt_id"])

    assert [(step["rule"], step["decided"]) for step in attempt["explanation"]] == [
        ("freevend_admits_anyone", False),
        ("identifier_must_be_readable", False),
        ("pin_must_not_be_locked_out", False),
        ("identifier_must_be_known", True),
    ]
    assert attempt["explanation"][-1]["reason"] == "unknown_identifier"
    assert attempt["explanation"][-1]["text"] == "No vehicle had it (registry version 7)."
    assert "…FFFF" in attempt["explanation"][1]["text"]


async def test_a_decision_and_its_record_give_the_same_explanation(api: HttpApi) -> None:
    told = await decided(api, RFID)
    recorded = await explained(api, told["attempt_id"])

    assert recorded["explanation"] == told["explanation"]
    assert recorded["decisions"][0]["reason"] == "own_vehicle"
    assert (recorded["decisions"][0]["policy_version"], recorded["decisions"][0]["registry_version"]) == (1, 7)


async def test_the_rule_is_shown_as_it_was_and_what_changed_since_is_said(api: HttpApi) -> None:
    always = {**NIGHTS, "name": "Always", "start": "00:00", "end": "00:00"}
    (rule,) = [each["rule_id"] for each in [(await api.send("POST", "/v1/chargers/bay-1/mode-rules", always)).json()]]
    attempt_id = (await decided(api, RFID))["attempt_id"]
    before = await explained(api, attempt_id)
    await api.recorded(
        ("PUT", f"/v1/chargers/bay-1/mode-rules/{rule}", {**always, "name": "Renamed"}),
        ("PUT", "/v1/vehicles/bus-7", {**BUS, "name": "Bus 8"}),
    )
    after = await explained(api, attempt_id)

    assert before["decisions"][0]["changed_since"] == {"policy": False, "vehicle": False, "agreement": False}
    assert after["decisions"][0]["changed_since"] == {"policy": True, "vehicle": True, "agreement": False}
    assert after["decisions"][0]["cause_as_it_was"]["name"] == "Always"
    assert "rule 'Always'" in after["explanation"][0]["text"]


async def test_under_observe_the_denial_that_would_have_been_is_explained(api: HttpApi) -> None:
    charger = (await api.get("/v1/chargers/bay-1")).json()
    names = ("charge_point_id", "depot_id", "profile", "baseline_mode")
    observing = {**{name: charger[name] for name in names}, "enforcement": "observe"}
    await api.recorded(("PUT", "/v1/chargers/bay-1", observing))

    attempt = await explained(api, (await decided(api, STRANGER))["attempt_id"])

    assert (attempt["decision"], attempt["reason"], attempt["would_deny"]) == (
        "allowed",
        "observed",
        "unknown_identifier",
    )
    assert attempt["explanation"][-1]["rule"] == "identifier_must_be_known"


async def test_attempts_can_be_asked_for_by_what_they_would_have_been_denied_for(api: HttpApi) -> None:
    charger = {
        "charge_point_id": "CP-1",
        "depot_id": "north",
        "profile": "ocpp16-central",
        "baseline_mode": "managed",
        "enforcement": "observe",
    }
    await api.recorded(("PUT", "/v1/chargers/bay-1", charger))
    await decided(api, STRANGER)
    await decided(api, RFID)

    would = (await api.get("/v1/access-events?would_deny=unknown_identifier")).json()["items"]

    assert [each["would_deny"] for each in would] == ["unknown_identifier"]


@pytest.mark.parametrize("other", ["rival"])
async def test_another_tenants_attempt_is_not_there(api: HttpApi, other: str) -> None:
    attempt_id = (await decided(api, RFID))["attempt_id"]

    assert (await api.get(f"/v1/access-events/{attempt_id}", tenant=other)).status_code == 404


async def test_lock_outs_of_pins_are_listed(api: HttpApi) -> None:
    for number in range(6):
        last = await decided(api, {"kind": "pin", "value": f"000{number}"})

    listed = (await api.get("/v1/pin-lockouts?charger_id=bay-1")).json()["items"]

    assert last["reason"] == "pin_locked_out"
    assert [(each["charger_id"], each["source"]) for each in listed] == [("bay-1", "tester")]
    assert (await api.get("/v1/pin-lockouts", tenant="rival")).json()["items"] == []


async def test_decide_access_with_the_same_request_id_twice_records_two_attempts(api: HttpApi) -> None:
    body = {"charger_id": "bay-1", "identifier": RFID}
    answers = [
        await api.send("POST", "/v1/access-decisions", body, headers={"X-Request-Id": "one-trace"}) for _ in range(2)
    ]

    assert len({answer.json()["attempt_id"] for answer in answers}) == 2
