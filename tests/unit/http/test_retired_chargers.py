"""A retired charger over HTTP: it can be read, and nothing is decided for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.http_api import HttpApi

CARD = {"charger_id": "bay-1", "identifier": {"kind": "rfid", "value": "04A1B2C3D4E5F6"}}


@pytest.mark.parametrize(
    "asked",
    [{}, {"attempt_id": "visit-1"}, {"dry_run": True}, {"dry_run": True, "at": "2026-11-01T00:00:00Z"}],
    ids=["recorded", "recorded under a chosen id", "dry run", "dry run for an instant"],
)
async def test_decide_access_at_a_retired_charger_is_refused_and_records_nothing(
    api: HttpApi, asked: dict[str, Any]
) -> None:
    await api.recorded(("DELETE", "/v1/chargers/bay-1", None))
    before = await api.position()
    answer = await api.send("POST", "/v1/access-decisions", CARD | asked)

    assert answer.status_code == 409, answer.text
    assert answer.json()["type"].endswith("charger-retired")
    assert await api.position() == before


async def test_an_attempt_decided_before_the_retirement_stays_readable(api: HttpApi) -> None:
    decided = await api.send("POST", "/v1/access-decisions", CARD | {"attempt_id": "visit-1"})
    await api.recorded(("DELETE", "/v1/chargers/bay-1", None))

    again = await api.send("POST", "/v1/access-decisions", CARD | {"attempt_id": "visit-1"})
    shown = await api.get("/v1/access-events/visit-1")

    assert again.status_code == 409
    assert shown.json()["reason"] == decided.json()["reason"] == "own_vehicle"
