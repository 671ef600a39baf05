"""A refused identifier is allowed until an instant, by an operator who is named wherever the decision is explained."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.domain.vehicle_registry.events import AdHocPermissionEnded, AdHocPermissionGiven
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import CHARGER, RFID, STRANGER

TONIGHT = {"reason": "the driver's card is on its way", "until": "2026-11-19T05:00:00Z"}


async def attempt(api: HttpApi, identifier: Any = STRANGER, charger: str = "bay-1") -> dict[str, Any]:
    body = {"charger_id": charger, "identifier": identifier}
    answer = await api.send("POST", "/v1/access-decisions", body)
    assert answer.status_code in (200, 201), answer.text
    decided: dict[str, Any] = answer.json()
    return decided


def path_of(decided: dict[str, Any]) -> str:
    return f"/v1/access-events/{decided['attempt_id']}/allow"


async def test_allow_attempt_lets_the_identifier_charge_until_the_end_and_no_longer(api: HttpApi) -> None:
    refused = await attempt(api)

    given = await api.send("POST", path_of(refused), TONIGHT)
    again = await attempt(api)
    api.container.clock().forward(hours=17)  # type: ignore[attr-defined]
    late = await attempt(api)

    assert given.status_code == 201, given.text
    assert (given.json()["until"], given.json()["vehicle_id"]) == ("2026-11-19T05:00:00Z", None)
    assert (again["decision"], again["reason"], again["valid_until"]) == ("allowed", "ad_hoc", "2026-11-19T05:00:00Z")
    assert (late["decision"], late["reason"]) == ("denied", "unknown_identifier")


async def test_explanation_of_an_allowed_attempt_names_the_operator_the_end_and_the_reason(api: HttpApi) -> None:
    given = (await api.send("POST", path_of(await attempt(api)), TONIGHT)).json()

    allowed = await attempt(api)
    recorded = (await api.get(f"/v1/access-events/{allowed['attempt_id']}")).text

    said = f"Allowed until 2026-11-19 05:00 UTC by {given['given_by']} because: the driver's card is on its way"
    assert said in allowed["explanation"][-1]["text"]
    assert said in recorded


async def test_allow_attempt_of_an_agreement_vehicle_at_an_hour_it_lacks_covers_its_other_identifiers(
    api: HttpApi,
) -> None:
    hours = [{"days": ["MO"], "start": "08:00", "end": "09:00"}]
    agreement = {"name": "Couriers", "fleet": "City Couriers", "valid_from": "2026-01-01T00:00:00Z", "hours": hours}
    await api.recorded(("PUT", "/v1/agreements/couriers", agreement))
    plate = {"kind": "plate", "value": "B-AB 1234"}
    refused = await attempt(api, plate)
    assert refused["reason"] == "agreement_not_now"

    given = await api.send("POST", path_of(refused), {"reason": "late", "for": "PT2H"})

    assert given.json()["vehicle_id"] == "van-2"
    mac = {"kind": "mac", "value": "VID:1a-2b-3c-4d-5e-6f"}
    assert [(await attempt(api, each))["reason"] for each in (plate, mac)] == ["ad_hoc", "ad_hoc"]


async def test_allow_attempt_holds_at_the_depot_of_the_attempt_only(api: HttpApi) -> None:
    await api.recorded(
        ("PUT", "/v1/depots/south", {"name": "South", "time_zone": "Europe/Berlin"}),
        ("PUT", "/v1/chargers/bay-9", {**CHARGER, "charge_point_id": "CP-9", "depot_id": "south"}),
    )
    await api.send("POST", path_of(await attempt(api)), TONIGHT)

    assert (await attempt(api, charger="bay-9"))["reason"] == "unknown_identifier"


async def test_end_allowance_ends_it_at_once_and_again_changes_nothing(api: HttpApi) -> None:
    refused = await attempt(api)
    allow, end = ("POST", path_of(refused), TONIGHT), ("DELETE", path_of(refused), None)
    shown = "/v1/depots/north/ad-hoc-permissions"

    assert [type(each) for each in await api.recorded(allow)] == [AdHocPermissionGiven]
    assert await api.recorded(allow) == []
    assert [each["attempt_id"] for each in (await api.get(shown)).json()["items"]] == [refused["attempt_id"]]
    assert [type(each) for each in await api.recorded(end)] == [AdHocPermissionEnded]
    assert await api.recorded(end) == []
    assert (await api.get(shown)).json()["items"] == []
    assert (await attempt(api))["reason"] == "unknown_identifier"


async def test_allow_attempt_appears_in_the_audit_with_who_until_and_why(api: HttpApi) -> None:
    await api.send("POST", path_of(await attempt(api)), TONIGHT)

    (entry,) = [e for e in (await api.get("/v1/audit")).json()["items"] if e["event"] == "ad_hoc_permission_given"]

    assert "attempt" in str(entry)
    assert "the driver's card is on its way" in str(entry)


async def test_suspended_vehicle_is_not_allowed(api: HttpApi) -> None:
    await api.recorded(("POST", "/v1/vehicles/bus-7/suspend", {"reason": "stolen"}))
    before = await api.position()

    refused = await attempt(api, RFID)
    answer = await api.send("POST", path_of(refused), TONIGHT)

    assert refused["reason"] == "vehicle_suspended"
    assert (answer.status_code, await api.position()) == (409, before + 1)


@pytest.mark.parametrize(
    ("identifier", "status"),
    [(RFID, 409), ({"kind": "pin", "value": "111111"}, 409)],
    ids=["an allowed attempt", "a wrong PIN"],
)
async def test_attempt_that_cannot_be_allowed_is_refused(api: HttpApi, identifier: Any, status: int) -> None:
    assert (await api.send("POST", path_of(await attempt(api, identifier)), TONIGHT)).status_code == status


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": "x"},
        {"reason": "x", "for": "PT1H", "until": "2026-11-19T05:00:00Z"},
        {"reason": " ", "for": "PT1H"},
        {"reason": "x", "for": "P8D"},
        {"reason": "x", "until": "2026-11-18T12:00:00Z"},
    ],
)
async def test_permission_without_one_end_ahead_and_a_reason_is_refused(api: HttpApi, wrong: Any) -> None:
    refused = await attempt(api)
    before = await api.position()

    assert (await api.send("POST", path_of(refused), wrong)).status_code == 422
    assert await api.position() == before


async def test_unknown_attempt_is_not_found(api: HttpApi) -> None:
    assert (await api.send("POST", "/v1/access-events/none/allow", TONIGHT)).status_code == 404
    assert (await api.send("DELETE", "/v1/access-events/none/allow")).status_code == 404
