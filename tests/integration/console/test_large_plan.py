"""The plan of a day at a depot with 200 chargers and 500 reservations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from access_policy.entrypoints.http.console.plan_asked import ARRIVALS_SHOWN
from tests.support.console_history import served_history
from tests.support.console_pages import ServedDepot, check_page, screenshots, visiting

BUSES = 100
RESERVATIONS = 500


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def harbour(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServedDepot]:
    async with served_history(tmp_path_factory.mktemp("busy-harbour")) as served:
        await _planned(served)
        yield served


def tomorrow() -> date:
    return datetime.now(UTC).date() + timedelta(days=1)


async def _planned(depot: ServedDepot) -> None:
    """A sheet with 500 entries of tomorrow, three at most chargers."""
    vehicles = "".join(f"bus-{number},Bus {number},own\r\n" for number in range(BUSES))
    await _imported(depot, "/v1/registry/imports", f"vehicle_id,name,access_class\r\n{vehicles}")
    chargers = [f"{letter}-{number:02d}" for letter in "ABCDEFGH" for number in range(1, 26)]
    begin = datetime.combine(tomorrow(), time(9), UTC)
    rows = []
    for number in range(RESERVATIONS):
        start = begin + timedelta(minutes=30 + 55 * (number // len(chargers)) + number % 7)
        when = f"{start:%Y-%m-%dT%H:%MZ},{start + timedelta(minutes=40):%Y-%m-%dT%H:%MZ}"
        rows.append(f"a-{number},bus-{number % BUSES},{chargers[number % len(chargers)]},{when}\r\n")
    file = f"assignment_id,vehicle_id,charger_id,from,until\r\n{''.join(rows)}"
    await _imported(depot, "/v1/reservations/imports?depot_id=harbour", file)


async def _imported(depot: ServedDepot, path: str, file: str) -> None:
    made = await depot.client.post(path, content=file, headers={"Content-Type": "text/csv"})
    assert made.is_success, made.text
    assert made.json()["counts"]["error"] == 0, [each for each in made.json()["rows"] if each["errors"]][:2]
    plan = f"{path.split('?')[0]}/{made.json()['plan_id']}"
    await depot.send("POST", f"{plan}/apply", {})
    for _ in range(100):
        if (await depot.send("GET", f"{plan}?rows=false"))["state"] == "applied":
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the import did not end")


async def test_plan_of_500_reservations_shows_the_next_arrivals_and_one_group_of_chargers(
    browser: Browser, harbour: ServedDepot
) -> None:
    async with visiting(browser, harbour) as visitor:
        page = await visitor.open(f"/console/plan?day={tomorrow()}")

        assert await page.locator("#expected summary").inner_text() == f"Expected {RESERVATIONS}"
        assert await page.locator("#expected .arrival").count() == ARRIVALS_SHOWN
        assert await page.locator("svg.plan-line").count() == 25
        chips = page.get_by_role("navigation", name="Chargers by name").get_by_role("link")
        assert [text.split()[0] for text in await chips.all_inner_texts()] == [*"ABCDEFGH", "All"]
        await check_page(visitor, page)
        await screenshots(page, "plan-200")

        await chips.filter(has_text="C").click()
        await page.locator("th", has_text="C-01").wait_for()
        assert await page.locator("svg.plan-line").count() == 25
        await page.get_by_role("link", name="All", exact=True).click()
        await page.locator("th", has_text="H-25").wait_for()
        assert await page.locator("svg.plan-line").count() == 200
        assert await page.locator(".plan-bar").count() == RESERVATIONS


async def test_plan_of_500_reservations_is_searched_and_a_part_is_listed_in_full(
    browser: Browser, harbour: ServedDepot
) -> None:
    async with visiting(browser, harbour) as visitor:
        page = await visitor.open(f"/console/plan?day={tomorrow()}")
        await page.get_by_role("link", name=f"Show all {RESERVATIONS} expected").click()
        await page.locator("#expected .arrival").nth(RESERVATIONS - 1).wait_for()

        await page.locator("#q").fill("bus-42")
        await page.locator("#q").press("Enter")
        await page.get_by_role("link", name="Show everything").wait_for()
        assert await page.locator("#expected .arrival").count() == RESERVATIONS // BUSES
        assert await page.locator(".plan-bar").count() == RESERVATIONS // BUSES
        await check_page(visitor, page)
        await screenshots(page, "plan-200-found")
        await page.locator("#q").fill("no such bus")
        await page.locator("#q").press("Enter")
        await page.get_by_text("Nothing of this day matches").wait_for()
