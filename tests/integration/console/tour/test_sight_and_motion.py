"""Every page with letters twice as large, and without motion."""

from __future__ import annotations

from typing import Final

from playwright.async_api import Browser

from tests.integration.console.tour.conftest import Place
from tests.support.console_looks import WIDTHS, arrive
from tests.support.console_pages import visiting
from tests.support.console_tour import STOPS

CUT: Final = """() => [...document.querySelectorAll("button, [role=button], th, td, h1, h2, label, summary")]
  .filter((each) => !each.closest(".visually-hidden, .cards thead, .account") && each.offsetParent !== null)
  .filter((each) => getComputedStyle(each).overflow === "hidden" && each.scrollWidth > each.clientWidth + 1)
  .map((each) => each.outerHTML.slice(0, 120))"""
MOVING: Final = """() => [
  ...document.getAnimations().map((each) => each.animationName ?? each.transitionProperty),
  ...[...document.querySelectorAll("*")].filter((each) => {
    const style = getComputedStyle(each);
    return style.transitionDuration.split(",").concat(style.animationDuration.split(","))
      .some((duration) => parseFloat(duration) > 0.01);
  }).map((each) => each.outerHTML.slice(0, 120)),
]"""


async def test_letters_of_twice_the_size_fit_every_page(browser: Browser, north_yard: Place) -> None:
    depot, ids = north_yard
    faults: list[str] = []
    async with visiting(browser, depot) as visitor:
        page = await visitor.open("/console/signed-in")
        await page.set_viewport_size({"width": 1280, "height": 900})
        for stop in STOPS:
            await arrive(visitor, page, stop.path(ids))
            await page.evaluate("document.documentElement.style.fontSize = '200%'")
            width, room = await page.evaluate(WIDTHS)
            if width > room:
                faults.append(f"{stop.page} is {width} px wide in a window of {room} px")
            faults += [f"{stop.page} cuts {each}" for each in await page.evaluate(CUT)]

    assert faults == [], "\n".join(faults)


async def test_nothing_moves_for_a_visitor_who_asks_for_less_motion(browser: Browser, north_yard: Place) -> None:
    depot, ids = north_yard
    faults: list[str] = []
    async with visiting(browser, depot, reduced_motion="reduce") as visitor:
        page = await visitor.open("/console/signed-in")
        for stop in STOPS:
            await arrive(visitor, page, stop.path(ids))
            faults += [f"{stop.page}: {each}" for each in (await page.evaluate(MOVING))[:3]]

    assert faults == [], "\n".join(faults)
