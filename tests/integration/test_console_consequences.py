"""The console says before a change which attempts of the last days would have ended differently; asking changes nothing."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from access_policy.entrypoints.http.console.charger_settings import FIELDS
from tests.support.http_api import HttpApi, http_api
from tests.unit.http.conftest import GIVEN, RFID, SECOND_CHARGER, STRANGER
from tests.unit.http.test_sessions import begun

CARD_OF_VAN = {"kind": "mac", "value": "1A2B3C4D5E6F"}
WEEK = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
OPEN = {"name": "Open", "mode": "freevend", "recurrence": "FREQ=DAILY", "start": "00:00", "end": "00:00"}
OPEN_DAYS = {
    "depot_id": "north",
    "name": "Open days",
    "rules": [{**OPEN, "end_day_offset": 1}],
    "charger_ids": ["bay-2"],
}


@pytest.fixture
async def tried(tmp_path: Path) -> AsyncIterator[HttpApi]:
    """The bus, the van and a stranger, a minute ago, at a managed charger and at one that follows a schedule of open days."""
    async with http_api(tmp_path, given=(*GIVEN, SECOND_CHARGER, ("POST", "/v1/schedules", OPEN_DAYS))) as api:
        for charger_id in ("bay-1", "bay-2"):
            for identifier in (RFID, CARD_OF_VAN, STRANGER):
                await api.done("POST", "/v1/access-decisions", {"charger_id": charger_id, "identifier": identifier})
        api.container.clock().forward(minutes=1)  # type: ignore[attr-defined]
        yield api


async def schedule_of(api: HttpApi) -> str:
    (found,) = (await api.get("/v1/schedules")).json()["items"]
    return str(found["schedule_id"])


async def followers(api: HttpApi, schedule_id: str) -> list[str]:
    shown = (await api.get(f"/v1/schedules/{schedule_id}")).json()
    return [each["charger_id"] for each in shown["chargers"]]


async def page(api: HttpApi, path: str, fields: dict[str, Any] | None = None, status: int = 200) -> str:
    """The page, or the answer to a form, as text without markup."""
    headers = {"Authorization": f"Bearer {api.token()}"}
    method = "GET" if fields is None else "POST"
    answer = await api.client.request(method, path, data=fields, headers=headers)
    assert answer.status_code == status, answer.text
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


async def test_preview_of_followers_counts_those_that_begin_and_those_that_leave_together(tried: HttpApi) -> None:
    schedule_id = await schedule_of(tried)
    path, before = f"/console/schedules/{schedule_id}/chargers", await tried.position()

    swapped = await page(tried, path, {"charger_ids": ["bay-1"], "action": "preview"})
    both = await page(tried, path, {"charger_ids": ["bay-1", "bay-2"], "action": "preview"})
    same = await page(tried, path, {"charger_ids": ["bay-2"], "action": "preview"})

    assert "refused 1 attempt and allowed 1 attempt more, of 6." in swapped
    assert "1 charger would begin to follow it: bay-1. 1 charger would leave it: bay-2." in swapped
    assert "Changes 2 chargers" in swapped
    assert "this would have allowed 1 attempt more, of 3." in both
    assert "The chargers that you ticked follow it already." in same
    assert (await tried.position(), await followers(tried, schedule_id)) == (before, ["bay-2"])


async def test_saved_followers_are_exactly_those_ticked(tried: HttpApi) -> None:
    schedule_id = await schedule_of(tried)

    await page(tried, f"/console/schedules/{schedule_id}/chargers", {"charger_ids": ["bay-1"], "action": "save"}, 303)

    assert await followers(tried, schedule_id) == ["bay-1"]


async def test_withdrawal_of_a_schedule_counts_first_and_takes_it_from_its_chargers(tried: HttpApi) -> None:
    path = f"/console/schedules/{await schedule_of(tried)}/withdraw"
    version = (await tried.get("/v1/schedules")).json()["items"][0]["version"]

    asked = await page(tried, path)
    await page(tried, path, {"version": str(version)}, 303)

    assert "1 charger stops following it" in asked
    assert "this would have refused 1 attempt , of 3." in asked
    assert (await tried.get("/v1/schedules")).json()["items"] == []


async def test_withdrawal_of_a_schedule_amended_meanwhile_changes_nothing(tried: HttpApi) -> None:
    schedule_id = await schedule_of(tried)
    version = (await tried.get("/v1/schedules")).json()["items"][0]["version"]
    amended = {"name": "Open days", "rules": [{**OPEN, "start": "06:00", "end": "20:00"}]}
    await tried.done("PUT", f"/v1/schedules/{schedule_id}", amended)

    refused = await page(tried, f"/console/schedules/{schedule_id}/withdraw", {"version": str(version)}, 422)

    assert "Somebody else has saved a change" in refused
    assert await followers(tried, schedule_id) == ["bay-2"]


async def test_rule_of_one_charger_is_made_amended_and_withdrawn_each_after_its_consequence(tried: HttpApi) -> None:
    plan = "/console/chargers/bay-1/plan"
    fields = {"name": "Open", "mode": "freevend", "days": WEEK, "start": "00:00", "end": "00:00", "end_day_offset": "1"}
    previewed = await page(tried, f"{plan}/rules", {**fields, "action": "preview"})
    assert (await tried.get("/v1/chargers/bay-1")).json()["mode_rules"] == []
    await page(tried, f"{plan}/rules", {**fields, "action": "save"}, 303)
    (made,) = (await tried.get("/v1/chargers/bay-1")).json()["mode_rules"]
    path = f"{plan}/rules/{made['rule_id']}"
    amended = await page(tried, path, {**fields, "mode": "managed", "action": "preview"})
    asked = await page(tried, f"{path}/withdraw")
    await page(tried, path, {**fields, "name": "Open days", "action": "save"}, 303)
    listed = await page(tried, plan)
    await page(tried, f"{path}/withdraw", {}, 303)

    assert "Changes 1 charger" in previewed
    assert "this would have allowed 1 attempt more, of 3." in previewed
    assert "this would have refused 1 attempt , of 3." in amended
    assert "this would have refused 1 attempt , of 3." in asked
    assert "Open days Freevend every day from 00:00 to 00:00" in listed
    assert (await tried.get("/v1/chargers/bay-1")).json()["mode_rules"] == []


async def test_rule_saved_by_the_second_of_two_operators_is_refused_with_what_the_first_one_changed(
    tried: HttpApi,
) -> None:
    made = await tried.done("POST", "/v1/chargers/bay-1/mode-rules", {**OPEN, "end_day_offset": 1})
    path = f"/console/chargers/bay-1/plan/rules/{made['rule_id']}"
    await tried.done(
        "PUT", f"/v1/chargers/bay-1/mode-rules/{made['rule_id']}", {**OPEN, "start": "06:00", "end": "20:00"}
    )
    was = json.dumps({"name": "Open", "start": "00:00"})
    fields = {"name": "Mine", "mode": "managed", "days": WEEK, "start": "00:00", "end": "00:00"}

    refused = await page(tried, path, {**fields, "version": str(made["version"]), "was": was, "action": "save"}, 422)

    assert "Somebody else has saved a change" in refused
    assert "Now “06:00”, changed by somebody else." in refused


async def test_exception_of_one_charger_is_added_shown_and_removed(tried: HttpApi) -> None:
    plan = "/console/chargers/bay-1/plan"
    calendar = {"name": "Holidays", "days": [{"date": "2027-01-01", "reason": "New Year"}]}
    await tried.done("PUT", "/v1/depots/north/calendars/public", calendar)
    open_day = {"date": "2026-12-24", "until_date": "2026-12-26", "mode": "freevend", "reason": "Open <days>"}

    refused = await page(tried, f"{plan}/exceptions", {**open_day, "date": ""}, 422)
    both = await page(tried, f"{plan}/exceptions", {**open_day, "calendar_id": "public"}, 422)
    await page(tried, f"{plan}/exceptions", open_day, 303)
    shown = await page(tried, plan)
    (added,) = (await tried.get("/v1/chargers/bay-1")).json()["exceptions"]
    await page(tried, f"{plan}/exceptions/{added['exception_id']}/remove", {}, 303)

    assert "Enter a day, or choose a calendar." in refused
    assert "Enter days or choose a calendar, not both." in both
    assert "Thu 24 Dec 2026 to Sat 26 Dec 2026 Freevend “Open &lt;days&gt;”" in shown
    assert (await tried.get("/v1/chargers/bay-1")).json()["exceptions"] == []


@pytest.mark.parametrize(
    ("path", "consequence"),
    [
        ("/console/vehicles/bus-7/suspend", "this would have refused 1 attempt , of 6."),
        ("/console/vehicles/bus-7/remove", "this would have refused 1 attempt , of 6."),
        (
            "/console/vehicles/bus-7/reinstate",
            "None of the 6 attempts of the last 30 days would have ended differently.",
        ),
        ("/console/agreements/couriers/end", "this would have refused 1 attempt , of 6."),
    ],
)
async def test_question_before_an_act_on_vehicles_loads_its_consequence(
    tried: HttpApi, path: str, consequence: str
) -> None:
    before = await tried.position()
    question = await tried.client.get(path, headers={"Authorization": f"Bearer {tried.token()}"})

    assert f'hx-get="{path}/what-if"' in question.text
    assert consequence in await page(tried, f"{path}/what-if")
    assert await tried.position() == before


async def test_overrides_say_what_lifting_each_would_change_now(tried: HttpApi) -> None:
    both = {"charger_ids": "all", "mode": "freevend", "reason": "Workshop", "for": "PT4H"}
    later = {
        "charger_ids": ["bay-2"],
        "mode": "managed",
        "reason": "Later",
        "from": "2026-11-18T20:00:00Z",
        "for": "PT1H",
    }
    await tried.done("POST", "/v1/depots/north/overrides", both)
    await tried.done("POST", "/v1/depots/north/overrides", later)

    shown = await page(tried, "/console/overrides")
    await tried.done("POST", "/v1/depots/north/overrides", {**both, "reason": "Again"})
    overtaken = await page(tried, "/console/overrides")

    assert shown.count("If lifted now") == 1  # the later one has not begun
    assert "If lifted now, 1 charger becomes Managed (bay-1)." in shown
    assert overtaken.count("If lifted now, no charger’s mode changes") == 2


async def test_overrides_count_the_charges_at_chargers_that_would_become_managed(tried: HttpApi) -> None:
    one = {"charger_ids": ["bay-1"], "mode": "freevend", "reason": "Workshop", "for": "PT4H"}
    await tried.done("POST", "/v1/depots/north/overrides", one)
    quiet = await page(tried, "/console/overrides")
    await begun(tried)

    assert "If lifted now, it becomes Managed ." in quiet
    assert "If lifted now, it becomes Managed ; 1 charge under way there." in await page(tried, "/console/overrides")


async def test_settings_of_a_charger_count_the_attempts_that_another_enforcement_would_change(tried: HttpApi) -> None:
    charger = (await tried.get("/v1/chargers/bay-1")).json()
    fields = {name: str(charger[name]) for name in FIELDS} | {"version": str(charger["version"]), "action": "count"}
    before = await tried.position()

    observed = await page(tried, "/console/chargers/bay-1/settings", {**fields, "enforcement": "observe"})
    freevend = await page(tried, "/console/chargers/bay-1/settings", {**fields, "baseline_mode": "freevend"})
    same = await page(tried, "/console/chargers/bay-1/settings", fields)

    assert "this would have allowed 1 attempt more, of 3." in observed
    assert "this would have allowed 1 attempt more, of 3." in freevend
    assert "None of the 3 attempts of the last 30 days would have ended differently." in same
    assert await tried.position() == before
