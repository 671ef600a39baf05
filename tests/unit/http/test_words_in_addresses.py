"""Words of addresses that could be ids: no id that a caller chooses may equal one, or its resource could not be reached."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute

from access_policy.domain.charger_access_policy.policy import RESERVED_IDS
from access_policy.domain.reservations import reservation
from access_policy.entrypoints.http import console
from access_policy.entrypoints.http.v1.routers import ROUTERS
from tests.support.http_api import HttpApi

MADE_BY_THE_SERVICE = {"{attempt_id}", "{schedule_id}"}
NOT_AN_ID = {"{act}", "{path:path}"}
RESERVED = {"{charger_id}": RESERVED_IDS, "{reservation_id}": reservation.RESERVED_IDS}


def words_in_place_of_ids(paths: set[str]) -> Iterator[tuple[str, str]]:
    """Yield each word of a path that stands where another path of as many steps has a parameter, and the parameter."""
    split = [path.strip("/").split("/") for path in sorted(paths)]
    for one in split:
        for other in split:
            if len(one) != len(other):
                continue
            at = next((at for at, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), None)
            if at is None or "{" in one[at] or "{" not in other[at]:
                continue
            if all(a == b or "{" in a or "{" in b for a, b in zip(one[at:], other[at:], strict=True)):
                yield one[at], other[at]


def test_words_in_place_of_ids_are_reserved_and_no_other_words() -> None:
    paths = {route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)}
    pages = {route.path for router in console.ROUTERS for route in router.routes if isinstance(route, APIRoute)}

    found = {*words_in_place_of_ids(paths), *words_in_place_of_ids(pages)}
    of_callers = {(word, name) for word, name in found if name not in MADE_BY_THE_SERVICE | NOT_AN_ID}

    assert of_callers == {(word, name) for name, words in RESERVED.items() for word in words}


CHARGER = {"charge_point_id": "CP-9", "depot_id": "north", "profile": "ocpp16-central", "baseline_mode": "managed"}
DEPOT = {"name": "North", "time_zone": "Europe/Berlin"}
VEHICLE = {"name": "Bus", "access_class": "own", "identifiers": []}
AGREEMENT = {"name": "Acme", "fleet": "Vans", "valid_from": "2026-06-01T00:00:00Z"}
CALENDAR = {"name": "Holidays", "days": [{"date": "2026-12-25", "reason": "Christmas"}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chargers/export", CHARGER),
        ("/v1/chargers/imports", CHARGER),
        *((f"/v1/chargers/{dots}", CHARGER) for dots in ("%2E", "%2E%2E")),
        ("/v1/depots/%2E%2E", DEPOT),
        ("/v1/vehicles/%2E%2E", VEHICLE),
        ("/v1/agreements/%2E", AGREEMENT),
        ("/v1/depots/north/calendars/%2E%2E", CALENDAR),
    ],
)
async def test_id_that_no_address_can_have_is_refused_where_it_is_given(
    api: HttpApi, path: str, body: dict[str, object]
) -> None:
    refused = await api.send("PUT", path, body)

    assert refused.status_code == 422, refused.text
    assert "choose another id" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        (
            "/v1/chargers/imports",
            "charger_id,charge_point_id,depot_id,profile,baseline_mode\nexport,CP-9,north,ocpp16-central,managed\n",
        ),
        ("/v1/registry/imports", "vehicle_id,name,access_class,rfid\n..,Bus,own,04A1B2C3D4E5F7\n"),
    ],
)
async def test_plan_of_an_import_refuses_the_row_with_such_an_id(api: HttpApi, path: str, rows: str) -> None:
    planned = await api.send("POST", path, content=rows.encode(), headers={"Content-Type": "text/csv"})

    assert planned.is_success, planned.text
    assert "choose another id" in planned.text
