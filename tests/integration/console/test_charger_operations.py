"""Operations at a charger and its log, in Chromium."""

from __future__ import annotations

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.demo.fleet import KEYED
from tests.support.console_pages import Visitor, check_page, screenshots

NORTH = "depot_id=north-yard"
PATH = f"/console/chargers/{KEYED.charger_id}"


async def test_operations_show_the_answer_of_the_charger_and_why_a_call_is_refused(visitor: Visitor) -> None:
    page = await visitor.open(f"{PATH}?{NORTH}")
    await page.get_by_role("button", name="Operations").click()
    await page.get_by_role("button", name="Ask for it").click()
    await page.get_by_text("answered TriggerMessage").wait_for()
    assert "Accepted" in await page.locator("#answer pre").inner_text()
    await check_page(visitor, page)
    await screenshots(page, "charger-operations")

    await page.get_by_label("Action").fill("SendLocalList")
    await page.get_by_label("Payload (JSON)").fill('{"listVersion": 1,')
    await page.get_by_role("button", name="Send", exact=True).click()
    await page.get_by_text("This is not JSON").wait_for()
    await page.get_by_label("Payload (JSON)").fill('{"listVersion": 1, "updateType": "Full"}')
    await page.get_by_role("button", name="Send", exact=True).click()
    await page.locator("#form-problem p").get_by_text("list").wait_for()
    assert await page.get_by_label("Action").input_value() == "SendLocalList"
    assert await page.locator("#answer").count() == 0


async def test_operations_at_a_charger_that_is_not_connected_say_so(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/chargers/bay-5/operations?{NORTH}")

    await page.get_by_role("button", name="Restart once idle").click()

    await page.get_by_text("is not connected; send the call once it is.").wait_for()


async def test_log_shows_the_latest_frames_of_a_charger(visitor: Visitor) -> None:
    ask = {"action": "TriggerMessage", "payload": {"requestedMessage": "BootNotification"}}
    await visitor.depot.send("POST", f"/v1/chargers/{KEYED.charger_id}/calls", ask)
    page = await visitor.open(f"{PATH}/log?{NORTH}")
    await page.locator("#frames").get_by_text("BootNotification").first.wait_for()

    assert "BootNotification" in await page.locator("#frames").inner_text()
    await check_page(visitor, page)
    await screenshots(page, "charger-log")


async def test_viewer_has_no_operations(visitor: Visitor) -> None:
    await visitor.context.clear_cookies()
    page = await visitor.context.new_page()
    await page.goto(await visitor.depot.sign_in_link(Role.VIEWER))
    await page.goto(f"{visitor.depot.url}{PATH}?{NORTH}")
    assert await page.get_by_role("button", name="Operations").count() == 0
