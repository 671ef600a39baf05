"""The plan of a day, in Chromium: the picture, arrivals, and entries made, moved, replaced and cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio

from access_policy.application.ports.identity import Role
from tests.support.clicks import Clicks
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots, sign_in

NORTH = "depot_id=north-yard"
CARD = {"identifiers": [{"kind": "rfid", "value": "04DEADBEEF0002"}]}


def later(minutes: int) -> str:
    at = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=minutes)
    return at.isoformat().replace("+00:00", "Z")


Ids = dict[int, str]


async def entry(depot: ServedDepot, number: int, place: str, start: int, **changes: Any) -> str:
    body = {
        "depot_id": "north-yard",
        "charger_id": place,
        "holder": {"vehicle_id": f"coach-{number}"},
        "start": later(start),
        "end": later(start + 60),
        "assignment": {"block_id": f"{number}12", "needed_kwh": 80},
    }
    made = await depot.send("POST", "/v1/reservations", {**body, **changes})
    return str(made["reservation_id"])


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def planned(depot: ServedDepot) -> AsyncIterator[Ids]:
    """One entry is due, four are to come, one of them of a group."""
    for number in range(1, 6):
        vehicle = {"name": f"Coach {number}", "access_class": "own", "identifiers": []}
        await depot.send("PUT", f"/v1/vehicles/coach-{number}", vehicle)
    group = {"name": "Fast chargers", "charger_ids": ["bay-3", "bay-5"]}
    await depot.send("PUT", "/v1/depots/north-yard/reservation-groups/fast", group)
    yield {
        1: await entry(depot, 1, "bay-1", -10),
        2: await entry(depot, 2, "bay-1", 60),
        3: await entry(depot, 3, "bay-4", 30),
        4: await entry(depot, 4, "bay-5", 45, holder=CARD),
        5: await entry(depot, 5, "", 30, charger_id=None, group_id="fast"),
    }
    for each in (await depot.send("GET", "/v1/reservations?depot_id=north-yard&limit=200"))["items"]:
        if each["status"] in ("planned", "at_risk", "due", "charging"):
            await depot.send("DELETE", f"/v1/reservations/{each['reservation_id']}?reason=over")


async def status_of(depot: ServedDepot, reservation_id: str) -> str:
    return str((await depot.send("GET", f"/v1/reservations/{reservation_id}"))["status"])


async def test_plan_shows_the_day_as_a_picture_and_the_arrivals_by_what_became_of_them(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/plan?{NORTH}")

    assert await page.locator("#missing .arrival").count() >= 1
    assert "coach-1" in await page.locator("#missing").inner_text()
    assert await page.locator("#expected .arrival").count() == 4
    assert await page.locator(".plan-bar").count() >= 5
    assert await page.locator(".plan-line .now").count() > 0
    await check_page(visitor, page)
    await screenshots(page, "plan")


async def test_entry_is_made_with_two_clicks_from_a_free_stretch_of_the_picture(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/plan?{NORTH}")
    clicks = Clicks(page)
    line = page.locator("tr", has=page.get_by_role("link", name="bay-4", exact=True))
    await clicks.press(line.locator(".plan-free").last)
    await page.get_by_role("heading", name="New entry").wait_for()
    await page.get_by_role("combobox", name="Vehicle").fill("coach-2")
    await check_page(visitor, page)
    await screenshots(page, "plan-new-entry")
    await clicks.button("Save")

    await page.get_by_text("The entry is made.").wait_for()
    assert clicks.number == 2
    made = [
        each
        for each in (await visitor.depot.send("GET", "/v1/reservations?charger_id=bay-4"))["items"]
        if each["holder"]["vehicle_id"] == "coach-2"
    ]
    assert len(made) == 1


async def test_entry_is_moved_with_two_clicks_to_a_charger_that_is_free(visitor: Visitor, planned: Ids) -> None:
    page = await visitor.open(f"/console/plan?{NORTH}")
    clicks = Clicks(page)
    await clicks.press(page.locator("#expected a.arrival", has_text="coach-3"))
    await page.get_by_role("heading", name="Move to another charger").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "reservation")
    await clicks.button("Move to bay-2")

    await page.get_by_text("The entry is moved to bay-2.").wait_for()
    assert clicks.number == 2
    assert (await visitor.depot.send("GET", f"/v1/reservations/{planned[3]}"))["charger_id"] == "bay-2"


async def test_refused_entry_keeps_what_was_typed_and_says_beside_the_field_why(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/plan/new?{NORTH}&charger_id=bay-4")
    await page.get_by_role("combobox", name="Vehicle").fill("no-such-bus")
    await page.get_by_role("button", name="Save").click()

    await page.get_by_text("There is no vehicle no-such-bus").wait_for()
    assert await page.get_by_role("combobox", name="Vehicle").input_value() == "no-such-bus"


async def test_entry_is_replaced_and_cancelled_with_reasons_that_its_page_shows(visitor: Visitor, planned: Ids) -> None:
    page = await visitor.open(f"/console/reservations/{planned[2]}?{NORTH}")
    await page.get_by_label("Replacement vehicle").fill("coach-5")
    await page.locator("#replace-reason").fill("Coach 2 is in the workshop")
    await page.get_by_role("button", name="Replace").click()
    await page.get_by_text("The entry now belongs to coach-5.").wait_for()
    await page.locator("#cancel-reason").fill("The tour is off")
    await page.get_by_role("button", name="Cancel the reservation").click()
    await page.get_by_text("The entry is cancelled.").wait_for()

    assert "The tour is off" in await page.locator("#reservation").inner_text()
    assert await status_of(visitor.depot, planned[2]) == "replaced"
    await check_page(visitor, page)


async def test_groups_and_settings_are_shown_and_saved(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/plan/groups?{NORTH}")
    await page.get_by_text("Fast chargers").first.wait_for()
    await check_page(visitor, page)
    await screenshots(page, "reservation-groups")
    await page.goto(f"{visitor.depot.url}/console/plan/settings?{NORTH}")
    await page.get_by_label("Days ahead in lists").fill("10")
    await check_page(visitor, page)
    await screenshots(page, "reservation-settings")
    await page.get_by_role("button", name="Save").click()

    await page.get_by_text("The settings are saved.").wait_for()
    stored = await visitor.depot.send("GET", "/v1/depots/north-yard/reservation-settings")
    assert (stored["horizon_days"], stored["terms"]["release_on_stop"]) == (10, True)


async def test_new_reservation_appears_on_an_open_page_by_itself(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/plan?{NORTH}")
    await page.locator('#live[data-state="on"]').wait_for()
    await entry(visitor.depot, 6, "bay-4", 200, holder={"vehicle_id": "coach-4"})

    await page.locator("a.arrival", has_text="612").first.wait_for()


async def test_viewer_sees_the_plan_and_nothing_to_change_it_with(visitor: Visitor, planned: Ids) -> None:
    await sign_in(visitor, Role.VIEWER, subject="vera")
    page = await visitor.open(f"/console/plan?{NORTH}")

    assert await page.get_by_role("link", name="New entry").count() == 0
    assert await page.locator(".plan-free").count() == 0
    page = await visitor.open(f"/console/reservations/{planned[1]}?{NORTH}")
    assert await page.get_by_role("button", name="Cancel the reservation").count() == 0


async def test_override_that_would_open_a_reserved_charger_names_the_reservation_before_it_is_made(
    visitor: Visitor,
) -> None:
    page = await visitor.open(f"/console/overrides/new?{NORTH}&charger_ids=bay-4")
    await page.get_by_label("For 2 h").check()
    await page.get_by_label("Reason").fill("Open day")
    await page.get_by_role("button", name="Preview").click()

    await page.get_by_role("heading", name="Would put 1 reservation at risk").wait_for()
    assert "coach-3" in await page.locator("#preview").inner_text()
    await check_page(visitor, page)


async def test_reservation_at_risk_is_named_on_the_board_and_at_its_charger(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/board?{NORTH}")
    await page.locator("#at-risk .plan-warning").wait_for()
    assert "bay-5" in await page.locator("#at-risk").inner_text()
    await check_page(visitor, page)
    await screenshots(page, "board-at-risk")

    await page.goto(f"{visitor.depot.url}/console/chargers/bay-5?{NORTH}")
    await page.locator("#at-risk .plan-warning").wait_for()
