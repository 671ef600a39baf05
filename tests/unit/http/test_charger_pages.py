"""Pages of chargers: as long as asked for, and complete, also where one is not followed everywhere yet."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.entrypoints.http.v1 import chargers
from tests.support.http_api import HttpApi
from tests.unit.http.conftest import CHARGER


async def add(api: HttpApi, number: int) -> None:
    body = {**CHARGER, "charge_point_id": f"CP-{number}"}
    assert (await api.send("PUT", f"/v1/chargers/bay-{number}", body)).is_success


async def pages(api: HttpApi, query: str) -> list[list[str]]:
    found, cursor = [], ""
    while cursor is not None:
        page: Any = (await api.get(f"/v1/chargers?{query}{cursor}")).json()
        found.append([each["charger_id"] for each in page["items"]])
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    return found


async def test_a_page_of_chargers_in_a_state_holds_as_many_as_asked_for(
    api: HttpApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chargers, "PAGE_MAX", 2)  # of the read model: the search goes over several
    for number in (2, 3, 4, 5):
        await add(api, number)
    api.connected.add(("acme", "bay-3"))  # type: ignore[arg-type]

    assert await pages(api, "sync=unreachable&limit=3") == [["bay-1", "bay-2", "bay-4"], ["bay-5"]]
    assert await pages(api, "sync=pending&limit=3") == [["bay-3"]]
    assert await pages(api, "limit=2") == [["bay-1", "bay-2"], ["bay-3", "bay-4"], ["bay-5"]]


async def test_a_charger_that_the_decision_view_does_not_follow_yet_is_shown(api: HttpApi) -> None:
    async def only_read_models(_: int) -> bool:
        await api.container.read_side.follower().catch_up()
        return True

    api.replace_process(settled=only_read_models)

    made = await api.send("PUT", "/v1/chargers/bay-2", {**CHARGER, "charge_point_id": "CP-2"})
    shown = await api.get("/v1/chargers/bay-2")
    timeline = await api.get("/v1/chargers/bay-2/timeline")

    assert (made.status_code, shown.status_code, timeline.status_code) == (201, 200, 200)
    assert await pages(api, "limit=50") == [["bay-1", "bay-2"]]
    assert shown.json()["expected_mode"] == "managed"
