"""Reports for the partners of agreements."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.http_api import HttpApi
from tests.unit.http.conftest import DEPOT, RFID, STRANGER

YEAR = "from=2026-01-01T00:00:00Z&until=2027-01-01T00:00:00Z"
VAN_PIN = {"kind": "mac", "value": "VID:1a-2b-3c-4d-5e-6f"}


async def counted(api: HttpApi, agreement_id: str = "couriers") -> list[tuple[Any, ...]]:
    answer = await api.get(f"/v1/reports/access?{YEAR}&group_by=vehicle,decision&agreement_id={agreement_id}")
    assert answer.status_code == 200, answer.text
    return [(each["vehicle_id"], each["decision"], each["attempts"]) for each in answer.json()["rows"]]


@pytest.fixture
async def tried(api: HttpApi) -> HttpApi:
    """The partner's van is allowed once, and denied once while it is suspended; others come and go."""
    for presented in (VAN_PIN, RFID, STRANGER):
        await _attempt(api, presented)
    await api.done("POST", "/v1/vehicles/van-2/suspend", {"reason": "unpaid"})
    await _attempt(api, VAN_PIN)
    await api.settled()
    return api


async def _attempt(api: HttpApi, presented: Any) -> None:
    await api.done("POST", "/v1/access-decisions", {"charger_id": "bay-1", "identifier": presented})
    await api.settled()


async def test_partner_report_without_the_depots_consent_has_no_denials(tried: HttpApi) -> None:
    assert await counted(tried) == [("van-2", "allowed", 1)]


async def test_partner_report_of_a_depot_that_includes_denials_counts_them(tried: HttpApi) -> None:
    await tried.done("PUT", "/v1/depots/north", {**DEPOT, "partner_reports_include_denials": True})
    await tried.settled()

    assert await counted(tried) == [("van-2", "allowed", 1), ("van-2", "denied", 1)]


async def test_partner_report_of_an_agreement_without_attempts_is_empty(tried: HttpApi) -> None:
    assert await counted(tried, "others") == []


async def test_report_grouped_by_agreement_without_the_filter_has_all_denials(tried: HttpApi) -> None:
    answer = await tried.get(f"/v1/reports/access?{YEAR}&group_by=agreement")

    assert [(each["agreement_id"], each["denied"]) for each in answer.json()["rows"]] == [(None, 1), ("couriers", 1)]
