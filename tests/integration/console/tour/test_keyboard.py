"""The tour with the keyboard only: each page is reached from another one by Tab and Enter, and the focus is always seen."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page

from tests.integration.console.tour.conftest import Place
from tests.support.console_looks import arrive
from tests.support.console_pages import visiting
from tests.support.console_tour import STOPS, Ids, Stop

TABS_MAX: Final = 200
FOCUSED: Final = """() => {
  const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
  const top = document.elementFromPoint(box.x + Math.min(box.width / 2, 300), box.y + box.height / 2);
  return {
    html: at.outerHTML.slice(0, 160),
    href: at.closest("a")?.href ?? "",
    isPage: at === document.body,
    isMarked: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none",
    isSeen: top !== null && (at.contains(top) || top.contains(at) || at.labels?.[0]?.contains(top) === true),
  };
}"""


async def test_keyboard_reaches_every_page_and_shows_where_the_focus_is(browser: Browser, north_yard: Place) -> None:
    depot, ids = north_yard
    pages = {stop.page: stop for stop in STOPS}
    faults: list[str] = []
    async with visiting(browser, depot) as visitor:
        page = await visitor.open("/console/signed-in")
        for stop in STOPS:
            if stop.linked_on is not None:
                await arrive(visitor, page, pages[stop.linked_on].path(ids))
                faults += [f"{stop.linked_on} to {stop.page}: {fault}" for fault in await _follow(page, stop, ids)]

    assert faults == [], "\n".join(faults)


async def _follow(page: Page, stop: Stop, ids: Ids) -> list[str]:
    """Press Tab up to a link to the stop, and Enter."""
    faults, target = [], stop.path(ids)
    for _ in range(TABS_MAX):
        await page.keyboard.press("Tab")
        found = await page.evaluate(FOCUSED)
        if found["isPage"]:
            return [*faults, "no link leads there"]
        if not found["isMarked"]:
            faults.append(f"the focus is not shown at {found['html']}")
        if not found["isSeen"]:
            faults.append(f"something covers {found['html']}")
        if _same(found["href"], target):
            await page.keyboard.press("Enter")
            await page.wait_for_url(lambda url: _same(url, target))
            return faults
    return [*faults, f"no link leads there within {TABS_MAX} presses"]


def _same(url: str, target: str) -> bool:
    """Whether the URL has the path and at least the parameters of the target."""
    found, wanted = urlsplit(url), urlsplit(target)
    return found.path == wanted.path and set(wanted.query.split("&")) <= set(found.query.split("&"))
