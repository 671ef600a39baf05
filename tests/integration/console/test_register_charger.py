"""A charger is registered in the console and retired again, in Chromium."""

from __future__ import annotations

from tests.support.console_pages import Visitor, check_page, screenshots

NORTH = "depot_id=north-yard"


async def test_charger_is_registered_once_and_retired_after_a_question(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/board?{NORTH}")
    await page.get_by_role("link", name="Register a charger").click()
    await page.get_by_label("Name", exact=True).fill("bay-1")
    await page.get_by_label("Charge point id").fill("NY-0099")
    await page.get_by_label("Capability profile").select_option("microocpp-1.6")
    await check_page(visitor, page)
    await page.get_by_role("button", name="Register").click()
    await page.get_by_text("is already registered").wait_for()
    assert await page.get_by_label("Charge point id").input_value() == "NY-0099"
    await page.get_by_label("Name", exact=True).fill("bay-99")
    await screenshots(page, "register-charger")
    await page.get_by_role("button", name="Register").click()
    await page.get_by_text("bay-99 is registered").wait_for()

    page.on("dialog", lambda dialog: dialog.accept())
    await page.goto(f"{visitor.depot.url}/console/chargers/bay-99/settings?{NORTH}")
    await page.get_by_role("button", name="Retire the charger").click()
    await page.get_by_text("bay-99 is retired.").wait_for()
    assert (await visitor.depot.send("GET", "/v1/chargers/bay-99"))["retired_at"] is not None
