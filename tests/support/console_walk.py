"""The faults found on one walk through all pages of a depot, shared by several tests: opening a page takes 0.2 CPU seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from playwright.async_api import Page

from tests.support.console_looks import WIDTHS
from tests.support.console_pages import DESK
from tests.support.console_tour import Stop

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


@dataclass
class Walk:
    """Faults of the pages as they are, with letters twice as large, and for a visitor who asks for less motion."""

    faults: list[str] = field(default_factory=list)
    enlarged: list[str] = field(default_factory=list)
    moving: list[str] = field(default_factory=list)
    looked_closer_at: set[str] = field(default_factory=set)

    async def look_closer(self, stop: Stop, page: Page) -> None:
        """Look at the page with less motion and larger letters. Both can be set after it was opened, because its scripts depend
        neither on the window's width nor on motion."""
        await page.emulate_media(reduced_motion="reduce")
        self.moving += [f"{stop.page}: {each}" for each in (await page.evaluate(MOVING))[:3]]
        await page.set_viewport_size(DESK)
        await page.evaluate("document.documentElement.style.fontSize = '200%'")
        width, room = await page.evaluate(WIDTHS)
        if width > room:
            self.enlarged.append(f"{stop.page} is {width} px wide in a window of {room} px")
        self.enlarged += [f"{stop.page} cuts {each}" for each in await page.evaluate(CUT)]
        self.looked_closer_at.add(stop.page)
