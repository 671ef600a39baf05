"""A client that writes at one office and then at another one, which has not followed the log yet."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import Role
from tests.support.http_api import HttpApi, second_office
from tests.unit.http.conftest import AGREEMENT, BUS, CHARGER, DEPOT, GIVEN, NIGHTS, RFID

BAY_2 = ("PUT", "/v1/chargers/bay-2", {**CHARGER, "charge_point_id": "CP-2"})
SOUTH = ("PUT", "/v1/depots/south", DEPOT)
BUS_8 = ("PUT", "/v1/vehicles/bus-8", {**BUS, "name": "Bus 8", "identifiers": []})
COURIERS_2 = ("PUT", "/v1/agreements/couriers-2", AGREEMENT)
SCHEDULE = ("POST", "/v1/schedules", {"depot_id": "north", "name": "Nights", "rules": [NIGHTS]})
GROUP = ("PUT", "/v1/depots/north/reservation-groups/fast", {"name": "Fast", "charger_ids": ["bay-1"]})
WINDOW = {"start": "2026-11-20T18:00:00Z", "end": "2026-11-20T20:00:00Z"}
BY_CARD = {"holder": {"identifiers": [RFID]}}
PROMISE = {"depot_id": "north", "charger_id": "bay-1", **BY_CARD, **WINDOW}
RESERVED = ("POST", "/v1/reservations", {"reservation_id": "r-1", **PROMISE})
GATE = ("PUT", "/v1/depots/north/entrances/gate", {"name": "Gate"})
NODE = ("PUT", "/v1/depots/north/energy-nodes/main", {"kind": "site"})
BAY_NODE = {"kind": "charger", "parent_id": "main"}
HUB = {
    "name": "Hub",
    "own_party": "DE-BTF",
    "own_name": "Us",
    "bookable": [{"depot_id": "north", "charger_ids": ["bay-2"]}],
}
PROFILE = ("PUT", "/v1/profiles/ours", {"title": "Ours", "protocols": ["ocpp1.6"], "mode_control": {"kind": "central"}})
ASKED = {"identifier": RFID, "dry_run": True}

FOLLOWING: tuple[tuple[tuple[Any, ...], tuple[str, str, Any]], ...] = (
    (BAY_2, ("POST", "/v1/chargers/bay-2/mode-rules", NIGHTS)),
    (BAY_2, ("GET", "/v1/chargers/bay-2", None)),
    (BAY_2, ("GET", "/console/chargers/bay-2", None)),
    (BAY_2, ("POST", "/v1/access-decisions", {"charger_id": "bay-2", **ASKED})),
    (BAY_2, ("POST", "/v1/reservations", {**PROMISE, "charger_id": "bay-2"})),
    (BAY_2, ("PUT", "/v1/depots/north/reservation-groups/all", {"name": "All", "charger_ids": ["bay-2"]})),
    (BAY_2, ("PUT", "/v1/depots/north/entrances/gate", {"name": "Gate", "charger_ids": ["bay-2"]})),
    (BAY_2, ("PUT", "/v1/depots/north/energy-nodes/bay-2", {**BAY_NODE, "charger_id": "bay-2"})),
    (BAY_2, ("POST", "/v1/depots/north/mode-rules", {"charger_ids": ["bay-2"], "rule": NIGHTS})),
    (BAY_2, ("PUT", "/v1/ocpi-partners/DE-HUB", HUB)),
    (PROFILE, ("PUT", "/v1/chargers/bay-2", {**CHARGER, "charge_point_id": "CP-2", "profile": "ours"})),
    (SOUTH, ("GET", "/v1/depots/south", None)),
    (SOUTH, ("PUT", "/v1/agreements/couriers", {**AGREEMENT, "depot_ids": ["south"]})),
    (SOUTH, ("GET", "/v1/depots/south/entrances", None)),
    (BUS_8, ("POST", "/v1/vehicles/bus-8/suspend", {"reason": "brakes"})),
    (BUS_8, ("POST", "/v1/reservations", {**PROMISE, "holder": {"vehicle_id": "bus-8"}})),
    (COURIERS_2, ("GET", "/v1/agreements/couriers-2", None)),
    (SCHEDULE, ("GET", "/v1/schedules/{schedule_id}", None)),
    (SCHEDULE, ("DELETE", "/v1/schedules/{schedule_id}", None)),
    (GROUP, ("POST", "/v1/reservations", {"depot_id": "north", "group_id": "fast", **BY_CARD, **WINDOW})),
    (RESERVED, ("DELETE", "/v1/reservations/r-1?reason=broken", None)),
    (RESERVED, ("GET", "/v1/reservations/r-1", None)),
    (GATE, ("POST", "/v1/access-decisions", {"entrance_id": "gate", **ASKED})),
    (NODE, ("PUT", "/v1/depots/north/energy-nodes/row", {"kind": "circuit", "parent_id": "main"})),
)


@pytest.fixture
async def other(api: HttpApi, tmp_path: Path) -> AsyncIterator[HttpApi]:
    async with second_office(api, tmp_path / "other", GIVEN) as office:
        yield office


@pytest.mark.parametrize(("written", "next_one"), FOLLOWING, ids=lambda each: " ".join(each[:2]))
async def test_request_at_the_other_office_knows_what_was_just_written(
    api: HttpApi, other: HttpApi, written: tuple[str, str, Any], next_one: tuple[str, str, Any]
) -> None:
    method, path, body = next_one
    if "parent_id" in (body or {}):
        await api.done(*NODE)
    done = await api.done(*written)

    answer = await other.send(method, path.format(**done), body)

    assert answer.is_success, answer.text


async def test_conflict_that_is_over_is_not_told(api: HttpApi, other: HttpApi) -> None:
    await api.done(*RESERVED)
    assert (await other.send("POST", "/v1/reservations", PROMISE)).status_code == 409
    await api.done("DELETE", "/v1/reservations/r-1?reason=broken", None)

    assert (await other.send("POST", "/v1/reservations", PROMISE)).status_code == 201


async def test_what_does_not_exist_is_still_unknown_after_the_retry(api: HttpApi, other: HttpApi) -> None:
    await api.done(*BAY_2)

    assert (await other.get("/v1/chargers/bay-3")).status_code == 404
    assert (await other.get("/v1/chargers/bay-3", role=Role.VIEWER)).json()["type"].endswith("not-found")


async def test_office_that_cannot_catch_up_in_time_says_so_rather_than_unknown(api: HttpApi, other: HttpApi) -> None:
    async def never(_: int) -> bool:
        return False

    await api.done(*BAY_2)
    other.replace_process(settled=never)
    answer = await other.get("/v1/chargers/bay-2")

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:access-policy:problem:not-caught-up")
    assert answer.headers["Retry-After"] == "1"


async def test_while_the_store_is_down_reads_are_answered_by_what_is_known(api: HttpApi) -> None:
    async def down() -> int:
        raise StoreUnavailable("the store is down")

    api.replace_process(log_end=down)

    assert (await api.get("/v1/chargers/bay-3")).status_code == 404
    assert (
        await api.send("POST", "/v1/depots/nowhere/mode-rules", {"charger_ids": "all", "rule": NIGHTS})
    ).status_code == 503


async def test_callers_without_a_token_cost_no_look_at_the_log(api: HttpApi) -> None:
    looks: list[str] = []

    async def counted() -> int:
        looks.append("look")
        return 0

    api.replace_process(log_end=counted)
    nowhere = await api.client.get("/nowhere")

    assert (nowhere.status_code, looks) == (404, [])
    assert (await api.get("/v1/chargers/bay-3")).status_code == 404
    assert looks == ["look"]
