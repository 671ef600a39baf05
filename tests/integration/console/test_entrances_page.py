"""The entrances of a depot in Chromium: declared, changed and removed, and the attempts at one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from access_policy.application.ports.identity import Role
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots, sign_in

NORTH = "depot_id=north-yard"
GATE = "/v1/depots/north-yard/entrances/yard-gate"
PLATE = {"kind": "plate", "value": "HH GATE 99"}


@pytest_asyncio.fixture(loop_scope="session")
async def gate(depot: ServedDepot) -> AsyncIterator[str]:
    await depot.send("PUT", GATE, {"name": "Yard gate", "charger_ids": ["bay-2"]})  # managed all day
    yield "yard-gate"
    await depot.send("DELETE", GATE)


async def test_entrance_is_declared_changed_and_removed(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/chargers?{NORTH}")
    await page.get_by_role("button", name="Entrances").click()
    await page.get_by_label("Id", exact=True).fill("side-gate")
    await page.get_by_label("Name", exact=True).fill("Side gate")
    await page.get_by_label("Minutes early").fill("45")
    await page.locator('input[name="charger_ids"][value="bay-1"]').check()
    await check_page(visitor, page)
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("The entrance Side gate is saved.").wait_for()
    stored = await visitor.depot.send("GET", "/v1/depots/north-yard/entrances/side-gate")
    assert (stored["name"], stored["early_entry_min"], stored["charger_ids"]) == ("Side gate", 45, ["bay-1"])

    await page.get_by_role("button", name="Change Side gate").click()
    await page.locator('input[name="charger_ids"][value="bay-1"]').uncheck()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("The entrance Side gate is saved.").wait_for()
    await page.get_by_text("the whole depot, 45 minutes early").wait_for()
    await screenshots(page, "entrances")

    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Remove Side gate").click()
    await page.get_by_text("The entrance side-gate is removed.").wait_for()


async def test_attempt_at_an_entrance_is_in_the_list_and_has_a_page(visitor: Visitor, gate: str) -> None:
    body = {"entrance_id": gate, "identifier": PLATE}
    decided = await visitor.depot.send("POST", "/v1/access-decisions", body)
    page = await visitor.open(f"/console/attempts?{NORTH}&entrance_id={gate}")

    row = page.locator(f"#attempt-{decided['attempt_id']}")
    await row.get_by_text(f"entrance {gate}").wait_for()
    await check_page(visitor, page)
    await row.locator("a.attempt-link").click()

    await page.get_by_role("heading", name=f"at entrance {gate}").wait_for()
    facts = await page.locator("#facts").inner_text()
    assert decided["driver_text"]["text"] in facts
    assert "bay-2" in facts
    await check_page(visitor, page)


async def test_viewer_sees_the_entrances_and_nothing_to_change_them_with(visitor: Visitor, gate: str) -> None:
    await sign_in(visitor, Role.VIEWER, subject="vera")
    page = await visitor.open(f"/console/entrances?{NORTH}")

    await page.get_by_text("Yard gate").first.wait_for()
    assert await page.get_by_role("button", name="Remove Yard gate").count() == 0
    assert await page.get_by_role("button", name="Save").count() == 0
