"""The clicks of an operator's story, counted."""

from __future__ import annotations

from playwright.async_api import Locator, Page


class Clicks:
    """Presses links, buttons and boxes of a page, and counts them. Typing is not counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.number = page, 0

    async def link(self, name: str) -> None:
        await self.press(self.page.get_by_role("link", name=name, exact=True).first)

    async def button(self, name: str) -> None:
        await self.press(self.page.get_by_role("button", name=name, exact=True).first)

    async def tick(self, label: str) -> None:
        await self.press(self.page.get_by_label(label).first)

    async def press(self, target: Locator) -> None:
        await target.click()
        self.number += 1
