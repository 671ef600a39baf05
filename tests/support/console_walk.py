"""The faults found on one walk through all pages of a depot, shared by several tests: opening a page takes 0.2 CPU seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from playwright.async_api import Page

from tests.support.console_looks import WIDTHS
from tests.support.console_pages import DESK
from tests.support.console_tour import Stop
from tests.support.lengths import Length

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


STANDARD_PX: Final = 16  # of Chromium, as the next one
FIXED_PX: Final = 13
LETTERS_PX: Final = "parseFloat(getComputedStyle(document.documentElement).fontSize)"
WAYS_TO_ENLARGE: Final = Length(ci=1, soak=2, of="of the ways to enlarge letters")


@dataclass
class Walk:
    """Faults of the pages as they are, with letters twice as large, and for a visitor who asks for less motion."""

    faults: list[str] = field(default_factory=list)
    enlarged: list[str] = field(default_factory=list)
    moving: list[str] = field(default_factory=list)
    looked_closer_at: set[str] = field(default_factory=set)

    async def look_closer(self, stop: Stop, page: Page) -> None:
        """Look at the page, which was opened with less motion, for what moves, and with larger letters."""
        self.moving += [f"{stop.page}: {each}" for each in (await page.evaluate(MOVING))[:3]]
        if page.viewport_size != DESK:
            await page.set_viewport_size(DESK)
        await page.evaluate("document.documentElement.style.fontSize = '200%'")
        await self._look_at_letters(stop, page)
        if WAYS_TO_ENLARGE.count > 1:
            await self._open_with_larger_letters(stop, page)
        self.looked_closer_at.add(stop.page)

    async def _open_with_larger_letters(self, stop: Stop, page: Page) -> None:
        """Open the page again with the browser's setting for letters of twice the size, and set it back."""
        session = await page.context.new_cdp_session(page)
        await session.send("Page.setFontSizes", {"fontSizes": {"standard": 2 * STANDARD_PX, "fixed": 2 * FIXED_PX}})
        await page.goto(page.url)
        await self._look_at_letters(stop, page)
        await session.send("Page.setFontSizes", {"fontSizes": {"standard": STANDARD_PX, "fixed": FIXED_PX}})
        await session.detach()

    async def _look_at_letters(self, stop: Stop, page: Page) -> None:
        size_px, (width, room), cut = await page.evaluate(f"() => [{LETTERS_PX}, {WIDTHS}, ({CUT})()]")
        if size_px < 2 * STANDARD_PX:
            self.enlarged.append(f"{stop.page} has letters of {size_px} px")
        if width > room:
            self.enlarged.append(f"{stop.page} is {width} px wide in a window of {room} px")
        self.enlarged += [f"{stop.page} cuts {each}" for each in cut]
