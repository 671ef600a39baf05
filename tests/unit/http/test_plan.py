"""The plan over HTTP: lists with statuses, free windows, and the settings of a depot's reservations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.http_api import HttpApi
from tests.unit.http.conftest import STRANGER

EVENING = {"start": "2026-12-01T18:00:00Z", "end": "2026-12-01T20:00:00Z"}
NEW = {"depot_id": "north", "charger_id": "bay-1", "holder": {"vehicle_id": "bus-7"}, **EVENING}
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture
async def plan(two: HttpApi) -> HttpApi:
    """Noon of the day before the evening of three reservations: bay 1 twice, bay 2 once."""
    two.container.clock().set(NOW)
    for reservation_id, changes in {
        "r1": {"assignment": {"block_id": "block 12", "needed_kwh": 120}},
        "r2": {"charger_id": "bay-2", "holder": {"identifiers": [STRANGER]}},
        "r3": {"start": "2026-12-20T18:00:00Z", "end": "2026-12-20T20:00:00Z"},
    }.items():
        await two.done("POST", "/v1/reservations", {**NEW, "reservation_id": reservation_id, **changes})
    await two.settled()
    return two


async def ids(api: HttpApi, query: str = "depot_id=north") -> list[str]:
    answer = await api.get(f"/v1/reservations?{query}")
    assert answer.status_code == 200, answer.text
    return [each["reservation_id"] for each in answer.json()["items"]]


async def test_list_without_a_period_reaches_to_the_horizon_that_it_names(plan: HttpApi) -> None:
    page = (await plan.get("/v1/reservations?depot_id=north")).json()

    assert [each["reservation_id"] for each in page["items"]] == ["r1", "r2"]
    assert (page["computed_at"], page["horizon_until"]) == ("2026-12-01T12:00:00Z", "2026-12-08T12:00:00Z")
    await plan.done("PUT", "/v1/depots/north/reservation-settings", {"horizon_days": 30})
    assert await ids(plan) == ["r1", "r2", "r3"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("from=2026-12-01T20:00:00Z&until=2026-12-31T00:00:00Z", ["r3"]),
        ("from=2026-12-01T19:59:00Z", ["r1", "r2"]),
        ("charger_id=bay-2", ["r2"]),
        ("group_id=fast", []),
        ("block_id=block 12", ["r1"]),
        ("holder=bus-7", ["r1"]),
        (f"holder={STRANGER['value']}", ["r2"]),
        ("status=at_risk", ["r1", "r2"]),
        ("status=due&status=charging", []),
    ],
)
async def test_list_is_limited_by_what_is_asked(plan: HttpApi, query: str, found: list[str]) -> None:
    assert await ids(plan, query) == found


async def test_list_is_read_in_pages_without_gaps_or_repetitions(plan: HttpApi) -> None:
    found, cursor = [], ""
    while True:
        query = f"depot_id=north&until=2026-12-31T00:00:00Z&limit=1{cursor}"
        page = (await plan.get(f"/v1/reservations?{query}")).json()
        found += [each["reservation_id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert found == ["r1", "r2", "r3"]


async def test_list_refuses_a_cursor_that_is_not_one_of_its_own(plan: HttpApi) -> None:
    assert (await plan.get("/v1/reservations?cursor=WzFd")).status_code == 422


async def test_reservation_says_why_it_is_at_risk_and_how_old_its_data_is(plan: HttpApi) -> None:
    row = (await plan.get("/v1/reservations/r1")).json()

    assert (row["status"], [each["code"] for each in row["reasons"]]) == ("at_risk", ["charger_unreachable"])
    assert row["based_on"] == [
        {"what": "reservation", "at": "2026-12-01T12:00:00Z", "age_s": 0},
        {"what": "chargers", "at": None, "age_s": None},
    ]


async def test_list_shows_the_past_after_the_book_has_forgotten_it(plan: HttpApi) -> None:
    before = (await plan.get("/v1/reservations/r1")).json()
    await plan.done("DELETE", "/v1/reservations/r1?reason=broken+down", None)
    plan.container.clock().set(datetime(2026, 12, 15, 12, tzinfo=UTC))
    await plan.done("POST", "/v1/reservations", {**NEW, "start": "2026-12-16T18:00:00Z", "end": "2026-12-16T19:00:00Z"})
    await plan.settled()

    assert "r1" not in plan.container.deciding.view().book("acme", "north").entries.by_id
    after = (await plan.get("/v1/reservations/r1")).json()
    assert after["status"] == "cancelled"
    assert {name: after[name] for name in ("holder", "start", "terms", "assignment")} == {
        name: before[name] for name in ("holder", "start", "terms", "assignment")
    }
    assert await ids(plan, "from=2026-12-01T00:00:00Z&until=2026-12-02T00:00:00Z&status=cancelled") == ["r1"]
    scoped = {"Authorization": f"Bearer {plan.token(depots=['north'])}"}
    assert (await plan.get("/v1/reservations/r1", headers=scoped)).status_code == 200


async def test_availability_leaves_out_what_is_promised(plan: HttpApi) -> None:
    await plan.done(
        "PUT", "/v1/depots/north/reservation-groups/fast", {"name": "Fast", "charger_ids": ["bay-1", "bay-2"]}
    )
    path = "/v1/depots/north/availability?from=2026-12-01T16:00:00Z&until=2026-12-01T22:00:00Z"

    each = (await plan.get(path)).json()["items"]
    (of_group,) = (await plan.get(f"{path}&group=fast")).json()["items"]

    free = [("2026-12-01T16:00:00Z", "2026-12-01T18:00:00Z"), ("2026-12-01T20:00:00Z", "2026-12-01T22:00:00Z")]
    assert [item["charger_id"] for item in each] == ["bay-1", "bay-2"]
    for item in (*each, of_group):
        assert [(window["start"], window["end"]) for window in item["windows"]] == free


async def test_settings_are_defaults_until_they_are_put_and_give_new_reservations_their_terms(plan: HttpApi) -> None:
    path = "/v1/depots/north/reservation-settings"
    before = (await plan.get(path)).json()
    body = {"terms": {"no_show_after_min": 30}, "day_starts_at": "02:30", "horizon_days": 14}

    put = await plan.done("PUT", path, body)
    made = await plan.done(
        "POST", "/v1/reservations", {**NEW, "start": "2026-12-02T18:00:00Z", "end": "2026-12-02T20:00:00Z"}
    )

    assert (before["version"], before["day_starts_at"], before["horizon_days"]) == (0, "03:00", 7)
    assert (put["terms"]["no_show_after_min"], put["day_starts_at"], put["horizon_days"]) == (30, "02:30", 14)
    assert made["terms"]["no_show_after_min"] == 30
    assert (await plan.get("/v1/reservations/r1")).json()["terms"]["no_show_after_min"] is None


@pytest.mark.parametrize("body", [{"horizon_days": 0}, {"day_starts_at": "25:00"}, {"terms": {"early_start_min": -1}}])
async def test_settings_that_make_no_sense_are_refused(plan: HttpApi, body: dict[str, Any]) -> None:
    assert (await plan.send("PUT", "/v1/depots/north/reservation-settings", body)).status_code == 422


async def test_report_counts_what_became_of_reservations_by_the_time_alone(plan: HttpApi) -> None:
    await plan.done("DELETE", "/v1/reservations/r2?reason=broken+down", None)
    plan.container.clock().set(datetime(2026, 12, 2, 12, tzinfo=UTC))
    await plan.settled()
    period = "from=2026-12-01T00:00:00Z&until=2026-12-31T00:00:00Z"

    rows = (await plan.get(f"/v1/reports/reservations?{period}&group_by=day,charger,source")).json()["rows"]
    file = await plan.get(f"/v1/reports/reservations?{period}&group_by=source", headers={"Accept": "text/csv"})

    names = ("day", "charger_id", "source", "reservations", "kept", "missed", "cancelled", "open")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("2026-12-01", "bay-1", "manual", 1, 0, 1, 0, 0),
        ("2026-12-01", "bay-2", "manual", 1, 0, 0, 1, 0),
        ("2026-12-20", "bay-1", "manual", 1, 0, 0, 0, 1),
    ]
    assert "manual,3,0,1,1" in file.text
