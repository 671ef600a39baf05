"""The board, in Chromium."""

from __future__ import annotations

from tests.support.console_pages import Visitor, check_page, screenshots


async def test_board_shows_every_charger_with_its_modes(visitor: Visitor) -> None:
    page = await visitor.open("/console/board?depot_id=north-yard")

    assert await page.get_by_role("rowheader", name="bay-1").is_visible()
    await check_page(visitor, page)
    await screenshots(page, "board")
