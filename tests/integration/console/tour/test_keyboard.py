"""The tour with the keyboard only: each page is reached from another one by Tab and Enter, and the focus is always seen."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page

from tests.integration.console.tour.conftest import Place
from tests.support.console_looks import arrive
from tests.support.console_pages import visiting
from tests.support.console_tour import STOPS
from tests.support.lengths import Length

TABS_MAX: Final = 200
OPENED: Final = Length(ci=1, soak=14, of="of the links of each page opened by Enter")
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


# Once the link has done what it does on Enter: note where it leads, and stay.
CATCHING: Final = """() => {
  window.caught = null;
  window.catching = (event) => {
    window.caught = event.defaultPrevented ? "" : event.target.closest("a")?.href ?? "";
    event.preventDefault();
  };
  window.addEventListener("click", window.catching);
}"""
LETTING_GO: Final = "() => window.removeEventListener('click', window.catching)"
CAUGHT: Final = """async () => {
  if (!window.caught) return "";
  const answer = await fetch(window.caught);
  return answer.ok ? answer.url : "";
}"""


@pytest.mark.soak(OPENED)
async def test_keyboard_reaches_every_page_and_shows_where_the_focus_is(browser: Browser, north_yard: Place) -> None:
    depot, ids = north_yard
    paths = {stop.page: stop.path(ids) for stop in STOPS}
    linked: dict[str, dict[str, str]] = {}
    for stop in STOPS:
        if stop.linked_on is not None:
            linked.setdefault(stop.linked_on, {})[stop.page] = paths[stop.page]
    faults: list[str] = []
    async with visiting(browser, depot) as visitor:
        page = await visitor.open("/console/signed-in")
        for at, targets in linked.items():
            assert len(targets) <= OPENED.soak
            for together in [targets] if OPENED.count == 1 else [{name: path} for name, path in targets.items()]:
                await arrive(visitor, page, paths[at])
                faults += [f"{at}: {fault}" for fault in await _follow(page, together)]

    assert faults == [], "\n".join(faults)


async def _follow(page: Page, targets: dict[str, str]) -> list[str]:
    """Press Tab up to the last link to a target, and Enter at each. The last one's page is opened; of the others, it is
    enough that the address leads there. `targets`: name to path.
    """
    faults, left = [], dict(targets)
    await page.evaluate(CATCHING)
    for _ in range(TABS_MAX):
        await page.keyboard.press("Tab")
        found = await page.evaluate(FOCUSED)
        if found["isPage"]:
            break
        if not found["isMarked"]:
            faults.append(f"the focus is not shown at {found['html']}")
        if not found["isSeen"]:
            faults.append(f"something covers {found['html']}")
        for name in [each for each, path in left.items() if _same(found["href"], path)]:
            target = left.pop(name)
            if not left:
                await _enter(page, target)
                return faults
            await page.keyboard.press("Enter")
            if not _same(await page.evaluate(CAUGHT), target):
                faults.append(f"Enter does not lead to {name}")
    return [*faults, *(f"no link leads to {name} within {TABS_MAX} presses" for name in left)]


async def _enter(page: Page, target: str) -> None:
    await page.evaluate(LETTING_GO)
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: _same(url, target))


def _same(url: str, target: str) -> bool:
    """Whether the URL has the path and at least the parameters of the target."""
    found, wanted = urlsplit(url), urlsplit(target)
    return found.path == wanted.path and set(wanted.query.split("&")) <= set(found.query.split("&"))
