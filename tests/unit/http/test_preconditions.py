"""What a request expects to find: If-Match and If-None-Match (RFC 9110, 13.1)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.http_api import HttpApi
from tests.unit.http.conftest import AGREEMENT, BUS, CHARGER, DEPOT, NIGHTS

THERE = {
    "/v1/depots/north": DEPOT,
    "/v1/chargers/bay-1": CHARGER,
    "/v1/agreements/couriers": AGREEMENT,
    "/v1/vehicles/bus-7": BUS,
}
NOT_THERE = {
    "/v1/depots/south": DEPOT,
    "/v1/chargers/bay-2": {**CHARGER, "charge_point_id": "CP-2"},
    "/v1/agreements/movers": AGREEMENT,
    "/v1/vehicles/bus-8": {**BUS, "identifiers": []},
}


@pytest.mark.parametrize("path", NOT_THERE)
async def test_what_must_be_there_is_not_made_anew(api: HttpApi, path: str):
    before = await api.position()

    answer = await api.send("PUT", path, NOT_THERE[path], headers={"If-Match": "*"})

    assert answer.status_code == 412
    assert await api.position() == before


@pytest.mark.parametrize("path", THERE)
async def test_what_must_not_be_there_is_not_put_over_what_is(api: HttpApi, path: str):
    before = await api.position()

    answer = await api.send("PUT", path, THERE[path], headers={"If-None-Match": "*"})

    assert answer.status_code == 412
    assert await api.position() == before  # before the next line, because reading a vehicle's identifiers is recorded
    assert answer.headers["ETag"] == (await api.get(path)).headers["ETag"]


@pytest.mark.parametrize("path", THERE)
async def test_whatever_is_there_may_be_put_over(api: HttpApi, path: str):
    assert (await api.send("PUT", path, THERE[path], headers={"If-Match": "*"})).status_code == 200


@pytest.mark.parametrize("path", NOT_THERE)
async def test_what_is_not_there_is_made_where_it_must_not_be(api: HttpApi, path: str):
    assert (await api.send("PUT", path, NOT_THERE[path], headers={"If-None-Match": "*"})).status_code == 201


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": '"3"'}, 400),
        ({"If-Match": "3"}, 400),
        ({"If-None-Match": "*", "If-Match": '"1"'}, 412),
    ],
)
async def test_a_precondition_that_cannot_hold_or_means_nothing_is_refused(
    api: HttpApi, headers: dict[str, str], status: int
):
    assert (await api.send("PUT", "/v1/depots/north", DEPOT, headers=headers)).status_code == status


async def test_a_part_of_what_is_not_there_is_not_found_whatever_was_expected(api: HttpApi):
    answer = await api.send("POST", "/v1/chargers/nope/mode-rules", NIGHTS, headers={"If-Match": "*"})

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/chargers/bay-1/mode-rules", NIGHTS),
        ("POST", "/v1/vehicles/bus-7/suspend", {"reason": "accident"}),
        ("DELETE", "/v1/agreements/couriers", None),
    ],
)
async def test_any_version_will_do_for_a_command_on_what_is_there(api: HttpApi, method: str, path: str, body: Any):
    assert (await api.send(method, path, body, headers={"If-Match": "*"})).is_success


async def test_a_vehicle_put_with_null_identifiers_keeps_those_that_it_has(api: HttpApi):
    before = (await api.get("/v1/vehicles/van-2")).json()

    kept = await api.send("PUT", "/v1/vehicles/bus-7", {**BUS, "name": "Bus", "identifiers": None})
    both = await api.send("PUT", "/v1/vehicles/bus-7", {**BUS, "identifiers": None, "plate": "B-AB 1"})

    assert (kept.status_code, len(kept.json()["identifiers"])) == (200, 1)
    assert both.status_code == 422
    assert (await api.get("/v1/vehicles/van-2")).json() == before
