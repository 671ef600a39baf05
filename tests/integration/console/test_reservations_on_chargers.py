"""The page of a charger with a reservation says what the charger itself does about it, in Chromium."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from access_policy.entrypoints.demo.fleet import KEYED
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots

PATH = f"/console/chargers/{KEYED.charger_id}?depot_id=north-yard"


async def has_answered(depot: ServedDepot, reservation_id: str) -> bool:
    """Whether the charger has answered about this reservation. Those of other tests may not have ended yet."""
    shown = await depot.send("GET", f"/v1/chargers/{KEYED.charger_id}")
    return reservation_id in [each["reservation_id"] for each in shown["reservations_on_charger"]]


async def test_page_of_a_charger_that_supports_no_reservations_says_who_keeps_the_connector(visitor: Visitor) -> None:
    now = datetime.now(UTC)
    body: dict[str, Any] = {
        "depot_id": "north-yard",
        "charger_id": KEYED.charger_id,
        "start": (now - timedelta(minutes=1)).isoformat(),
        "end": (now + timedelta(hours=1)).isoformat(),
        "holder": {"identifiers": [{"kind": "rfid", "value": "04AAAAAAAAAAAA"}]},
    }
    made = await visitor.depot.send("POST", "/v1/reservations", body)
    try:
        async with asyncio.timeout(60):
            while not await has_answered(visitor.depot, made["reservation_id"]):  # noqa: ASYNC110  the charger is asked soon
                await asyncio.sleep(0.05)
        page = await visitor.open(PATH)
        await page.get_by_text("Only the service keeps connector 1 for the holder until").first.wait_for()

        conditions = page.locator("section", has=page.locator("#conditions"))
        assert "The charger reports that it does not support reservations" in await conditions.inner_text()
        cause = page.locator(".explained").get_by_role("link", name=f"reservation {made['reservation_id']}")
        assert "/console/reservations/" in (await cause.get_attribute("href") or "")
        assert "Override, reservation, exception or short power" in await page.locator(".legend").inner_text()
        assert f"by reservation {made['reservation_id']}" in await page.locator("svg.timeline").inner_html()
        await check_page(visitor, page)
        await screenshots(page, "charger-reservation")
        await cause.click()
        await page.locator("#reservation").wait_for()
    finally:
        await visitor.depot.send("DELETE", f"/v1/reservations/{made['reservation_id']}?reason=the+test+is+over")
