"""The import of a depot's dispatch sheet with its review, in Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest_asyncio
from playwright.async_api import Browser, FilePayload, Page

from access_policy.application.ports.identity import Role
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots, visiting

NORTH = "depot_id=north-yard"
IMPORT = f"/console/plan/imports?{NORTH}"
HEADER = "assignment_id,block_id,vehicle_id,charger_id,from,until,needed_kwh\r\n"
MARKUP = "<b>early<b>"
NOW = datetime.now(UTC).replace(second=0, microsecond=0)  # for all rows: a minute may pass between two of them


def later(minutes: int) -> str:
    return (NOW + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def row(assignment: str, vehicle: str, charger: str, start: int, needed: str = "80") -> str:
    return f"{assignment},12,{vehicle},{charger},{later(start)},{later(start + 60)},{needed}\r\n"


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def planned(depot: ServedDepot) -> AsyncIterator[None]:
    """Two entries of an earlier sheet, and one made by hand."""
    for number in range(1, 4):
        body = {"name": f"Tram {number}", "access_class": "own", "identifiers": []}
        await depot.send("PUT", f"/v1/vehicles/tram-{number}", body)
    await apply(depot, HEADER + row("sheet-1", "tram-1", "bay-1", 600) + row("sheet-2", "tram-2", "bay-2", 600))
    by_hand = {
        "depot_id": "north-yard",
        "charger_id": "bay-3",
        "holder": {"vehicle_id": "tram-3"},
        "start": later(600),
        "end": later(660),
        "assignment": {"assignment_id": "by-hand"},
    }
    await depot.send("POST", "/v1/reservations", by_hand)
    yield
    for each in await live(depot):
        await depot.send("DELETE", f"/v1/reservations/{quote(each['reservation_id'], safe='')}?reason=over")
    for number in range(1, 4):
        await depot.send("DELETE", f"/v1/vehicles/tram-{number}")


async def apply(depot: ServedDepot, file: str) -> None:
    path = f"/v1/reservations/imports?{NORTH}"
    made = await depot.client.post(path, content=file, headers={"Content-Type": "text/csv"})
    assert made.is_success, made.text
    done = await depot.send("POST", f"/v1/reservations/imports/{made.json()['plan_id']}/apply", {})
    assert done["state"] == "applied", done


async def live(depot: ServedDepot) -> list[dict[str, Any]]:
    found = (await depot.send("GET", f"/v1/reservations?{NORTH}&limit=200"))["items"]
    return [each for each in found if each["status"] in ("planned", "at_risk", "due", "charging")]


async def assignments(depot: ServedDepot) -> dict[str, str]:
    """The chargers of the live entries, by assignment."""
    return {each["assignment"]["assignment_id"]: each["charger_id"] for each in await live(depot)}


async def plan(page: Page, rows: str, *, replace: bool = False) -> None:
    await page.get_by_label("CSV file").set_input_files(
        FilePayload(name="sheet.csv", mimeType="text/csv", buffer=(HEADER + rows).encode())
    )
    if replace:
        await page.get_by_label("are cancelled").check()
    await page.get_by_role("button", name="Plan the import").press("Enter")
    await page.get_by_role("heading", name="Review the import").wait_for()


async def test_dispatch_sheet_is_reviewed_errors_first_and_applied_without_them(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/plan?{NORTH}")
    await page.get_by_role("link", name="Import", exact=True).click()
    await page.get_by_role("heading", name="Import the dispatch sheet").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "dispatch-import")
    wrong = row("sheet-9", "tram-3", "bay-4", 600, needed="plenty")

    await plan(page, wrong + row("sheet-1", "tram-1", "bay-4", 600) + row(MARKUP, "tram-3", "bay-5", 600))

    headings = await page.locator("#content h2").all_inner_texts()
    assert headings == ["1 row with errors", "1 entry to change", "1 entry to add", "Apply"]
    errors = await page.locator("section[aria-labelledby=errors] tbody td").all_inner_texts()
    assert (errors[0], errors[1]) == ("2", "sheet-9")
    assert "needed_kwh" in errors[2]
    assert await page.locator("section[aria-labelledby=changes] del").all_inner_texts() == ["bay-1"]
    await check_page(visitor, page)
    await screenshots(page, "dispatch-import-review")
    await page.get_by_role("button", name="Apply the import").click()
    await page.get_by_text("Some rows have errors").wait_for()
    visitor.errors.clear()  # the browser notes the status 422
    await page.get_by_label("Leave the rows with errors out").check()
    await page.get_by_role("button", name="Apply the import").click()
    await page.get_by_role("heading", name="Import applied").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "dispatch-import-applied")

    found = await assignments(visitor.depot)
    assert found == {"sheet-1": "bay-4", "sheet-2": "bay-2", "by-hand": "bay-3", MARKUP: "bay-5"}


async def test_dispatch_sheet_that_replaces_cancels_no_entry_made_by_hand_unless_it_is_ticked(
    visitor: Visitor,
) -> None:
    page = await visitor.open(IMPORT)
    await plan(page, row("sheet-1", "tram-1", "bay-1", 600), replace=True)
    await page.get_by_role("heading", name="2 entries to cancel").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "dispatch-import-removals")
    await apply_reviewed(page)
    assert set(await assignments(visitor.depot)) == {"sheet-1", "by-hand"}

    await page.goto(visitor.depot.url + IMPORT)
    await plan(page, row("sheet-1", "tram-1", "bay-1", 600), replace=True)
    await page.get_by_label("Cancel by-hand").check()
    await apply_reviewed(page)

    assert set(await assignments(visitor.depot)) == {"sheet-1"}


async def apply_reviewed(page: Page) -> None:
    """With the number of removals where it is asked for."""
    if await (confirm := page.get_by_label("To confirm, type how many")).count():
        (counted,) = await page.locator("#removals").all_inner_texts()
        await confirm.fill(counted.split()[0])
    await page.get_by_role("button", name="Apply the import").click()
    await page.get_by_role("heading", name="Import applied").wait_for()


async def test_dispatch_plan_that_others_have_overtaken_is_refused_with_the_rows(visitor: Visitor) -> None:
    page = await visitor.open(IMPORT)
    await plan(page, row("sheet-1", "tram-1", "bay-4", 600))
    await apply(visitor.depot, HEADER + row("sheet-1", "tram-1", "bay-5", 600))

    await page.get_by_role("button", name="Apply the import").click()

    await page.locator("#form-problem", has_text="no longer appl").wait_for()
    assert "sheet-1 was changed since" in await page.locator("#form").inner_text()
    visitor.errors.clear()
    assert (await assignments(visitor.depot))["sheet-1"] == "bay-5"


async def test_dispatch_import_is_for_operators_of_the_depot(browser: Browser, depot: ServedDepot) -> None:
    file = HEADER + row("sheet-5", "tram-3", "bay-5", 900)
    path = f"/v1/reservations/imports?{NORTH}"
    made = await depot.client.post(path, content=file, headers={"Content-Type": "text/csv"})
    review = f"{depot.url}/console/plan/imports/{made.json()['plan_id']}"
    for role, depots, expected in (
        (Role.VIEWER, None, 403),
        (Role.OPERATOR, ["south-yard"], 404),
        (Role.OPERATOR, ["north-yard"], 200),
    ):
        async with visiting(browser, depot, role=None) as visitor:
            link = await depot.sign_in_link(role, depots=depots)
            page = await visitor.open(link.removeprefix(depot.url))
            answer = await page.goto(review)
            assert answer is not None
            assert answer.status == expected, (role, depots)
