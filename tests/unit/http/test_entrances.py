"""Entrances of a depot over HTTP: declared, shown, changed, removed and refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.http_api import HttpApi
from tests.unit.http.conftest import CHARGER, DEPOT

GATE = "/v1/depots/north/entrances/gate"


async def put(api: HttpApi, path: str = GATE, **changes: Any) -> dict[str, Any]:
    answer = await api.send("PUT", path, {"name": "North gate", **changes})
    assert answer.status_code in (200, 201), answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def problem(answer: Any) -> tuple[Any, ...]:
    pointers = [each["pointer"] for each in answer.json().get("errors", [])]
    return answer.status_code, answer.json()["type"].rpartition(":")[2], *pointers


async def test_entrance_put_without_chargers_leads_to_all_chargers_in_service_of_the_depot(api: HttpApi) -> None:
    made = await put(api)

    assert made["leads_to"] == ["bay-1"]
    assert (made["charger_ids"], made["group_ids"], made["early_entry_min"]) == ([], [], 15)
    shown = await api.get(GATE)
    assert shown.json() == made
    assert shown.headers["ETag"] == f'"{made["version"]}"'
    assert (await api.get("/v1/depots/north/entrances")).json()["items"] == [made]


async def test_entrance_of_a_group_leads_to_the_chargers_that_the_group_has_now(api: HttpApi) -> None:
    await api.send("PUT", "/v1/chargers/bay-2", {**CHARGER, "charge_point_id": "CP-2"})
    await api.send("PUT", "/v1/depots/north/reservation-groups/fast", {"name": "Fast", "charger_ids": ["bay-2"]})

    assert (await put(api, group_ids=["fast"]))["leads_to"] == ["bay-2"]

    await api.send("DELETE", "/v1/chargers/bay-2")
    assert (await api.get(GATE)).json()["leads_to"] == []


async def test_entrance_put_with_an_old_version_changes_nothing(api: HttpApi) -> None:
    first = await put(api)
    second = await put(api, name="Yard gate")

    late = await api.send("PUT", GATE, {"name": "Other"}, headers={"If-Match": f'"{first["version"]}"'})

    assert late.status_code == 412
    assert (await api.get(GATE)).json() == second


async def test_removed_entrance_is_gone_and_its_id_is_free_again(api: HttpApi) -> None:
    await put(api)
    await api.send("PUT", "/v1/depots/south", DEPOT)
    assert problem(await api.send("PUT", "/v1/depots/south/entrances/gate", {"name": "Gate"})) == (
        409,
        "entrance-id-taken",
        "/entrance_id",
    )

    assert (await api.send("DELETE", GATE)).status_code == 204

    assert problem(await api.get(GATE)) == (404, "entrance-not-found")
    assert problem(await api.send("DELETE", GATE)) == (404, "entrance-not-found")
    await put(api, "/v1/depots/south/entrances/gate")


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"charger_ids": ["bay-9"]}, (404, "charger-not-found", "/charger_ids")),
        ({"group_ids": ["fast"]}, (404, "reservation-group-not-found", "/group_ids")),
        ({"early_entry_min": 1441}, (422, "entrance-invalid", "/early_entry_min")),
        ({"name": ""}, (422, "invalid-name", "/name")),
    ],
)
async def test_entrance_that_cannot_be_is_refused_and_nothing_is_recorded(
    api: HttpApi, body: dict[str, Any], refusal: tuple[Any, ...]
) -> None:
    before = await api.position()

    assert problem(await api.send("PUT", GATE, {"name": "Gate", **body})) == refusal

    assert await api.position() == before


async def test_changes_of_an_entrance_are_in_the_audit_of_its_depot(api: HttpApi) -> None:
    await put(api)
    await put(api, early_entry_min=30)
    await api.send("DELETE", GATE)
    await api.settled()

    entries = (await api.get("/v1/audit?subject_kind=depot&subject_id=north")).json()["items"]

    told = [each for each in entries if each["part"] == "entrance gate"]
    assert [each["event"] for each in told] == ["entrance_removed", "entrance_put", "entrance_put"]
    assert told[1]["changes"] == [{"field": "early entry min", "old": "15", "new": "30"}]
