"""Bad input: a problem document that says what to do, and no event. It changes nothing: one service is for all these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.http.conftest import BUS, CHARGER, RULE, Api, served_api

pytestmark = pytest.mark.asyncio(loop_scope="module")

RULES = "/v1/chargers/bay-1/mode-rules"
OVERRIDES = "/v1/chargers/bay-1/overrides"

REFUSED = {
    "a rule that never occurs": ("POST", RULES, {**RULE, "recurrence": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, 422),
    "a rule whose only date is excepted": (
        "POST",
        RULES,
        {**RULE, "recurrence": "FREQ=DAILY;COUNT=1", "applies_from": "2026-12-01", "except_dates": ["2026-12-01"]},
        422,
    ),
    "a recurrence of another kind": ("POST", RULES, {**RULE, "recurrence": "FREQ=HOURLY"}, 422),
    "COUNT with UNTIL": ("POST", RULES, {**RULE, "recurrence": "FREQ=DAILY;COUNT=2;UNTIL=20270101"}, 422),
    "an unknown zone": ("POST", RULES, {**RULE, "time_zone": "Europe/Atlantis"}, 422),
    "an end before its start": ("POST", RULES, {**RULE, "end_day_offset": 0}, 422),
    "a window that overlaps itself": ("POST", RULES, {**RULE, "end_day_offset": 3}, 422),
    "a naive instant": ("POST", RULES, {**RULE, "applies_from": "2026-12-01T00:00:00"}, 422),
    "a time that is none": ("POST", RULES, {**RULE, "start": "24:30"}, 422),
    "an unknown field": ("POST", RULES, {**RULE, "colour": "blue"}, 422),
    "an unknown depot zone": ("PUT", "/v1/depots/south", {"name": "South", "time_zone": "Mars/Olympus"}, 422),
    "an unknown profile": ("PUT", "/v1/chargers/bay-9", {**CHARGER, "charge_point_id": "X", "profile": "nope"}, 422),
    "an unknown depot": ("PUT", "/v1/chargers/bay-9", {**CHARGER, "charge_point_id": "X", "depot_id": "nope"}, 422),
    "a charge point id already taken": ("PUT", "/v1/chargers/bay-9", CHARGER, 409),
    "an id of 300 characters": ("PUT", f"/v1/vehicles/{'x' * 300}", BUS, 422),
    "a name of 300 characters": ("PUT", "/v1/vehicles/bus-9", {"name": "x" * 300, "access_class": "own"}, 422),
    "an identifier already taken": ("PUT", "/v1/vehicles/bus-9", {**BUS, "name": "Bus 9"}, 409),
    "a malformed identifier": (
        "PUT",
        "/v1/vehicles/bus-9",
        {**BUS, "identifiers": [{"kind": "rfid", "value": "12"}]},
        422,
    ),
    "an agreement nobody recorded": (
        "PUT",
        "/v1/vehicles/van-9",
        {"name": "Van", "access_class": "agreement", "agreement_id": "nope"},
        422,
    ),
    "a validity that ends before it starts": (
        "PUT",
        "/v1/vehicles/bus-9",
        {**BUS, "identifiers": [], "valid_from": "2027-01-01T00:00:00Z", "valid_until": "2026-01-01T00:00:00Z"},
        422,
    ),
    "an override in the past": (
        "POST",
        OVERRIDES,
        {"mode": "freevend", "from": "2020-01-01T00:00:00Z", "until": "2020-01-01T01:00:00Z", "reason": "late"},
        422,
    ),
    "an override that ended": (
        "POST",
        OVERRIDES,
        {"mode": "freevend", "until": "2020-01-01T00:00:00Z", "reason": "x"},
        422,
    ),
    "an override without an end": ("POST", OVERRIDES, {"mode": "freevend", "reason": "x"}, 422),
    "an override with two ends": (
        "POST",
        OVERRIDES,
        {"mode": "freevend", "for": "PT1H", "until_next_transition": True, "reason": "x"},
        422,
    ),
    "an override without a next transition": (
        "POST",
        OVERRIDES,
        {"mode": "freevend", "until_next_transition": True, "reason": "x"},
        422,
    ),
    "an override that lasts too long": ("POST", OVERRIDES, {"mode": "freevend", "for": "P30D", "reason": "x"}, 422),
    "a duration that is none": ("POST", OVERRIDES, {"mode": "freevend", "for": "two hours", "reason": "x"}, 422),
    "an exception that ends before it starts": (
        "POST",
        "/v1/chargers/bay-1/exceptions",
        {"date": "2027-01-02", "until_date": "2027-01-01", "mode": "freevend", "reason": "fair"},
        422,
    ),
    "a control character": ("PUT", "/v1/vehicles/bus-9", {"name": "Bus\u0000", "access_class": "own"}, 422),
    "an empty identifier in a question": (
        "POST",
        "/v1/access-decisions",
        {"charger_id": "bay-1", "identifier": {"kind": "rfid", "value": ""}, "dry_run": True},
        422,
    ),
    "another instant in a recorded question": (
        "POST",
        "/v1/access-decisions",
        {"charger_id": "bay-1", "identifier": BUS["identifiers"][0], "at": "2026-12-01T00:00:00Z"},
        422,
    ),
    "a week date": ("POST", RULES, {**RULE, "applies_from": "2026-W50-1"}, 422),
    "an instant for a local day": (
        "POST",
        "/v1/chargers/bay-1/exceptions",
        {"date": "2027-01-02T00:00:00Z", "mode": "freevend", "reason": "fair"},
        422,
    ),
    "a password that no header can carry": (
        "PUT",
        "/v1/chargers/bay-9",
        {**CHARGER, "charge_point_id": "X", "password": "\u0000long-enough"},
        422,
    ),
    "a charger that is not there": ("POST", "/v1/chargers/nope/mode-rules", RULE, 404),
    "a rule that is not there": ("DELETE", f"{RULES}/nope", None, 404),
    "a vehicle that is not there": ("POST", "/v1/vehicles/nope/suspend", {"reason": "x"}, 404),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    async with served_api(tmp_path_factory.mktemp("bad_input")) as api:
        yield api


@pytest.mark.parametrize("case", REFUSED, ids=list(REFUSED))
async def test_it_is_refused_with_a_problem_that_says_what_to_do_and_leaves_no_event(api: Api, case: str):
    method, path, body, status = REFUSED[case]
    before = await api.position()

    answer = await api.send(method, path, body)

    problem: dict[str, Any] = answer.json()
    assert answer.status_code == status, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"].startswith("urn:access-policy:problem:")
    assert problem["status"] == status
    assert len(problem["detail"]) > 15
    assert await api.position() == before


async def test_the_problem_of_a_taken_identifier_names_the_vehicle_that_has_it(api: Api):
    answer = await api.send("PUT", "/v1/vehicles/bus-9", {**BUS, "name": "Bus 9"})

    assert "bus-7" in answer.json()["detail"]
    assert answer.json()["errors"] == [{"pointer": "/identifiers/0", "message": answer.json()["detail"]}]


async def test_a_body_that_is_no_json_is_said_to_be_none(api: Api):
    answer = await api.send("PUT", "/v1/depots/x", content=b"{", headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["type"].endswith("malformed-json")


@pytest.mark.parametrize("content", [b'{"name": "\xff"}', b"[" * 50_000, b'{"name": ' + b"9" * 5_000 + b"}"])
async def test_a_body_that_no_parser_takes_is_said_to_be_no_json(api: Api, content: bytes):
    answer = await api.send("PUT", "/v1/depots/x", content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["type"].endswith("malformed-json")


async def test_json_that_is_sent_as_something_else_is_answered_with_the_header_that_is_missing(api: Api):
    answer = await api.send(
        "PUT",
        "/v1/depots/x",
        content=b'{"name": "X", "time_zone": "UTC"}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert answer.status_code == 422
    assert "Content-Type: application/json" in answer.json()["detail"]


async def test_a_naive_instant_in_a_rule_is_pointed_at(api: Api):
    answer = await api.send("POST", RULES, {**RULE, "applies_from": "2026-12-01T00:00:00"})

    assert answer.json()["errors"] == [
        {
            "pointer": "/applies_from",
            "message": "must be a local date such as 2026-11-20 or an instant such as 2026-11-20T06:00:00Z",
        }
    ]


async def test_a_list_that_is_empty_is_pointed_at_by_its_name_alone(api: Api):
    answer = await api.send("POST", "/v1/depots/north/mode-rules", {"charger_ids": [], "rule": RULE})

    assert {each["pointer"] for each in answer.json()["errors"]} == {"/charger_ids"}


async def test_an_offset_whose_plus_was_read_as_a_space_is_explained(api: Api):
    answer = await api.get("/v1/access-events?from=2026-01-01T00:00:00+01:00")

    assert answer.status_code == 422
    assert "%2B" in answer.json()["detail"]


async def test_the_id_of_another_attempt_is_refused(api: Api):
    asked = {"charger_id": "bay-1", "attempt_id": "visit-1"}
    await api.send("POST", "/v1/access-decisions", {**asked, "identifier": BUS["identifiers"][0]})

    answer = await api.send(
        "POST", "/v1/access-decisions", {**asked, "identifier": {"kind": "rfid", "value": "04FFFFFFFFFFFF"}}
    )

    assert answer.status_code == 409
    assert answer.json()["type"].endswith("attempt-id-taken")


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(api: Api):
    answer = await api.send("PUT", "/v1/depots/x", content=b"x" * (2 * 1024 * 1024))

    assert answer.status_code == 413
