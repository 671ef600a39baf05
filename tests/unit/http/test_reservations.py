"""Reservations over HTTP: made, shown, changed, cancelled and refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.http_api import HttpApi
from tests.unit.http.conftest import RFID, STRANGER

EVENING = {"start": "2026-12-01T18:00:00Z", "end": "2026-12-01T20:00:00Z"}
NEW = {"depot_id": "north", "charger_id": "bay-1", "holder": {"vehicle_id": "bus-7"}, **EVENING}
BLANK_CARD = {"holder": {"identifiers": [{"kind": "rfid", "value": " "}]}}
CARD = {"holder": {"identifiers": [STRANGER]}}


async def make(api: HttpApi, **changes: Any) -> dict[str, Any]:
    answer = await api.send("POST", "/v1/reservations", {**NEW, **changes})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def refusal(
    api: HttpApi, method: str = "POST", path: str = "/v1/reservations", **changes: Any
) -> tuple[Any, ...]:
    """Status, code and pointer of the refusal, after which no reservation is there."""
    answer = await api.send(method, path, {**NEW, **changes})
    problem = answer.json()
    pointers = [each["pointer"] for each in problem.get("errors", [])]
    return answer.status_code, problem["type"].rpartition(":")[2], *pointers


async def test_reservation_made_is_shown_with_masked_identifiers_and_its_version(api: HttpApi) -> None:
    made = await make(api, holder={"identifiers": [STRANGER]}, terms={"early_start_min": 15}, note="Second round")
    shown = await api.get(f"/v1/reservations/{made['reservation_id']}")

    assert shown.json() == made
    assert shown.headers["ETag"] == f'"{made["version"]}"'
    assert (made["charger_id"], made["group_id"], made["source"], made["lasts_min"]) == ("bay-1", None, "manual", 120)
    assert made["terms"]["early_start_min"] == 15
    assert made["holder"] == {"vehicle_id": None, "identifiers": [{"kind": "rfid", "masked": "…FFFF"}], "withheld": []}
    assert STRANGER["value"] not in shown.text


async def test_reservation_by_name_is_in_the_charger_s_timeline(api: HttpApi) -> None:
    made = await make(api)

    path = "/v1/chargers/bay-1/timeline?from=2026-12-01T17:00:00Z&until=2026-12-01T21:00:00Z"
    segments = (await api.get(path)).json()["segments"]

    causes = [(each["mode"], each["cause"]["kind"], each["cause"]["id"]) for each in segments]
    assert causes[1] == ("managed", "reservation", made["reservation_id"])


async def test_second_promise_of_a_charger_is_refused_and_names_the_first_without_its_holder(api: HttpApi) -> None:
    made = await make(api, **CARD)

    answer = await api.send(
        "POST", "/v1/reservations", {**NEW, "start": "2026-12-01T19:59:00Z", "end": "2026-12-01T21:00:00Z"}
    )

    problem = answer.json()
    assert (answer.status_code, problem["type"].rpartition(":")[2]) == (409, "charger-already-reserved")
    assert problem["conflicting"] == [made["reservation_id"]]
    assert "FFFF" not in answer.text


async def test_group_promises_no_more_chargers_than_it_has(two: HttpApi) -> None:
    path = "/v1/depots/north/reservation-groups/fast"
    put = await two.send("PUT", path, {"name": "Fast", "charger_ids": ["bay-2", "bay-1"]})
    at_group = {"charger_id": None, "group_id": "fast"}
    for _ in range(2):
        await make(two, **at_group, **CARD)

    third = await two.send("POST", "/v1/reservations", {**NEW, **at_group})
    smaller = await two.send("PUT", path, {"name": "Fast", "charger_ids": ["bay-1"]})

    assert (put.status_code, put.json()["charger_ids"]) == (201, ["bay-1", "bay-2"])
    assert [each.json()["type"].rpartition(":")[2] for each in (third, smaller)] == ["group-full", "group-full"]
    assert (await two.get(path)).json() == put.json()
    assert (await two.get("/v1/depots/north/reservation-groups")).json()["items"] == [put.json()]


async def test_changed_reservation_frees_the_old_window_and_keeps_terms_and_identifiers(two: HttpApi) -> None:
    made = await make(two, **CARD, terms={"early_start_min": 15})
    path = f"/v1/reservations/{made['reservation_id']}"
    moved = {"charger_id": "bay-2", "holder": {"identifiers": None}, **EVENING}

    changed = (await two.send("PUT", path, moved, headers={"If-Match": f'"{made["version"]}"'})).json()
    stale = await two.send("PUT", path, moved, headers={"If-Match": f'"{made["version"]}"'})

    assert (changed["charger_id"], changed["terms"], changed["holder"]) == ("bay-2", made["terms"], made["holder"])
    assert stale.status_code == 412
    await make(two)  # the old place is free


async def test_cancelled_reservation_frees_its_place_and_cannot_be_changed(api: HttpApi) -> None:
    made = await make(api)
    path = f"/v1/reservations/{made['reservation_id']}"

    answers = [await api.send("DELETE", f"{path}?reason=the+bus+broke+down") for _ in range(2)]
    changed = await api.send("PUT", path, {"charger_id": "bay-1", "holder": {"vehicle_id": "bus-7"}, **EVENING})

    assert [each.status_code for each in answers] == [204, 204]
    assert (changed.status_code, changed.json()["type"].rpartition(":")[2]) == (409, "reservation-over")
    await make(api)


async def test_repeated_request_with_an_idempotency_key_makes_one_reservation(api: HttpApi) -> None:
    answers = [
        await api.send("POST", "/v1/reservations", NEW, headers={"Idempotency-Key": "evening"}) for _ in range(2)
    ]

    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    ("changes", "status", "code", "pointer"),
    [
        ({"start": "2026-12-01T20:00:00Z"}, 422, "reservation-invalid", "/end"),
        ({"start": "2020-12-01T18:00:00Z", "end": "2020-12-01T20:00:00Z"}, 422, "reservation-invalid", "/end"),
        ({"holder": {}}, 422, "reservation-invalid", "/holder"),
        ({"holder": {"vehicle_id": "bus-99"}}, 404, "vehicle-not-found", "/holder/vehicle_id"),
        (
            BLANK_CARD,
            422,
            "identifier-invalid",
            "/holder/identifiers/0/value",
        ),
        ({"charger_id": "bay-99"}, 404, "charger-not-found", "/charger_id"),
        ({"charger_id": None}, 422, "reservation-invalid", "/charger_id"),
        ({"group_id": "fast"}, 422, "reservation-invalid", "/charger_id"),
        ({"charger_id": None, "group_id": "fast"}, 404, "reservation-group-not-found", "/group_id"),
        ({"connector_id": 7}, 422, "reservation-invalid", "/connector_id"),
        ({"depot_id": "south"}, 404, "depot-not-found", None),
        ({"terms": {"early_start_min": -1}}, 422, "invalid-request", "/terms/early_start_min"),
        ({"assignment": {"needed_soc": 140}}, 422, "invalid-request", "/assignment/needed_soc"),
    ],
)
async def test_impossible_reservation_is_refused_and_nothing_is_recorded(
    api: HttpApi, changes: dict[str, Any], status: int, code: str, pointer: str | None
) -> None:
    before = await api.container.stores.store().last_position()

    assert await refusal(api, **changes) == (status, code, *([pointer] if pointer else []))

    assert await api.container.stores.store().last_position() == before


async def test_charger_that_cannot_be_managed_cannot_be_reserved(api: HttpApi) -> None:
    unsupported = {
        "charge_point_id": "CP-9",
        "depot_id": "north",
        "profile": "unsupported",
        "baseline_mode": "freevend",
    }
    assert (await api.send("PUT", "/v1/chargers/bay-9", unsupported)).is_success

    assert await refusal(api, charger_id="bay-9") == (422, "reservation-invalid", "/charger_id")


async def test_window_over_a_clock_change_shows_the_time_that_really_passes(api: HttpApi) -> None:
    summer_begins = {"start": "2027-03-28T01:30:00+01:00", "end": "2027-03-28T04:30:00+02:00"}

    assert (await make(api, **summer_begins))["lasts_min"] == 120


async def test_holder_of_a_reservation_charges_at_the_reserved_charger_and_nobody_else_does(api: HttpApi) -> None:
    now = {"start": "2026-11-18T11:00:00Z", "end": "2026-11-18T23:00:00Z"}
    made = await make(api, **CARD, **now)

    decisions = [
        (await api.send("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": card})).json()
        for card in (STRANGER, RFID)
    ]

    assert [each["reason"] for each in decisions] == ["reservation", "reserved_for_other"]
    assert decisions[0]["reservation_id"] == made["reservation_id"]
