"""Overrides for many chargers, in Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from access_policy.application.ports.identity import Role
from tests.support.clicks import Clicks
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots

NORTH = "depot_id=north-yard"
SIX = [f"bay-{number}" for number in range(1, 7)]


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def none_runs(depot: ServedDepot) -> AsyncIterator[None]:
    yield
    path = "/v1/depots/north-yard/overrides"
    for each in (await depot.send("GET", path))["items"]:
        await depot.send("DELETE", f"{path}/{each['override_id']}")


async def running(depot: ServedDepot) -> list[tuple[str, str, list[str]]]:
    items = (await depot.send("GET", "/v1/depots/north-yard/overrides"))["items"]
    return [(each["mode"], each["reason"], each["charger_ids"]) for each in items]


async def test_six_chargers_of_the_board_are_open_until_the_evening_after_nine_clicks(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/board?{NORTH}")
    clicks = Clicks(page)
    for charger_id in SIX:
        await page.locator(f"#row-{charger_id} input.choose").check()
        clicks.number += 1
    await clicks.button("Open until…")
    await page.get_by_role("heading", name="Open chargers until").wait_for()
    assert await page.locator("[name=charger_ids]:checked").count() == 6
    await clicks.tick("18:00")
    await page.get_by_label("Reason").fill("Workshop")
    await check_page(visitor, page)
    await screenshots(page, "override-form")
    await clicks.button("Override")

    await page.get_by_text("6 chargers are freevend until").wait_for()
    assert await running(visitor.depot) == [("freevend", "Workshop", SIX)]
    assert clicks.number == 9
    assert "18:00" in await page.locator(".countdown").inner_text()
    await check_page(visitor, page)
    await screenshots(page, "overrides")


async def test_override_is_previewed_with_what_it_changes_and_wins_over_before_it_is_made(visitor: Visitor) -> None:
    body = {"charger_ids": ["bay-1"], "mode": "managed", "reason": "Fleet <b>only</b>", "for": "PT8H"}
    await visitor.depot.send("POST", "/v1/depots/north-yard/overrides", body)
    page = await visitor.open(f"/console/overrides/new?{NORTH}&charger_ids=bay-1&charger_ids=bay-2")
    await page.get_by_label("For 2 h").check()
    await page.get_by_label("Reason").fill("Workshop")
    await page.get_by_role("button", name="Preview").click()

    await page.get_by_role("heading", name="Would change 2 chargers").wait_for()
    preview = await page.locator("#preview").inner_text()
    assert "Wins over 1 other override while it holds" in preview
    assert "at bay-1: “Fleet <b>only</b>”" in preview
    assert await running(visitor.depot) == [("managed", "Fleet <b>only</b>", ["bay-1"])]
    await check_page(visitor, page)
    await screenshots(page, "override-preview")
    await page.get_by_role("button", name="Override 2 chargers").click()

    await page.get_by_text("2 chargers are freevend until").wait_for()
    made = [each for each in await running(visitor.depot) if each[1] == "Workshop"]
    assert made == [("freevend", "Workshop", ["bay-1", "bay-2"])]


async def test_override_is_lifted_at_one_charger_and_then_at_all(visitor: Visitor) -> None:
    body = {"charger_ids": SIX[:3], "mode": "freevend", "reason": "<i>Fair</i>", "for": "PT2H"}
    await visitor.depot.send("POST", "/v1/depots/north-yard/overrides", body)
    page = await visitor.open(f"/console/overrides?{NORTH}")

    await page.get_by_text("“<i>Fair</i>”").wait_for()
    await page.get_by_role("button", name="Lift at bay-2").click()
    await page.get_by_text("lifted at bay-2").wait_for()
    assert await running(visitor.depot) == [("freevend", "<i>Fair</i>", ["bay-1", "bay-3"])]
    await page.get_by_role("button", name="Lift at all 2").click()

    await page.get_by_text("No override is running").wait_for()
    assert await running(visitor.depot) == []
    await check_page(visitor, page)


async def test_group_is_open_by_one_tick_and_a_time_typed_in_on_a_phone(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/overrides/new?{NORTH}", wide=False)

    await page.get_by_label("All 7 of bay").check()
    assert await page.locator("[data-chosen]").inner_text() == "7 chosen"
    await page.get_by_label("Another time").fill("2020-01-01T18:00")
    await page.get_by_role("button", name="Override").click()
    await page.locator("#f-reason[aria-invalid=true], #form-problem p").first.wait_for()
    assert await page.get_by_label("Until the time below").is_checked()
    assert await page.locator("[name=charger_ids]:checked").count() == 7
    assert await running(visitor.depot) == []
    await screenshots(page, "override-refused")


async def test_form_without_a_charger_or_by_a_viewer_changes_nothing(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/overrides/new?{NORTH}")
    await page.get_by_label("Reason").fill("None chosen")
    await page.get_by_role("button", name="Override").click()

    await page.get_by_text("Choose at least one charger.").wait_for()
    assert await page.get_by_label("Reason").input_value() == "None chosen"
    assert await running(visitor.depot) == []
    await visitor.context.clear_cookies()
    await page.goto(await visitor.depot.sign_in_link(Role.VIEWER))
    await page.goto(f"{visitor.depot.url}/console/overrides?{NORTH}")
    assert await page.get_by_text("Open chargers until").count() == 0
