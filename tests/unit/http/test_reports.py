"""How many attempts were allowed, denied, or would have been denied, by day, place, class and reason."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.support.http_api import HttpApi
from tests.unit.http.conftest import CHARGER, RFID, STRANGER

YEAR = "from=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z"


async def attempt(api: HttpApi, presented: Any, charger_id: str = "bay-1") -> None:
    body = {"charger_id": charger_id, "identifier": presented}
    assert (await api.send("POST", "/v1/access-decisions", body)).status_code == 200


@pytest.fixture
async def tried(api: HttpApi) -> HttpApi:
    """Two attempts of the bus and one of a stranger; an hour before midnight in Berlin, then half an hour after."""
    kathmandu = {"name": "East", "time_zone": "Asia/Kathmandu"}
    bay = {**CHARGER, "charge_point_id": "CP-2", "depot_id": "east", "enforcement": "observe"}
    await api.recorded(("PUT", "/v1/depots/east", kathmandu), ("PUT", "/v1/chargers/bay-2", bay))
    api.container.clock().forward(hours=10)  # 23:00 in Berlin, 03:45 in Kathmandu
    await attempt(api, RFID)
    await attempt(api, STRANGER)
    await attempt(api, STRANGER, "bay-2")
    api.container.clock().forward(hours=1, minutes=30)
    await attempt(api, RFID)
    return api


async def report(api: HttpApi, group_by: str, more: str = "") -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/reports/access?{YEAR}&group_by={group_by}{more}")
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


async def test_days_are_the_depots_own(tried: HttpApi) -> None:
    rows = await report(tried, "day,depot")

    assert [(each["day"], each["depot_id"], each["attempts"]) for each in rows] == [
        ("2026-11-18", "north", 2),
        ("2026-11-19", "east", 1),
        ("2026-11-19", "north", 1),
    ]


async def test_decisions_are_counted_by_reason_and_class(tried: HttpApi) -> None:
    rows = await report(tried, "access_class,reason")

    assert [(each["access_class"], each["reason"], each["allowed"], each["denied"]) for each in rows] == [
        ("own", "own_vehicle", 2, 0),
        ("unknown", "observed", 1, 0),
        ("unknown", "unknown_identifier", 0, 1),
    ]


async def test_what_only_observing_allowed_is_counted_as_such(tried: HttpApi) -> None:
    rows = await report(tried, "charger,would_deny")

    assert [(each["charger_id"], each["would_deny"], each["would_deny_count"]) for each in rows] == [
        ("bay-1", None, 0),
        ("bay-2", "unknown_identifier", 1),
    ]


async def test_a_report_can_be_of_one_place(tried: HttpApi) -> None:
    assert [each["attempts"] for each in await report(tried, "depot", "&depot_id=east")] == [1]
    assert [each["attempts"] for each in await report(tried, "charger", "&charger_id=bay-1")] == [3]


async def test_a_report_comes_as_a_file_as_well(tried: HttpApi) -> None:
    answer = await tried.get(f"/v1/reports/access?{YEAR}&group_by=day,reason", headers={"Accept": "text/csv"})

    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert answer.content.startswith(b"\xef\xbb\xbfday,reason,")
    assert answer.headers["content-type"].startswith("text/csv")
    assert (rows[0]["day"], rows[0]["reason"], rows[0]["attempts"]) == ("2026-11-18", "own_vehicle", "1")


async def test_a_text_that_a_spreadsheet_would_run_is_guarded_in_a_report_s_file(tried: HttpApi) -> None:
    formula = "=HYPERLINK(1)"
    await tried.recorded(("PUT", f"/v1/chargers/{formula}", {**CHARGER, "charge_point_id": "CP-9"}))
    await attempt(tried, RFID, formula)

    answer = await tried.get(f"/v1/reports/access?{YEAR}&group_by=charger", headers={"Accept": "text/csv"})

    rows = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert [each["charger_id"] for each in rows] == [f"'{formula}", "bay-1", "bay-2"]


async def test_a_report_that_makes_no_sense_says_what_to_write(tried: HttpApi) -> None:
    unknown = await tried.get(f"/v1/reports/access?{YEAR}&group_by=colour")
    backwards = await tried.get("/v1/reports/access?from=2027-01-01T00:00:00Z&until=2026-01-01T00:00:00Z")

    assert (unknown.status_code, "access_class" in unknown.json()["detail"]) == (422, True)
    assert backwards.status_code == 422
    assert (await tried.get("/v1/reports/access")).status_code == 422


async def test_another_tenant_sees_nothing_of_it(tried: HttpApi) -> None:
    assert (await tried.get(f"/v1/reports/access?{YEAR}&group_by=day", tenant="rival")).json()["rows"] == []
