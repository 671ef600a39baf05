"""One override on many chargers: made, listed and lifted as one, with a result for each charger."""

from __future__ import annotations

from typing import Any

import pytest

from access_policy.domain.charger_access_policy.events import ModeOverridden, ModeOverrideLifted
from tests.support.http_api import HttpApi

PATH = "/v1/depots/north/overrides"
OPEN = {"mode": "freevend", "reason": "open day", "for": "PT2H", "charger_ids": "all"}


async def made(api: HttpApi, **changes: Any) -> dict[str, Any]:
    answer = await api.send("POST", PATH, {**OPEN, **changes})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_override_many_gives_all_chargers_one_override_with_one_end(two: HttpApi) -> None:
    events = await two.recorded(("POST", PATH, OPEN))
    shown = (await two.get(PATH)).json()["items"]

    assert [(type(each), each.charger_id) for each in events] == [(ModeOverridden, "bay-1"), (ModeOverridden, "bay-2")]
    assert len({(each.override_id, each.starts_at, each.ends_at) for each in events}) == 1
    assert shown == [
        {
            "override_id": events[0].override_id,
            "mode": "freevend",
            "from": "2026-11-18T12:00:00Z",
            "until": "2026-11-18T14:00:00Z",
            "reason": "open day",
            "made_by": events[0].made_by,
            "charger_ids": ["bay-1", "bay-2"],
        }
    ]


async def test_override_many_reports_each_charger_that_refuses_and_overrides_the_others(two: HttpApi) -> None:
    results = (await made(two, charger_ids=["bay-1", "bay-9"]))["results"]

    assert results[0] == {
        "charger_id": "bay-1",
        "ok": True,
        "changed": True,
        "from": "2026-11-18T12:00:00Z",
        "until": "2026-11-18T14:00:00Z",
    }
    assert (results[1]["ok"], results[1]["problem"]["code"]) == (False, "charger-not-found")


async def test_override_many_dry_run_shows_changes_and_other_overrides_and_records_nothing(two: HttpApi) -> None:
    earlier = await made(two, mode="managed", charger_ids=["bay-2"], reason="fleet only", **{"for": "PT4H"})
    before = await two.position()
    body = {**OPEN, "charger_ids": ["bay-1", "bay-2", "bay-9"], "dry_run": True}

    answer = await two.send("POST", PATH, body)

    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    first, second, third = answer.json()["results"]
    period = {"from": "2026-11-18T12:00:00Z", "until": "2026-11-18T14:00:00Z"}
    assert {name: first[name] for name in period} == period
    assert [(each["before"]["mode"], each["after"]["mode"]) for each in first["changes"]] == [("managed", "freevend")]
    assert first["other_overrides"] == []
    assert [(each["override_id"], each["reason"]) for each in second["other_overrides"]] == [
        (earlier["override_id"], "fleet only")
    ]
    assert (third["ok"], third["problem"]["code"]) == (False, "charger-not-found")
    assert await two.position() == before


async def test_override_many_dry_run_of_the_present_mode_changes_nothing_and_what_it_shows_happens(
    two: HttpApi,
) -> None:
    shown = (await two.send("POST", PATH, {**OPEN, "mode": "managed", "dry_run": True})).json()["results"]
    assert [each["changes"] for each in shown] == [[], []]
    (shown, _) = (await two.send("POST", PATH, {**OPEN, "dry_run": True})).json()["results"]
    await made(two)

    segments = await two.get(f"/v1/chargers/bay-1/timeline?from={shown['from']}&until={shown['until']}")

    assert {each["mode"] for each in segments.json()["segments"]} == {shown["changes"][0]["after"]["mode"]}


async def test_override_many_with_an_idempotency_key_again_records_nothing(two: HttpApi) -> None:
    headers = {"Idempotency-Key": "open"}
    first = await two.send("POST", PATH, OPEN, headers=headers)
    before = await two.position()
    second = await two.send("POST", PATH, OPEN, headers=headers)

    assert first.json()["override_id"] == second.json()["override_id"]
    assert await two.position() == before


async def test_lift_many_ends_the_override_at_all_chargers_that_still_have_it(two: HttpApi) -> None:
    override_id = (await made(two))["override_id"]
    two.container.clock().forward(minutes=10)  # type: ignore[attr-defined]
    await two.recorded(("DELETE", f"/v1/chargers/bay-1/overrides/{override_id}", None))
    two.container.clock().forward(minutes=10)  # type: ignore[attr-defined]

    before = await two.position()
    lifted = await two.send("DELETE", f"{PATH}/{override_id}")

    assert [(each["charger_id"], each["changed"], each["until"]) for each in lifted.json()["results"]] == [
        ("bay-1", False, "2026-11-18T12:10:00Z"),
        ("bay-2", True, "2026-11-18T12:20:00Z"),
    ]
    assert await two.position() == before + 1
    assert (await two.get(PATH)).json()["items"] == []
    assert (await two.send("DELETE", f"{PATH}/none")).status_code == 404


async def test_lift_many_before_it_begins_leaves_no_trace(two: HttpApi) -> None:
    override_id = (await made(two, **{"from": "2026-11-19T12:00:00Z"}))["override_id"]

    lift = ("DELETE", f"{PATH}/{override_id}", None)

    assert [type(each) for each in await two.recorded(lift)] == [ModeOverrideLifted, ModeOverrideLifted]
    assert await two.recorded(lift) == []


async def test_override_many_until_the_next_transition_ends_where_each_charger_changes(two: HttpApi) -> None:
    days = {"name": "Days", "mode": "freevend", "recurrence": "FREQ=DAILY", "start": "18:00", "end": "20:00"}
    await two.recorded(("POST", "/v1/chargers/bay-1/mode-rules", days))
    body = {key: value for key, value in OPEN.items() if key != "for"}

    answer = await two.send("POST", PATH, {**body, "until_next_transition": True})

    first, second = answer.json()["results"]
    assert first["until"] == "2026-11-18T17:00:00Z"
    assert second["problem"]["code"] == "no-next-transition"


@pytest.mark.parametrize("wrong", [{"for": "P30D"}, {"reason": " "}, {"from": "2026-11-18T11:00:00Z"}])
async def test_override_many_that_every_charger_refuses_records_nothing(two: HttpApi, wrong: Any) -> None:
    before = await two.position()

    results = (await made(two, **wrong))["results"]

    assert [each["ok"] for each in results] == [False, False]
    assert await two.position() == before
