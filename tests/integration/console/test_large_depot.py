"""The board of a depot with 200 chargers and three days behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page

from tests.support.console_history import served_history
from tests.support.console_pages import ServedDepot, check_page, check_width, screenshots, visiting


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def harbour(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServedDepot]:
    async with served_history(tmp_path_factory.mktemp("harbour")) as served:
        yield served


async def test_board_of_200_chargers_opens_the_groups_that_need_a_look(browser: Browser, harbour: ServedDepot) -> None:
    async with visiting(browser, harbour) as visitor:
        page = await visitor.open("/console/board")

        assert await page.locator("tr[data-key]").count() == 200
        groups = page.locator("details.group")
        assert await groups.evaluate_all("all => all.filter(each => each.open).map(each => each.id)") == [
            "group-1-Switch failed"
        ]
        assert await page.locator("#problems > ul > li").count() == 8
        assert await page.locator("#more-problems li").count() > 5
        await check_page(visitor, page)
        await screenshots(page, "board-200")


async def test_list_of_200_chargers_has_two_pages(browser: Browser, harbour: ServedDepot) -> None:
    async with visiting(browser, harbour) as visitor:
        page = await visitor.open("/console/chargers")

        first = await page.locator("#charger-list tbody th a").all_inner_texts()
        await check_page(visitor, page)
        await screenshots(page, "chargers-200")
        await page.get_by_role("button", name="More").click()
        await page.wait_for_url("**page=2**")
        second = await page.locator("#charger-list tbody th a").all_inner_texts()

        assert (len(first), len(second), len({*first, *second})) == (100, 100, 200)
        assert await page.get_by_role("button", name="More").count() == 0


def marked(page: Page, text: str) -> Locator:
    return page.locator("svg.timeline .line", has_text=text)


async def test_week_of_200_chargers_shows_lateness_drift_and_overrides(browser: Browser, harbour: ServedDepot) -> None:
    async with visiting(browser, harbour) as visitor:
        page = await visitor.open("/console/board?view=week&group=prefix")

        assert await marked(page, " late").count() > 5
        assert await marked(page, "the charger had drifted").count() > 2
        assert await page.locator("svg.timeline .band.outlined").count() >= 5
        await check_width(page)
        # axe would read 15,000 elements for three CPU seconds. These 25 chargers have each kind of mark.
        await page.goto(f"{harbour.url}/console/board?view=week&group=prefix&q=A-")
        assert await page.locator("tr[data-key]").count() == 25
        assert await marked(page, " late").count() >= 1
        assert await marked(page, "the charger had drifted").count() >= 1
        assert await page.locator("svg.timeline .band.outlined").count() >= 1
        await check_page(visitor, page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_keyboard_reaches_the_problems_and_the_explanation(
    browser: Browser, harbour: ServedDepot, scheme: str
) -> None:
    async with visiting(browser, harbour, color_scheme=scheme) as visitor:
        page = await visitor.open("/console/board?view=day&q=A-12")

        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to the content"
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "charger-link"
        await page.keyboard.press("Enter")
        await page.locator(".explained").wait_for()

        await check_page(visitor, page)
