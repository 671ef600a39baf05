"""The list of chargers: search and filters as links, and the persons who may see and register which, in Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.demo.fleet import CENTRAL, GOES_OFFLINE, KEYED
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots, visiting

NORTH = "depot_id=north-yard"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def charger_of_the_south(depot: ServedDepot) -> AsyncIterator[str]:
    """A charger of another depot, whose name is HTML."""
    body = {"charge_point_id": "SY-markup", "depot_id": "south-yard", "profile": "ocpp16-central"}
    path = "/v1/chargers/" + MARKUP.replace(" ", "%20")
    await depot.send("PUT", path, body | {"baseline_mode": "freevend", "enforcement": "observe"})
    yield MARKUP
    await depot.send("DELETE", path)


async def names(page: Page) -> list[str]:
    return await page.locator("#charger-list tbody th a").all_inner_texts()


async def test_chargers_are_found_by_text_and_by_filters_that_are_links(
    visitor: Visitor, charger_of_the_south: str
) -> None:
    page = await visitor.open("/console/board")
    await page.get_by_role("link", name="Chargers", exact=True).click()
    await page.get_by_role("heading", name="Chargers").wait_for()
    everywhere = await names(page)
    assert charger_of_the_south in everywhere
    assert KEYED.charger_id in everywhere
    await check_page(visitor, page)
    await screenshots(page, "chargers")

    await page.get_by_label("Denials").select_option("observe")
    await page.wait_for_url("**enforcement=observe**")
    assert await names(page) == [charger_of_the_south]
    await page.get_by_role("link", name="Observed only : remove this filter").click()
    await page.get_by_role("searchbox", name="Find").fill(CENTRAL.charge_point_id.lower())
    await page.get_by_role("button", name="Show").click()
    await page.wait_for_url("**q=**")
    assert await names(page) == [CENTRAL.charger_id]
    await page.goto(f"{visitor.depot.url}/console/chargers?{NORTH}")
    await page.get_by_role("link", name="Offline").click()
    assert GOES_OFFLINE.charger_id in await names(page)
    assert KEYED.charger_id not in await names(page)
    await page.goto(f"{visitor.depot.url}/console/chargers?{NORTH}&q=no+such+charger")
    await page.get_by_text("No charger matches").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "chargers-none")


async def test_chargers_of_another_depot_are_hidden_from_an_operator_of_one_depot(
    browser: Browser, depot: ServedDepot, charger_of_the_south: str
) -> None:
    async with visiting(browser, depot, role=None) as visitor:
        page = await visitor.open(await path_of_link(depot, Role.OPERATOR))
        await page.goto(f"{depot.url}/console/chargers")

        found = await names(page)

        assert KEYED.charger_id in found
        assert charger_of_the_south not in found
        assert await page.get_by_role("button", name="Register a charger").count() == 0
        answer = await page.goto(f"{depot.url}/console/chargers/{MARKUP}")
        assert answer is not None
        assert answer.status == 404


async def path_of_link(depot: ServedDepot, role: Role) -> str:
    link = await depot.sign_in_link(role, depots=["north-yard"])
    return link.removeprefix(depot.url)


async def test_viewer_sees_the_chargers_and_no_way_to_change_them(browser: Browser, depot: ServedDepot) -> None:
    async with visiting(browser, depot, Role.VIEWER) as visitor:
        page = await visitor.open(f"/console/chargers?{NORTH}")

        assert KEYED.charger_id in await names(page)
        assert await page.get_by_role("button", name="Register").count() == 0
        await check_page(visitor, page)


async def test_retired_charger_is_listed_by_itself(visitor: Visitor) -> None:
    body = {"charge_point_id": "NY-old", "depot_id": "north-yard", "profile": "ocpp16-central"}
    await visitor.depot.send("PUT", "/v1/chargers/old-bay", body | {"baseline_mode": "managed"})
    await visitor.depot.send("DELETE", "/v1/chargers/old-bay")
    page = await visitor.open(f"/console/chargers?{NORTH}")
    assert "old-bay" not in await names(page)

    await page.get_by_role("link", name="Retired").click()

    await page.wait_for_url("**state=retired**")
    assert "old-bay" in await names(page)


async def test_list_of_chargers_follows_changes_and_keeps_what_is_typed(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/chargers?{NORTH}")
    await page.locator('#live[data-state="on"]').wait_for()
    await page.get_by_role("searchbox", name="Find").fill("half a wo")
    row = page.locator("#charger-list tr", has_text=GOES_OFFLINE.charge_point_id)
    assert "Enforced" in await row.inner_text()
    stored = await visitor.depot.send("GET", f"/v1/chargers/{GOES_OFFLINE.charger_id}")
    kept = {name: stored[name] for name in ("charge_point_id", "depot_id", "profile", "baseline_mode")}
    path = f"/v1/chargers/{GOES_OFFLINE.charger_id}"
    await visitor.depot.send("PUT", path, kept | {"enforcement": "observe"})

    await row.get_by_text("Observed only").wait_for()

    assert await page.get_by_role("searchbox", name="Find").input_value() == "half a wo"
    await visitor.depot.send("PUT", path, kept | {"enforcement": stored["enforcement"]})
