"""What would have been decided differently: recorded attempts against a proposal, and nothing is recorded."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.application.ports.identity import Role
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import AGREEMENT, BUS, CHARGER, NIGHTS, RFID, STRANGER

PERIOD = {"from": "2026-11-18T00:00:00Z", "until": "2026-11-19T00:00:00Z"}
ALWAYS_FREE = {**NIGHTS, "name": "Open day", "mode": "freevend", "start": "00:00", "end": "00:00", "priority": 5}
CARD_OF_VAN = {"kind": "mac", "value": "1A2B3C4D5E6F"}
PIN_OF_VAN = {"kind": "pin", "value": "482915"}


async def attempt(api: HttpApi, presented: Any) -> dict[str, Any]:
    answer = await api.send("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": presented})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ask(api: HttpApi, changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = await api.send("POST", "/v1/what-if", {**PERIOD, "changes": changes, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def pairs(answer: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(each["before"]["reason"], each["after"]["reason"], each["count"]) for each in answer["counts"]]


@pytest.fixture
async def tried(api: HttpApi) -> HttpApi:
    """The bus, twice, a stranger and the van, at a charger under managed access."""
    for presented in (RFID, RFID, STRANGER, CARD_OF_VAN):
        await attempt(api, presented)
    return api


async def test_without_a_change_nothing_differs(tried: HttpApi) -> None:
    answer = await ask(tried, {})

    assert (answer["attempts"], answer["different"], answer["complete"]) == (4, 0, True)


async def test_a_proposed_rule_is_applied_as_if_it_had_been_there(tried: HttpApi) -> None:
    answer = await ask(tried, {"rules": [{"rule": ALWAYS_FREE}]})

    assert (answer["newly_allowed"], answer["newly_denied"], answer["different"]) == (1, 0, 4)
    assert sorted(pairs(answer)) == [
        ("agreement_vehicle", "freevend", 1),
        ("own_vehicle", "freevend", 2),
        ("unknown_identifier", "freevend", 1),
    ]
    (stranger,) = [each for each in answer["examples"] if each["before"]["decision"] == "denied"]
    assert stranger["identifier"] == {"kind": "rfid", "masked": "…FFFF"}
    assert stranger["recorded"]["reason"] == "unknown_identifier"


async def test_a_rule_can_be_withdrawn_or_read_otherwise(tried: HttpApi) -> None:
    made = await tried.send("POST", "/v1/chargers/bay-1/mode-rules", ALWAYS_FREE)
    rule_id = made.json()["rule_id"]

    gone = await ask(tried, {"rules": [{"rule_id": rule_id, "withdraw": True}]})
    otherwise = await ask(tried, {"rules": [{"rule_id": rule_id, "rule": {**ALWAYS_FREE, "mode": "managed"}}]})

    assert gone["newly_denied"] == otherwise["newly_denied"] == 1


OPEN_SCHEDULE = {"name": "Open days", "rules": [ALWAYS_FREE]}


@pytest.fixture
async def followed(tried: HttpApi) -> tuple[HttpApi, str]:
    """A stranger also at bay-2; both chargers follow a schedule that opens them all day."""
    await tried.done("PUT", "/v1/chargers/bay-2", {**CHARGER, "charge_point_id": "CP-2"})
    other = {"charger_id": "bay-2", "identifier": STRANGER}
    assert (await tried.send("POST", "/v1/access-decisions", other)).status_code == 200
    made = await tried.send("POST", "/v1/schedules", {**OPEN_SCHEDULE, "depot_id": "north", "charger_ids": "all"})
    assert made.status_code == 201, made.text
    return tried, made.json()["schedule_id"]


async def test_a_schedule_is_amended_or_withdrawn_for_all_its_chargers(followed: tuple[HttpApi, str]) -> None:
    api, schedule_id = followed
    before = await api.position()
    closed = {"name": "Open days", "rules": [{**ALWAYS_FREE, "mode": "managed"}]}

    amended = await ask(api, {"schedules": [{"schedule_id": schedule_id, "schedule": closed}]})
    withdrawn = await ask(api, {"schedules": [{"schedule_id": schedule_id, "withdraw": True}]})

    assert (amended["attempts"], amended["newly_denied"], amended["different"]) == (5, 2, 5)
    assert {each["charger_id"] for each in amended["examples"]} == {"bay-1", "bay-2"}
    assert (withdrawn["newly_denied"], withdrawn["different"]) == (2, 5)
    assert await api.position() == before


async def test_a_schedule_is_followed_by_the_named_chargers_or_made(followed: tuple[HttpApi, str]) -> None:
    api, schedule_id = followed
    await api.send("POST", f"/v1/schedules/{schedule_id}/chargers", {"charger_ids": "all", "follows": False})
    new = {"depot_id": "north", "schedule": {**OPEN_SCHEDULE, "name": "Fair"}, "charger_ids": "all"}

    one = await ask(api, {"schedules": [{"schedule_id": schedule_id, "charger_ids": ["bay-2"]}]})
    both = await ask(api, {"schedules": [new]})

    assert (one["newly_allowed"], one["different"]) == (1, 1)
    assert (both["newly_allowed"], both["different"]) == (2, 5)


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"schedule_id": "gone", "withdraw": True}, 404, "/changes/schedules/0/schedule_id"),
        ({"depot_id": "gone", "schedule": OPEN_SCHEDULE}, 404, "/changes/schedules/0/depot_id"),
        ({"withdraw": True}, 422, "/changes/schedules/0"),
        ({"depot_id": "north"}, 422, "/changes/schedules/0"),
        ({"depot_id": "north", "schedule": OPEN_SCHEDULE}, 409, "/changes/schedules/0/schedule/name"),
        (
            {"depot_id": "north", "schedule": {"name": "x", "rules": [{**NIGHTS, "recurrence": "FREQ=HOURLY"}]}},
            422,
            "/changes/schedules/0/schedule/rules/0/recurrence",
        ),
        (
            {"depot_id": "north", "schedule": {**OPEN_SCHEDULE, "name": "x"}, "charger_ids": ["bay-9"]},
            404,
            "/changes/schedules/0",
        ),
    ],
)
async def test_a_change_of_a_schedule_that_cannot_be_is_refused_where_it_is_wrong(
    followed: tuple[HttpApi, str], change: Any, status: int, pointer: str
) -> None:
    api, _ = followed
    refused = await api.send("POST", "/v1/what-if", {**PERIOD, "changes": {"schedules": [change]}})

    assert refused.status_code == status, refused.text
    assert [each["pointer"] for each in refused.json()["errors"]] == [pointer]


async def test_a_vehicle_can_be_registered_suspended_or_removed(tried: HttpApi) -> None:
    lorry = {"name": "Lorry", "access_class": "own", "identifiers": [STRANGER]}

    assert pairs(await ask(tried, {"vehicles": [{"vehicle_id": "lorry", "vehicle": lorry}]})) == [
        ("unknown_identifier", "own_vehicle", 1)
    ]
    assert pairs(await ask(tried, {"vehicles": [{"vehicle_id": "bus-7", "suspended": True}]})) == [
        ("own_vehicle", "vehicle_suspended", 2)
    ]
    assert pairs(await ask(tried, {"vehicles": [{"vehicle_id": "bus-7", "remove": True}]})) == [
        ("own_vehicle", "unknown_identifier", 2)
    ]


async def test_an_identifier_may_pass_from_a_vehicle_that_goes(tried: HttpApi) -> None:
    heir = {**BUS, "name": "Bus 8"}

    answer = await ask(
        tried, {"vehicles": [{"vehicle_id": "bus-8", "vehicle": heir}, {"vehicle_id": "bus-7", "remove": True}]}
    )

    assert answer["different"] == 0


async def test_an_agreement_can_end_or_read_otherwise(tried: HttpApi) -> None:
    assert pairs(await ask(tried, {"agreements": [{"agreement_id": "couriers", "end": True}]})) == [
        ("agreement_vehicle", "agreement_ended", 1)
    ]
    elsewhere = {**AGREEMENT, "depot_ids": ["south"]}
    assert pairs(await ask(tried, {"agreements": [{"agreement_id": "couriers", "agreement": elsewhere}]})) == [
        ("agreement_vehicle", "agreement_not_here", 1)
    ]


async def test_observing_is_weighed_before_it_is_switched_off(tried: HttpApi) -> None:
    answer = await ask(tried, {"enforcement": "observe"})

    (only,) = answer["counts"]
    assert only["after"] == {"decision": "allowed", "reason": "observed", "would_deny": "unknown_identifier"}
    assert answer["newly_allowed"] == 1


async def test_what_the_moment_brought_stays_as_it_was_recorded(api: HttpApi) -> None:
    for number in range(5):
        await attempt(api, {"kind": "pin", "value": f"00000{number}"})
    assert (await attempt(api, PIN_OF_VAN))["reason"] == "pin_locked_out"

    answer = await ask(api, {"vehicles": [{"vehicle_id": "van-2", "suspended": True}]})

    assert answer["different"] == 0


async def test_only_the_chargers_that_are_asked_for_are_looked_at(tried: HttpApi) -> None:
    charger = {"charge_point_id": "CP-2", "depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"}
    await tried.recorded(("PUT", "/v1/chargers/bay-2", charger))

    assert (await ask(tried, {}, charger_ids=["bay-2"]))["attempts"] == 0
    assert (await ask(tried, {}, charger_ids=["bay-1", "bay-2"]))["attempts"] == 4


async def test_nothing_is_recorded(tried: HttpApi) -> None:
    before = await tried.position()

    await ask(tried, {"rules": [{"rule": ALWAYS_FREE}], "vehicles": [{"vehicle_id": "bus-7", "remove": True}]})

    assert await tried.position() == before
    assert (await attempt(tried, RFID))["reason"] == "own_vehicle"


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({**PERIOD, "changes": {"rules": [{}]}}, 422, "/changes/rules/0"),
        (
            {**PERIOD, "changes": {"rules": [{"rule_id": "none", "withdraw": True, "charger_ids": ["bay-1"]}]}},
            404,
            "/changes/rules/0",
        ),
        (
            {**PERIOD, "changes": {"rules": [{"rule": {**NIGHTS, "recurrence": "FREQ=HOURLY"}}]}},
            422,
            "/changes/rules/0/recurrence",
        ),
        ({**PERIOD, "changes": {"vehicles": [{"vehicle_id": "bus-7"}]}}, 422, "/changes/vehicles/0"),
        ({**PERIOD, "changes": {"vehicles": [{"vehicle_id": "none", "remove": True}]}}, 404, "/changes/vehicles/0"),
        (
            {**PERIOD, "changes": {"vehicles": [{"vehicle_id": "new", "vehicle": BUS}]}},
            409,
            "/changes/vehicles/0/identifiers/0",
        ),
        ({**PERIOD, "changes": {"agreements": [{"agreement_id": "none", "end": True}]}}, 404, "/changes/agreements/0"),
        ({"from": "2026-11-18T00:00:00Z", "until": "2026-11-18T00:00:00Z", "changes": {}}, 422, "/until"),
        ({"from": "2026-01-18T00:00:00Z", "until": "2026-11-18T00:00:00Z", "changes": {}}, 422, "/from"),
        ({**PERIOD, "charger_ids": ["none"], "changes": {}}, 404, None),
        (PERIOD, 422, "/changes"),
    ],
)
async def test_a_proposal_that_makes_no_sense_is_refused_at_its_place(
    tried: HttpApi, body: dict[str, Any], status: int, pointer: str | None
) -> None:
    answer = await tried.send("POST", "/v1/what-if", body)

    problem = answer.json()
    assert answer.status_code == status, answer.text
    assert [each["pointer"] for each in problem.get("errors", [])][:1] == ([] if pointer is None else [pointer])


async def test_a_what_if_is_for_operators_and_of_ones_own_tenant(tried: HttpApi) -> None:
    assert (await tried.send("POST", "/v1/what-if", {**PERIOD, "changes": {}}, role=Role.VIEWER)).status_code == 403
    other = await tried.send("POST", "/v1/what-if", {**PERIOD, "changes": {}}, tenant="rival")
    assert other.json()["attempts"] == 0


async def test_attempts_that_a_reservation_decided_stay_as_they_were(api: HttpApi) -> None:
    reserved = {"depot_id": "north", "charger_id": "bay-1", "holder": {"identifiers": [STRANGER]}}
    window = {"start": "2026-11-18T12:00:00Z", "end": "2026-11-18T14:00:00Z"}
    await api.done("POST", "/v1/reservations", {**reserved, **window})
    await api.settled()
    decided = [(await attempt(api, presented))["reason"] for presented in (STRANGER, RFID)]

    answer = await ask(api, {"vehicles": [{"vehicle_id": "bus-7", "suspended": True}]})

    assert decided == ["reservation", "reserved_for_other"]
    assert (answer["attempts"], answer["different"]) == (2, 0)
