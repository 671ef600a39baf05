"""The live stream is cut under an open board, and comes back."""

from __future__ import annotations

from playwright.async_api import Browser

from tests.support.console_pages import ServedDepot, visiting
from tests.support.cut_network import BehindNetwork, CutNetwork

BOARD = "/console/board?depot_id=north-yard&group=none"


async def test_cut_stream_marks_the_board_as_stale_and_its_return_shows_the_missed_change(
    browser: Browser, depot: ServedDepot
) -> None:
    async with CutNetwork(depot.service.http_port).running() as network:
        behind = BehindNetwork(depot.service, depot.client, depot.chargers, depot.tenant, network)
        async with visiting(browser, behind) as visitor:
            page = await visitor.open(BOARD)
            await page.locator("#live[data-state=on]").wait_for()
            await page.get_by_label("Find").type("half fil")

            network.cut()
            await page.locator("#live[data-state=stale]", has_text="Stale since").wait_for()
            body = {"mode": "managed", "reason": "While it was cut", "for": "PT1H"}
            made = await depot.send("POST", "/v1/chargers/bay-3/overrides", body)
            network.restore()

            await page.locator("#row-bay-3", has_text="override “While it was cut”").wait_for(timeout=60_000)
            await page.locator("#live[data-state=on]").wait_for()
            assert await page.get_by_label("Find").input_value() == "half fil"
            await depot.send("DELETE", f"/v1/chargers/bay-3/overrides/{made['override_id']}")
