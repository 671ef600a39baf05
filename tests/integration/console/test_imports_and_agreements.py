"""The import with its review, agreements, faults and the search, in Chromium."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import FilePayload, Page

from tests.support.console_pages import Visitor, check_page, screenshots

HEADER = "vehicle_id,name,access_class,agreement_id,rfid\r\n"


async def plan(page: Page, rows: str, *, replace: bool = False) -> None:
    await page.get_by_label("CSV file").set_input_files(
        FilePayload(name="fleet.csv", mimeType="text/csv", buffer=(HEADER + rows).encode())
    )
    if replace:
        await page.get_by_label("are removed").check()
    await page.get_by_role("button", name="Plan the import").click()
    await page.get_by_role("heading", name="Review the import").wait_for()


async def test_import_is_reviewed_errors_first_and_applied_without_them(visitor: Visitor) -> None:
    page = await visitor.open("/console/vehicle-imports")
    await check_page(visitor, page)
    await screenshots(page, "import")
    rows = "imp-1,<b>One</b>,own,,04AA00000000C1\r\nimp-2,Two,own,,not a card\r\nbus-101,Bus 101 renamed,own,,\r\n"

    await plan(page, rows)

    headings = await page.locator("#content h2").all_inner_texts()
    assert headings == ["1 row with errors", "1 vehicle to change", "1 vehicle to add", "Apply"]
    await check_page(visitor, page)
    await screenshots(page, "import-review")
    await page.get_by_role("button", name="Apply the import").click()
    await page.get_by_text("Some rows have errors").wait_for()
    visitor.errors.clear()  # the browser notes the status 422
    await page.get_by_label("Leave the rows with errors out").check()
    await page.get_by_role("button", name="Apply the import").click()
    await page.get_by_role("heading", name="Import applied").wait_for()
    await check_page(visitor, page)

    assert (await visitor.depot.send("GET", "/v1/vehicles/imp-1"))["name"] == "<b>One</b>"
    assert (await visitor.depot.client.get("/v1/vehicles/imp-2")).status_code == 404
    await visitor.depot.send("DELETE", "/v1/vehicles/imp-1")


async def test_import_that_removes_many_is_applied_only_with_their_number(visitor: Visitor) -> None:
    for number in range(10):
        body = {"name": f"Old {number}", "access_class": "own"}
        await visitor.depot.send("PUT", f"/v1/vehicles/old-{number}", body)
    page = await visitor.open("/console/vehicle-imports")
    kept = [each for each in await vehicles(visitor) if not each["vehicle_id"].startswith("old-")]
    rows = "".join(f"{each['vehicle_id']},,,,\r\n" for each in kept)

    await plan(page, rows, replace=True)
    await page.get_by_role("button", name="Apply the import").click()
    await page.get_by_text("10 of 15 vehicles would be removed").wait_for()
    visitor.errors.clear()
    await page.get_by_label("To confirm, type how many").fill("10")
    await screenshots(page, "import-removals")
    await page.get_by_role("button", name="Apply the import").click()
    await page.get_by_role("heading", name="Import applied").wait_for()

    assert [each["vehicle_id"] for each in await vehicles(visitor)] == [each["vehicle_id"] for each in kept]


async def vehicles(visitor: Visitor) -> list[dict[str, str]]:
    found: list[dict[str, str]] = (await visitor.depot.send("GET", "/v1/vehicles?limit=200"))["items"]
    return found


async def test_agreements_that_end_soon_come_first_and_amendments_are_old_and_new(visitor: Visitor) -> None:
    soon = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {"name": "Zoo <i>shuttles</i>", "fleet": "Zoo", "valid_from": "2026-01-01T00:00:00Z", "valid_until": soon}
    await visitor.depot.send("PUT", "/v1/agreements/zoo", body)
    page = await visitor.open("/console/agreements")
    assert "Zoo <i>shuttles</i>" in await page.locator("tbody tr").first.inner_text()
    await check_page(visitor, page)
    await screenshots(page, "agreements")

    await page.get_by_role("link", name="Zoo <i>shuttles</i>").click()
    await page.get_by_label("Fleet").fill("Zoo GmbH")
    await page.get_by_label("Valid until").fill("")
    await page.get_by_label("North yard").check()
    await page.get_by_role("group", name="Days 1").get_by_label("Mon").check()
    await page.get_by_label("From 1").fill("22:00")
    await page.get_by_label("To 1").fill("06:00")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("is saved.").wait_for()

    stored = await visitor.depot.send("GET", "/v1/agreements/zoo")
    assert stored["hours"] == [{"days": ["MO"], "start": "22:00:00", "end": "06:00:00"}]
    assert (stored["fleet"], stored["depot_ids"], stored["valid_until"]) == ("Zoo GmbH", ["north-yard"], None)
    history = page.locator("section", has=page.get_by_role("heading", name="History"))
    assert await history.locator("del", has_text="Zoo").count() >= 1
    await check_page(visitor, page)
    await screenshots(page, "agreement")

    await page.get_by_role("button", name="End it").click()
    await page.get_by_role("button", name="End it now").click()
    await page.get_by_text("zoo has ended.").wait_for()


async def test_search_in_the_header_finds_vehicle_card_charger_and_attempt(visitor: Visitor) -> None:
    (attempt, *_) = (await visitor.depot.send("GET", "/v1/access-events"))["items"]
    page = await visitor.open("/console/board", wide=False)
    found = {}
    for text in ("bus-101", "04:a1:b2:c3:d4:e5:01", "NY-0003", attempt["attempt_id"][:6], "nothing like it"):
        await page.locator("#find").fill(text)
        await page.locator("#find").press("Enter")
        await page.get_by_role("heading", level=1, name=f"Search {text}").wait_for()
        found[text] = await page.locator("#content h2").all_inner_texts()

    assert list(found.values()) == [["Vehicles"], ["Vehicles", "Attempts"], ["Chargers"], ["Attempts"], []]
    await check_page(visitor, page)
    await screenshots(page, "search")


async def test_faults_leave_out_errors_that_a_denial_has_caused(visitor: Visitor) -> None:
    page = await visitor.open("/console/faults?period=all")

    assert "AuthFailed" not in await page.locator("#content").inner_text()
    await check_page(visitor, page)
    await screenshots(page, "faults")
