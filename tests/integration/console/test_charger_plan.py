"""The plan of one charger in Chromium: a rule of its own after a preview, an exception, and the rule's withdrawal."""

from __future__ import annotations

from access_policy.entrypoints.demo.fleet import SHOWS_ERRORS
from tests.support.console_pages import Visitor, check_page, screenshots

NORTH = "depot_id=north-yard"
CHARGER = f"/v1/chargers/{SHOWS_ERRORS.charger_id}"


async def test_charger_has_a_rule_and_an_exception_of_its_own_until_they_are_taken_away(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/chargers/{SHOWS_ERRORS.charger_id}?{NORTH}")
    before = (await visitor.depot.send("GET", CHARGER))["mode_rules"]
    await page.get_by_role("button", name="Plan").click()
    await page.get_by_role("button", name="New rule").click()
    await page.get_by_label("Name of the rule").fill("Open <b>mornings</b>")
    await page.get_by_label("Mode", exact=True).select_option("freevend")
    await page.get_by_label("From", exact=True).fill("06:00")
    await page.get_by_label("To", exact=True).fill("09:00")
    await page.locator("#more-0 summary").click()
    await page.get_by_label("Precedence").fill("50")
    await page.get_by_role("button", name="Preview").click()
    await page.get_by_role("heading", name="Changes 1 charger").wait_for()
    assert "last 30 days" in await page.locator("#what-if").inner_text()
    await check_page(visitor, page)
    await screenshots(page, "charger-rule-preview")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("has the rule Open <b>mornings</b>.").wait_for()
    assert len((await visitor.depot.send("GET", CHARGER))["mode_rules"]) == len(before) + 1

    await page.get_by_label("Day", exact=True).fill("2027-06-01")
    await page.get_by_label("Reason").fill("Open day")
    await page.get_by_role("button", name="Add exception").click()
    await page.get_by_role("cell", name="“Open day”", exact=True).wait_for()
    await check_page(visitor, page)
    await screenshots(page, "charger-plan")

    page.on("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Remove the exception “Open day”").click()
    await page.get_by_text("The exception is removed.").wait_for()
    await page.get_by_role("button", name="Withdraw Open <b>mornings</b>").click()
    await page.get_by_role("heading", name="Changes 1 charger").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "charger-rule-withdraw")
    await page.get_by_role("button", name="Withdraw it").click()
    await page.get_by_text("Open <b>mornings</b> is withdrawn.").wait_for()
    shown = await visitor.depot.send("GET", CHARGER)
    assert (shown["mode_rules"], shown["exceptions"]) == (before, [])
