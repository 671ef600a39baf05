"""Schedules of a depot over HTTP: created, tried, amended, followed, left and removed."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.application.ports.identity import Role
from access_policy.domain.charger_access_policy.events import ScheduleLeft, ScheduleTaken
from access_policy.domain.depots.depot import SchedulePut
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import DEPOT, RFID, STRANGER

OPEN_DAYS = {"name": "Days", "mode": "freevend", "recurrence": "FREQ=DAILY", "start": "08:00", "end": "18:00"}
LATE = {"name": "Late", "mode": "freevend", "recurrence": "FREQ=DAILY", "start": "20:00", "end": "22:00"}
NEW = {"depot_id": "north", "name": "Weekdays", "rules": [OPEN_DAYS]}
TWO_DAYS = {"from": "2026-12-01T00:00:00Z", "until": "2026-12-03T00:00:00Z"}


async def create(api: HttpApi, **changes: Any) -> dict[str, Any]:
    answer = await api.send("POST", "/v1/schedules", {**NEW, **changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_created_schedule_is_shown_with_its_chargers_and_in_each_charger(two: HttpApi) -> None:
    made = await create(two, charger_ids="all")
    shown = await two.get(f"/v1/schedules/{made['schedule_id']}")

    assert made["results"] == [
        {"charger_id": "bay-1", "ok": True, "change_count": 1},
        {"charger_id": "bay-2", "ok": True, "change_count": 1},
    ]
    assert (made["dry_run"], made["what_if"], made["version"]) == (False, None, 2)
    assert shown.headers["ETag"] == '"2"'
    assert shown.json()["chargers"] == [
        {"charger_id": "bay-1", "up_to_date": True},
        {"charger_id": "bay-2", "up_to_date": True},
    ]
    assert shown.json()["rules"] == made["rules"]
    listed = (await two.get("/v1/schedules?depot_id=north")).json()["items"]
    assert [(each["name"], each["rule_count"], each["charger_count"]) for each in listed] == [("Weekdays", 1, 2)]
    charger = (await two.get("/v1/chargers/bay-2")).json()
    assert [(each["name"], each["rules"]) for each in charger["schedules"]] == [("Weekdays", made["rules"])]
    assert charger["mode_rules"] == []


async def test_timeline_of_a_follower_names_the_schedule_and_its_rule(two: HttpApi) -> None:
    made = await create(two, charger_ids=["bay-1"])
    path = f"/v1/chargers/bay-1/timeline?from={TWO_DAYS['from']}&until={TWO_DAYS['until']}"

    causes = [each["cause"] for each in (await two.get(path)).json()["segments"]]

    assert causes[1] == {"kind": "rule", "id": made["rules"][0]["rule_id"], "name": "Weekdays: Days"}


async def test_dry_run_of_an_amendment_shows_followers_before_and_after_and_records_nothing(two: HttpApi) -> None:
    made = await create(two, charger_ids=["bay-1"])
    before = await two.position()
    body = {"name": "Weekdays", "rules": [OPEN_DAYS, LATE], "dry_run": True, **TWO_DAYS}

    answer = await two.send("PUT", f"/v1/schedules/{made['schedule_id']}", body)

    assert answer.status_code == 200, answer.text
    assert await two.position() == before
    (result,) = answer.json()["results"]
    assert result["charger_id"] == "bay-1"
    changed = result["changes"]
    assert [(each["start_local"][:16], each["after"]["mode"], each["after"]["cause"]["name"]) for each in changed] == [
        ("2026-12-01T20:00", "freevend", "Weekdays: Late"),
        ("2026-12-02T20:00", "freevend", "Weekdays: Late"),
    ]


async def test_dry_run_counts_the_attempts_that_would_have_been_decided_differently(two: HttpApi) -> None:
    for charger, identifier in (("bay-1", RFID), ("bay-1", STRANGER), ("bay-2", STRANGER)):
        await two.send("POST", "/v1/access-decisions", {"charger_id": charger, "identifier": identifier})
    body = {**NEW, "charger_ids": ["bay-1"], "dry_run": True, "what_if_days": 7}
    two.container.clock().forward(minutes=1)  # type: ignore[attr-defined]

    answer = await two.send("POST", "/v1/schedules", body)

    assert answer.status_code == 200, answer.text
    counted = answer.json()["what_if"]
    assert (counted["attempts"], counted["newly_allowed"], counted["newly_denied"]) == (2, 1, 0)
    assert counted["different"] == 2  # the bus is allowed for another reason
    assert (await two.get("/v1/schedules")).json()["items"] == []


async def test_amendment_is_recorded_once_however_often_it_is_sent(two: HttpApi) -> None:
    made = await create(two, charger_ids=["bay-1"])
    put = ("PUT", f"/v1/schedules/{made['schedule_id']}", {"name": "Weekdays", "rules": [OPEN_DAYS, LATE]})

    assert [type(each) for each in await two.recorded(put)] == [SchedulePut, ScheduleTaken]
    assert await two.recorded(put) == []


async def test_creation_with_an_idempotency_key_creates_one_schedule(two: HttpApi) -> None:
    headers = {"Idempotency-Key": "one"}
    first = await two.send("POST", "/v1/schedules", NEW, headers=headers)
    second = await two.send("POST", "/v1/schedules", NEW, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["schedule_id"] == second.json()["schedule_id"]
    assert len((await two.get("/v1/schedules")).json()["items"]) == 1


async def test_second_of_two_operators_gets_412_and_changes_nothing(two: HttpApi) -> None:
    made = await create(two, charger_ids=["bay-1"])
    path, body = f"/v1/schedules/{made['schedule_id']}", {"name": "Weekdays", "rules": [OPEN_DAYS, LATE]}
    match = {"If-Match": f'"{made["version"]}"'}

    first = await two.send("PUT", path, body, headers=match)
    second = await two.send("PUT", path, {**body, "name": "Workdays"}, headers=match)

    assert (first.status_code, second.status_code) == (200, 412)
    assert first.headers["ETag"] == (await two.get(path)).headers["ETag"]


async def test_charger_follows_and_leaves_by_its_own_address(two: HttpApi) -> None:
    made = await create(two)
    path = f"/v1/schedules/{made['schedule_id']}/chargers/bay-2"

    assert [type(each) for each in await two.recorded(("PUT", path, None))] == [ScheduleTaken]
    assert await two.recorded(("PUT", path, None)) == []
    assert [type(each) for each in await two.recorded(("DELETE", path, None))] == [ScheduleLeft]
    assert await two.recorded(("DELETE", path, None)) == []


async def test_many_chargers_leave_with_a_result_each(two: HttpApi) -> None:
    made = await create(two, charger_ids="all")
    path = f"/v1/schedules/{made['schedule_id']}/chargers"
    body = {"charger_ids": ["bay-1", "bay-9"], "follows": False}

    tried = (await two.send("POST", path, {**body, "dry_run": True, **TWO_DAYS})).json()["results"]
    left = (await two.send("POST", path, body)).json()["results"]

    assert [each["before"]["mode"] for each in tried[0]["changes"]] == ["freevend", "freevend"]
    assert [(each["charger_id"], each["ok"]) for each in left] == [("bay-1", True), ("bay-9", False)]
    assert left[1]["problem"]["code"] == "charger-not-found"


async def test_schedule_is_removed_only_when_no_charger_follows_it(two: HttpApi) -> None:
    made = await create(two, charger_ids=["bay-1"])
    path = f"/v1/schedules/{made['schedule_id']}"

    refused = await two.send("DELETE", path)
    await two.send("DELETE", f"{path}/chargers/bay-1")

    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[-1]) == (409, "schedule-in-use")
    assert (await two.send("DELETE", path)).status_code == 204
    assert (await two.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"rules": []}, "/rules"),
        ({"rules": [{**OPEN_DAYS, "recurrence": "FREQ=SOMETIMES"}]}, "/rules/0/recurrence"),
        ({"rules": [OPEN_DAYS, OPEN_DAYS]}, "/rules/1/name"),
        ({"rules": [{**OPEN_DAYS, "except_calendars": ["none"]}]}, "/rules/0/except_calendars"),
        ({"name": " "}, "/name"),
        ({"what_if_days": 7}, ""),
    ],
)
async def test_impossible_schedule_is_refused_with_a_pointer(two: HttpApi, wrong: Any, pointer: str) -> None:
    before = await two.position()

    answer = await two.send("POST", "/v1/schedules", {**NEW, **wrong})

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert await two.position() == before


async def test_schedule_at_an_unknown_depot_is_refused(two: HttpApi) -> None:
    assert (await two.send("POST", "/v1/schedules", {**NEW, "depot_id": "none"})).status_code == 404


async def test_caller_of_one_depot_lists_and_changes_the_schedules_of_that_depot_only(two: HttpApi) -> None:
    await two.recorded(("PUT", "/v1/depots/south", DEPOT))
    made = await create(two)
    other = await create(two, depot_id="south")

    listed = await two.send("GET", "/v1/schedules", role=Role.OPERATOR, depots=["south"])
    changed = await two.send("DELETE", f"/v1/schedules/{made['schedule_id']}", role=Role.OPERATOR, depots=["south"])

    assert [each["schedule_id"] for each in listed.json()["items"]] == [other["schedule_id"]]
    assert changed.status_code == 404
