"""Schedules in Chromium: twelve chargers amended after a preview, two operators, windows in words, and withdrawal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser

from access_policy.entrypoints.demo.fleet import KEYED
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots, visiting

SOUTH = "depot_id=south-yard"
TWELVE = [f"gate-{number:02d}" for number in range(1, 13)]


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def twelve_chargers(depot: ServedDepot) -> None:
    await depot.send("PUT", "/v1/depots/south-yard", {"name": "South yard", "time_zone": "Europe/London"})
    profile = (await depot.send("GET", f"/v1/chargers/{KEYED.charger_id}"))["profile"]
    for charger_id in TWELVE:
        body = {"charge_point_id": f"SY-{charger_id}", "depot_id": "south-yard", "profile": profile}
        await depot.send("PUT", f"/v1/chargers/{charger_id}", body | {"baseline_mode": "freevend"})


@pytest_asyncio.fixture(loop_scope="session")
async def nights(depot: ServedDepot) -> AsyncIterator[dict[str, Any]]:
    rule = {"name": "Nights", "mode": "managed", "recurrence": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"}
    rule |= {"start": "22:00", "end": "06:00"}
    body = {"depot_id": "south-yard", "name": "Depot nights", "rules": [rule], "charger_ids": TWELVE}
    made = await depot.send("POST", "/v1/schedules", body)
    yield made
    path = f"/v1/schedules/{made['schedule_id']}"
    await depot.send("POST", f"{path}/chargers", {"charger_ids": "all", "follows": False})
    await depot.send("DELETE", path)


async def start_of(depot: ServedDepot, schedule_id: str) -> str:
    return str((await depot.send("GET", f"/v1/schedules/{schedule_id}"))["rules"][0]["start"])[:5]


async def test_schedule_of_twelve_chargers_is_amended_after_a_preview_in_three_clicks(
    visitor: Visitor, nights: dict[str, Any]
) -> None:
    page = await visitor.open(f"/console/schedules?{SOUTH}")
    await check_page(visitor, page)
    await screenshots(page, "schedules")
    await page.get_by_role("link", name="Depot nights").click()
    await page.get_by_label("From", exact=True).fill("20:00")
    await page.get_by_role("button", name="Preview").click()

    await page.get_by_role("heading", name="Changes 12 chargers").wait_for()
    assert await page.locator("#preview .card").count() == 1  # all twelve have the same two weeks
    assert await page.locator("#preview svg.timeline").count() == 2
    assert "No attempts in the last 30 days" in await page.locator("#what-if").inner_text()
    assert await start_of(visitor.depot, nights["schedule_id"]) == "22:00"
    await check_page(visitor, page)
    await screenshots(page, "schedule-preview")
    await page.get_by_role("button", name="Save for 12 chargers").click()

    await page.get_by_text("Depot nights is saved; 12 chargers follow it.").wait_for()
    assert await start_of(visitor.depot, nights["schedule_id"]) == "20:00"
    await check_page(visitor, page)
    await screenshots(page, "schedule")


async def test_second_of_two_operators_sees_the_first_change_of_a_schedule_and_loses_nothing(
    visitor: Visitor, browser: Browser, nights: dict[str, Any]
) -> None:
    path = f"/console/schedules/{nights['schedule_id']}?{SOUTH}"
    page = await visitor.open(path)
    async with visiting(browser, visitor.depot, subject="otto") as other:
        theirs = await other.open(path)
        await theirs.get_by_label("From", exact=True).fill("21:00")
        await theirs.get_by_role("button", name="Preview").click()
        await theirs.get_by_role("button", name="Save for 12 chargers").click()
        await theirs.get_by_text("Depot nights is saved").wait_for()

    await page.get_by_label("To", exact=True).fill("07:00")
    await page.get_by_role("button", name="Preview").click()
    await page.get_by_text("Somebody else has saved a change").wait_for()
    assert "21:00" in await page.locator("#f-rules-0-start-help .changed").inner_text()
    assert await page.get_by_label("To", exact=True).input_value() == "07:00"
    await screenshots(page, "schedule-overtaken")
    await page.get_by_role("button", name="Preview").click()
    await page.get_by_role("button", name="Save for 12 chargers").click()

    await page.get_by_text("Depot nights is saved").wait_for()
    stored = (await visitor.depot.send("GET", f"/v1/schedules/{nights['schedule_id']}"))["rules"][0]
    assert (stored["start"][:5], stored["end"][:5]) == ("21:00", "07:00")


async def test_new_schedule_has_a_window_in_words_and_is_withdrawn_from_all_chargers_after_a_review(
    visitor: Visitor,
) -> None:
    page = await visitor.open(f"/console/schedules/new?{SOUTH}")
    await page.get_by_label("Name of the schedule").fill("Fairs & <b>markets</b>")
    await page.get_by_label("Another window, in words").fill("now and then")
    await page.get_by_role("button", name="Add window").click()
    await page.get_by_text("Write it as “weekdays from 22:00 to 06:00”").wait_for()
    visitor.errors.clear()  # the refusal
    await page.get_by_label("Another window, in words").fill("weekends from 10:00 to 16:00")
    await page.get_by_role("button", name="Add window").click()
    await page.locator("[name='rules/1/start']").wait_for()
    assert await page.locator("[name='rules/1/days']:checked").count() == 2
    await page.get_by_label("gate-03").check()
    await page.get_by_role("button", name="Preview").click()
    await page.get_by_role("heading", name="Changes 1 charger").wait_for()
    await page.get_by_role("button", name="Save for 1 charger").click()
    await page.get_by_text("is saved; 1 charger follows it.").wait_for()
    assert await page.get_by_text("weekends from 10:00 to 16:00").count() >= 1

    await page.get_by_label("gate-05").check()
    await page.get_by_role("button", name="Show the change").click()
    await page.get_by_text("1 charger would begin to follow it: gate-05.").wait_for()
    assert "No attempts in the last 30 days" in await page.locator("#what-if").inner_text()
    await check_page(visitor, page)
    await screenshots(page, "schedule-followers")
    await page.get_by_role("button", name="Let exactly these 2 follow").click()
    await page.get_by_text("2 chargers follow").first.wait_for()

    await page.get_by_role("button", name="Withdraw the schedule").click()
    await page.get_by_role("heading", name="Changes 2 chargers").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "schedule-withdraw")
    await page.get_by_role("button", name="Withdraw it from 2 chargers").click()
    await page.get_by_text("is withdrawn, and 2 chargers left it.").wait_for()
