"""The public contract over HTTP, as clients rely on it."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from access_policy.application.ports.identity import Role
from tests.integration.http.conftest import BUS, CHARGER, OTHER_TENANT, RULE, VAN, Api

RFID = BUS["identifiers"][0]
STRANGER = {"kind": "rfid", "value": "04FFFFFFFFFFFF"}


async def decide(api: Api, identifier: dict[str, str], **more: object):
    return await api.send("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": identifier, **more})


# --- chargers and schedules ------------------------------------------------------------------------------------------


async def test_a_charger_is_shown_with_its_mode_and_what_comes_next(api: Api):
    await api.send("PUT", "/v1/chargers/bay-1", {**CHARGER, "baseline_mode": "freevend"})
    rule = (await api.send("POST", "/v1/chargers/bay-1/mode-rules", RULE)).json()

    shown = (await api.get("/v1/chargers/bay-1")).json()

    assert shown["expected_mode"] in ("freevend", "managed")
    assert shown["next_transition"]["mode"] in ("freevend", "managed")
    assert shown["sync"] == "unreachable"
    assert shown["connected"] is False
    assert [each["rule_id"] for each in shown["mode_rules"]] == [rule["rule_id"]]


async def test_the_timeline_covers_what_was_asked_for_exactly(api: Api):
    await api.send("PUT", "/v1/chargers/bay-1", {**CHARGER, "baseline_mode": "freevend"})
    await api.send("POST", "/v1/chargers/bay-1/mode-rules", RULE)

    answer = await api.get("/v1/chargers/bay-1/timeline?from=2027-01-10T00:00:00Z&until=2027-01-12T00:00:00Z")

    segments = answer.json()["segments"]
    assert segments[0]["start"] == "2027-01-10T00:00:00Z"
    assert segments[-1]["end"] == "2027-01-12T00:00:00Z"
    assert [s["mode"] for s in segments] == ["managed", "freevend", "managed", "freevend", "managed"]
    assert segments[1]["start_local"] == "2027-01-10T06:00:00+01:00"
    assert segments[0]["cause"]["kind"] == "rule"
    too_long = await api.get("/v1/chargers/bay-1/timeline?from=2027-01-10T00:00:00Z&until=2029-01-12T00:00:00Z")
    assert too_long.status_code == 422


async def test_an_override_wins_over_everything_and_can_be_lifted(api: Api):
    made = await api.send(
        "POST", "/v1/chargers/bay-1/overrides", {"mode": "freevend", "for": "PT2H", "reason": "open day"}
    )
    during = (await api.get("/v1/chargers/bay-1")).json()
    lifted = await api.send("DELETE", f"/v1/chargers/bay-1/overrides/{made.json()['override_id']}")
    after = (await api.get("/v1/chargers/bay-1")).json()

    assert made.status_code == 201
    assert (during["expected_mode"], during["expected_cause"]["kind"]) == ("freevend", "override")
    assert lifted.status_code == 204
    assert (after["expected_mode"], after["expected_cause"]["kind"]) == ("managed", "baseline")


async def test_one_rule_for_many_gives_a_result_for_each_charger_and_a_dry_run_records_nothing(api: Api):
    before = await api.position()
    dry = await api.send("POST", "/v1/depots/north/mode-rules", {"charger_ids": "all", "rule": RULE, "dry_run": True})
    after_dry_run = await api.position()
    real = await api.send("POST", "/v1/depots/north/mode-rules", {"charger_ids": ["bay-1", "bay-x"], "rule": RULE})

    (planned,) = dry.json()["results"]
    assert (planned["charger_id"], planned["ok"], planned["rule_id"]) == ("bay-1", True, None)
    assert planned["before"] != planned["after"]
    assert after_dry_run == before
    assert [(each["charger_id"], each["ok"]) for each in real.json()["results"]] == [("bay-1", True), ("bay-x", False)]


async def test_a_rule_can_be_amended_and_withdrawn(api: Api):
    rule_id = (await api.send("POST", "/v1/chargers/bay-1/mode-rules", RULE)).json()["rule_id"]
    path = f"/v1/chargers/bay-1/mode-rules/{rule_id}"

    amended = await api.send("PUT", path, {**RULE, "start": "20:00"})
    shown = (await api.get("/v1/chargers/bay-1")).json()["mode_rules"]
    withdrawn = await api.send("DELETE", path)

    assert amended.status_code == 200
    assert [each["start"] for each in shown] == ["20:00"]
    assert withdrawn.status_code == 204
    assert (await api.get("/v1/chargers/bay-1")).json()["mode_rules"] == []


async def test_a_retired_charger_reads_as_retired_and_takes_no_commands(api: Api):
    assert (await api.send("DELETE", "/v1/chargers/bay-1")).status_code == 204

    assert (await api.get("/v1/chargers/bay-1")).json()["retired_at"] is not None
    assert (await api.send("POST", "/v1/chargers/bay-1/mode-rules", RULE)).status_code == 409
    assert (
        await api.send("PUT", "/v1/chargers/bay-9", CHARGER)
    ).status_code == 201  # its charge point id is free again


# --- the registry ----------------------------------------------------------------------------------------------------


async def test_a_vehicle_is_found_by_any_spelling_of_its_identifier(api: Api):
    for spelling in ("1A2B3C4D5E6F", "vid:1a:2b:3c:4d:5e:6f", "b ab1234"):
        found = (await api.get(f"/v1/vehicles?identifier={quote(spelling)}")).json()["items"]
        assert [vehicle["vehicle_id"] for vehicle in found] == ["van-2"], spelling


async def test_values_are_shown_to_operators_masked_to_viewers_and_pins_to_nobody(api: Api):
    as_operator = (await api.get("/v1/vehicles/van-2", role=Role.OPERATOR)).json()["identifiers"]
    as_viewer = (await api.get("/v1/vehicles/van-2", role=Role.VIEWER)).json()["identifiers"]

    assert {each["kind"]: each.get("value") for each in as_operator} == {
        "mac": "1A2B3C4D5E6F",
        "pin": None,
        "plate": "BAB1234",
    }
    assert all("value" not in each for each in as_viewer)


async def test_a_removed_vehicle_frees_its_identifiers(api: Api):
    assert (await api.send("DELETE", "/v1/vehicles/bus-7")).status_code == 204
    assert (await api.get("/v1/vehicles/bus-7")).status_code == 404
    assert (await api.send("PUT", "/v1/vehicles/bus-9", BUS)).status_code == 201


async def test_an_ended_agreement_covers_nothing_any_more(api: Api):
    allowed = await decide(api, VAN["identifiers"][0])
    await api.send("DELETE", "/v1/agreements/couriers")
    denied = await decide(api, VAN["identifiers"][0])

    assert allowed.json()["reason"] == "agreement_vehicle"
    assert denied.json()["reason"] == "agreement_ended"


# --- decisions -------------------------------------------------------------------------------------------------------


async def test_a_decision_is_recorded_once_under_its_attempt_id_and_explained(api: Api):
    first = await decide(api, STRANGER, attempt_id="try-1")
    again = await decide(api, STRANGER, attempt_id="try-1")
    await api.service.settled(await api.position())
    event = await api.get("/v1/access-events/try-1")

    assert first.json()["decision"] == "denied"
    assert first.json()["reason"] == "unknown_identifier"
    assert [step["decided"] for step in first.json()["explanation"]] == [False, False, False, True]
    assert again.json() == first.json()
    assert event.json()["decision"] == "denied"
    assert event.json()["identifier"] == {"kind": "rfid", "masked": "…FFFF"}


async def test_a_dry_run_looks_at_another_instant_and_records_nothing(api: Api):
    before = await api.position()

    answer = await decide(api, RFID, dry_run=True, at="2027-06-01T12:00:00Z")

    assert answer.json()["decision"] == "allowed"
    assert answer.json()["attempt_id"] is None
    assert await api.position() == before


async def test_under_observe_everyone_charges_and_the_decision_says_who_would_not(api: Api):
    await api.send("PUT", "/v1/chargers/bay-1", {**CHARGER, "enforcement": "observe"})

    answer = (await decide(api, STRANGER)).json()

    assert (answer["decision"], answer["reason"], answer["would_deny"]) == ("allowed", "observed", "unknown_identifier")


async def test_attempts_come_newest_first_in_pages_and_filtered(api: Api):
    for number in range(5):
        await decide(api, STRANGER if number % 2 else RFID, attempt_id=f"a{number}")
    await api.service.settled(await api.position())

    first = (await api.get("/v1/access-events?limit=2")).json()
    second = (await api.get(f"/v1/access-events?limit=2&cursor={first['next_cursor']}")).json()
    denied = (await api.get("/v1/access-events?decision=denied")).json()

    assert [each["attempt_id"] for each in first["items"]] == ["a4", "a3"]
    assert [each["attempt_id"] for each in second["items"]] == ["a2", "a1"]
    assert [each["attempt_id"] for each in denied["items"]] == ["a3", "a1"]
    assert (await api.get("/v1/access-events?cursor=nonsense")).status_code == 422


# --- versions, keys, roles, tenants ----------------------------------------------------------------------------------


async def test_if_match_holds_a_command_to_the_version_its_author_saw(api: Api):
    etag = (await api.get("/v1/chargers/bay-1")).headers["etag"]
    first = await api.send("POST", "/v1/chargers/bay-1/mode-rules", RULE, headers={"If-Match": etag})
    second = await api.send("POST", "/v1/chargers/bay-1/mode-rules", RULE, headers={"If-Match": etag})

    assert first.status_code == 201
    assert second.status_code == 412
    assert second.headers["etag"] == first.headers["etag"]


async def test_twenty_commands_at_once_each_hold_at_the_version_they_claim_or_are_refused(api: Api):
    etag = (await api.get("/v1/chargers/bay-1")).headers["etag"]

    answers = await asyncio.gather(
        *(
            api.send("POST", "/v1/chargers/bay-1/mode-rules", {**RULE, "name": f"r{n}"}, headers={"If-Match": etag})
            for n in range(20)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [412] * 19
    assert len((await api.get("/v1/chargers/bay-1")).json()["mode_rules"]) == 1


async def test_the_same_idempotency_key_gives_the_same_answer_and_one_effect(api: Api):
    key = {"Idempotency-Key": "abc"}
    first = await api.send("POST", "/v1/chargers/bay-1/mode-rules", RULE, headers=key)
    again = await api.send("POST", "/v1/chargers/bay-1/mode-rules", RULE, headers=key)
    other = await api.send("POST", "/v1/chargers/bay-1/mode-rules", {**RULE, "name": "Else"}, headers=key)

    assert again.status_code == first.status_code == 201
    assert again.json() == first.json()
    assert other.status_code == 422
    assert len((await api.get("/v1/chargers/bay-1")).json()["mode_rules"]) == 1


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer nonsense", "Basic abc"])
async def test_without_a_valid_token_nothing_is_told(api: Api, header: str | None):
    headers = {} if header is None else {"Authorization": header}
    answer = await api.client.get("/v1/chargers", headers=headers)
    in_query = await api.client.get("/v1/chargers", params={"access_token": api.token()}, headers=headers)

    assert answer.status_code == in_query.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_another_tenant_is_told_of_nothing(api: Api):
    await decide(api, RFID, attempt_id="mine")
    await api.service.settled(await api.position())
    for path in (
        "/v1/depots/north",
        "/v1/chargers/bay-1",
        "/v1/chargers/bay-1/timeline",
        "/v1/vehicles/bus-7",
        "/v1/agreements/couriers",
        "/v1/access-events/mine",
    ):
        assert (await api.get(path, tenant=OTHER_TENANT)).status_code == 404, path
    for path in ("/v1/depots", "/v1/chargers", "/v1/vehicles", "/v1/agreements", "/v1/access-events", "/v1/faults"):
        assert (await api.get(path, tenant=OTHER_TENANT)).json()["items"] == [], path
    refused = await api.send("PUT", "/v1/chargers/theirs", CHARGER, tenant=OTHER_TENANT)
    assert refused.status_code == 422
    assert "bay-1" not in refused.text


async def test_health_needs_no_token_and_readiness_says_what_is_missing(api: Api):
    assert (await api.client.get("/healthz")).status_code == 200
    ready = (await api.client.get("/readyz")).json()
    assert ready["ready"] is True
    assert set(ready["parts"]) == {"store", "spool", "bus", "projections", "serving"}
    assert ready["tzdata"]


async def test_every_answer_carries_a_request_id(api: Api):
    told = await api.client.get("/v1/nowhere", headers={"X-Request-Id": "abc-1"})
    own = await api.client.get("/v1/nowhere")

    assert told.headers["x-request-id"] == "abc-1"
    assert len(own.headers["x-request-id"]) == 16
    assert told.status_code == 404
