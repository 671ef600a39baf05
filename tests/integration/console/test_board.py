"""The board and a charger's page, in Chromium."""

from __future__ import annotations

import pytest

from tests.support.console_pages import Visitor, check_page, screenshots

NORTH = "depot_id=north-yard"


async def test_board_shows_problems_first_and_then_every_charger(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/board?{NORTH}")

    problem = page.locator("#problem-bay-5")
    assert "It has never connected" in await problem.inner_text()
    assert "NY-0005" in await problem.locator(".problem-next").inner_text()
    row = page.locator("#row-bay-2")
    assert [await row.get_by_role("cell").nth(number).inner_text() for number in (0, 1, 2)] == [
        "Managed rule “Always”",
        "Managed",
        "In expected mode",
    ]
    await check_page(visitor, page)
    await screenshots(page, "board")


@pytest.mark.parametrize("view", ["day", "week"])
async def test_board_draws_every_charger_and_leads_to_the_explanation(visitor: Visitor, view: str) -> None:
    page = await visitor.open(f"/console/board?{NORTH}&view={view}")

    assert await page.locator("#row-bay-2 .band-managed").count() >= 1
    assert "Always" in (await page.locator("#row-bay-2 .picture .visually-hidden").text_content() or "")
    await check_page(visitor, page)
    await screenshots(page, f"board-{view}")
    await page.locator("#row-bay-2 .band-managed").first.click()

    assert "because of rule “Always”" in await page.locator(".explained").inner_text()


async def test_charger_page_explains_the_future_and_the_past(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/chargers/bay-1?{NORTH}&at=2027-01-05T23:00:00Z")
    explained = await page.locator(".explained").inner_text()
    assert explained.startswith("Managed will be expected, because of rule “Nights”")
    await check_page(visitor, page)

    await page.get_by_role("link", name="Back to now").click()
    await page.get_by_role("heading", name="Why it is in this mode now").wait_for()
    await screenshots(page, "charger")


async def test_board_finds_a_charger_and_says_what_to_do_where_none_matches(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/board?{NORTH}")

    await page.get_by_label("Find").fill("bay-3")
    await page.get_by_role("button", name="Show").click()
    await page.wait_for_url("**q=bay-3*")
    assert await page.locator("tr[data-key]").count() == 1
    await page.get_by_label("Find").fill("nothing")
    await page.get_by_role("button", name="Show").click()
    await page.get_by_role("button", name="Show all chargers").wait_for()


async def test_board_of_a_depot_without_chargers_says_what_to_do(visitor: Visitor) -> None:
    page = await visitor.open("/console/board?depot_id=south-yard")

    assert "No charger is registered here yet" in await page.locator(".empty").inner_text()
    await check_page(visitor, page)


async def test_board_follows_changes_in_the_open_tab_and_keeps_a_half_filled_form(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/board?{NORTH}&group=none")
    await page.locator("#live[data-state=on]").wait_for()
    await page.get_by_label("Find").type("half fil")
    body = {"mode": "managed", "reason": "Test", "for": "PT1H"}

    made = await visitor.depot.send("POST", "/v1/chargers/bay-1/overrides", body)
    await page.locator("#row-bay-1", has_text="override “Test”").wait_for()

    assert await page.evaluate("[document.activeElement.id, document.activeElement.value]") == ["q", "half fil"]
    await visitor.depot.send("DELETE", f"/v1/chargers/bay-1/overrides/{made['override_id']}")
    await page.locator("#row-bay-1", has_not_text="override “Test”").wait_for()
    await check_page(visitor, page)


async def test_eight_tabs_share_one_stream_and_all_are_live(visitor: Visitor) -> None:
    pages = [await visitor.open(f"/console/board?{NORTH}") for _ in range(8)]

    for page in pages:
        await page.locator("#live[data-state=on]").wait_for()
    assert streams_of(visitor) == 1

    await pages[0].close()  # which had the stream: another tab takes over
    body = {"mode": "managed", "reason": "Eight", "for": "PT1H"}
    made = await visitor.depot.send("POST", "/v1/chargers/bay-1/overrides", body)
    await pages[7].bring_to_front()
    await pages[7].locator("#row-bay-1", has_text="override “Eight”").wait_for()
    await visitor.depot.send("DELETE", f"/v1/chargers/bay-1/overrides/{made['override_id']}")
    assert streams_of(visitor) == 2


def streams_of(visitor: Visitor) -> int:
    return sum("/v1/stream" in each for each in visitor.requested)
