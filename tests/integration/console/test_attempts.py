"""Attempts and what an operator does about a denial, in Chromium."""

from __future__ import annotations

from playwright.async_api import Page

from tests.support.clicks import Clicks
from tests.support.console_pages import Visitor, check_page, screenshots

NORTH = "depot_id=north-yard"
DENIED = f"/console/attempts?{NORTH}&decision=denied"


async def first_denial(visitor: Visitor, *, wide: bool = True) -> Page:
    page = await visitor.open(DENIED, wide=wide)
    await page.locator("tr.is-denied .attempt-link").first.click()
    await page.get_by_role("heading", name="Denied at").wait_for()
    return page


async def test_attempts_separate_denials_and_filter_by_links(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/attempts?{NORTH}")
    assert await page.locator("#attempts tbody tr").count() >= 3
    await check_page(visitor, page)
    await screenshots(page, "attempts")

    await page.get_by_role("link", name="Denied").click()
    await page.wait_for_url("**decision=denied*")
    await page.locator("#attempts tbody tr").first.wait_for()
    shown = await page.locator("#attempts tbody tr .decision").all_inner_texts()
    assert set(shown) == {"Denied"}
    await page.locator("#attempts").get_by_role("link", name="bay-2").first.click()
    await page.wait_for_url("**charger_id=bay-2*")
    assert await page.locator("#attempts tbody tr").count() == 1
    await page.get_by_role("link", name="bay-2 : remove this filter").wait_for()
    await check_page(visitor, page)


async def test_attempts_find_a_vehicle_by_any_spelling_of_its_card(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/attempts?{NORTH}&q=04-a1-b2-c3-d4-e5-01")

    assert await page.locator("#attempts tbody tr").count() == 1
    assert "bus-101" in await page.locator("#attempts tbody").inner_text()
    await page.goto(page.url.replace("04-a1-b2-c3-d4-e5-01", "nothing"))
    await page.get_by_role("button", name="Show all attempts").wait_for()


async def test_attempt_page_explains_the_denial_in_order(visitor: Visitor) -> None:
    page = await first_denial(visitor)

    steps = await page.locator("ol.explanation li").all_inner_texts()
    assert "managed access" in steps[0]
    assert "No vehicle had it" in steps[-1]
    assert "Unknown identifier" in await page.locator(".verdict").inner_text()
    assert "What the driver saw" in await page.locator("#facts").inner_text()
    await check_page(visitor, page)
    await screenshots(page, "attempt-denied")


async def test_denial_is_allowed_until_the_morning_in_two_taps_on_a_phone(visitor: Visitor) -> None:
    page = await first_denial(visitor, wide=False)
    assert (await page.get_by_label("Until").input_value()).endswith("T06:00")
    await page.get_by_role("button", name="Allow it").click()

    await page.get_by_role("heading", name="Allowed for now").wait_for()
    assert "Expected tonight" in await page.locator(".actions-of-a-denial").inner_text()
    await check_page(visitor, page)
    await screenshots(page, "attempt-allowed")
    await page.get_by_role("button", name="End it now").click()
    await page.get_by_text("The permission has ended.").wait_for()


async def test_permission_for_too_long_is_refused_beside_its_field(visitor: Visitor) -> None:
    page = await first_denial(visitor)
    await page.get_by_label("Until").fill("2040-01-01T06:00")
    await page.get_by_label("Reason").fill("Far <b>too</b> long")
    await page.get_by_role("button", name="Allow it").click()

    await page.locator("#f-until[aria-invalid=true]").wait_for()
    assert "at most 7 days" in await page.locator("#f-until-help").inner_text()
    assert await page.get_by_label("Reason").input_value() == "Far <b>too</b> long"
    visitor.errors.clear()  # the browser notes the status 422
    await check_page(visitor, page)


async def test_denial_is_ignored_in_two_taps_and_listed_again(visitor: Visitor) -> None:
    page = await first_denial(visitor, wide=False)
    await page.get_by_role("button", name="Ignore it").click()

    await page.get_by_text("Ignored for 30 days").wait_for()
    (hidden,) = await denied(visitor, "?ignored=true") - await denied(visitor)
    await visitor.depot.send("DELETE", f"/v1/denied-identifiers/{hidden}/ignore")
    assert hidden in await denied(visitor)


async def denied(visitor: Visitor, query: str = "") -> set[str]:
    listed = await visitor.depot.send("GET", f"/v1/denied-identifiers{query}")
    return {each["denied_id"] for each in listed["items"]}


async def test_unknown_vehicle_in_an_enrolment_is_refused_and_what_was_typed_is_kept(visitor: Visitor) -> None:
    page = await first_denial(visitor)
    await page.get_by_role("button", name="Enrol", exact=True).click()
    await page.get_by_label("Vehicle", exact=True).fill("no such bus")
    await page.get_by_role("button", name="Enrol").click()

    await page.locator("#f-known[aria-invalid=true]").wait_for()
    assert await page.get_by_label("Vehicle", exact=True).input_value() == "no such bus"
    visitor.errors.clear()
    await check_page(visitor, page)


async def test_denial_is_enrolled_as_a_new_vehicle_on_a_phone(visitor: Visitor) -> None:
    page = await first_denial(visitor, wide=False)
    await page.get_by_role("button", name="Enrol").click()
    await page.get_by_label("A new vehicle").check()
    await page.get_by_label("Id of the new vehicle").fill("guest-bus")
    await page.get_by_label("Name").fill("<i>Guest</i> bus")
    await check_page(visitor, page)
    await screenshots(page, "enrol")
    await page.get_by_role("button", name="Enrol").click()

    await page.get_by_text("Enrolled: guest-bus may now charge").wait_for()
    vehicle = await visitor.depot.send("GET", "/v1/vehicles/guest-bus")
    assert (vehicle["name"], len(vehicle["identifiers"])) == ("<i>Guest</i> bus", 1)
    await visitor.depot.send("DELETE", "/v1/vehicles/guest-bus")


async def test_attempts_follow_a_new_one_in_the_open_tab(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/attempts?{NORTH}&q=van-201")
    await page.locator("#live[data-state=on]").wait_for()
    assert await page.locator("#attempts tbody tr").count() == 0

    body = {"charger_id": "bay-4", "identifier": {"kind": "rfid", "value": "04F0E1D2C3B4A5"}}
    made = await visitor.depot.send("POST", "/v1/access-decisions", body)

    await page.locator(f"#attempt-{made['attempt_id']}").wait_for()
    await check_page(visitor, page)


async def test_refused_bus_is_enrolled_from_a_phone_in_five_taps(visitor: Visitor) -> None:
    body = {"charger_id": "bay-4", "identifier": {"kind": "rfid", "value": "04DEADBEEF00FA"}}
    refused = await visitor.depot.send("POST", "/v1/access-decisions", body)
    page = await visitor.open(f"/console/board?{NORTH}", wide=False)
    clicks = Clicks(page)

    await clicks.press(page.get_by_label("Menu"))
    await clicks.link("Attempts")
    await clicks.press(page.locator(f"#attempt-{refused['attempt_id']} .attempt-link"))
    await clicks.button("Enrol")
    await page.get_by_label("Vehicle", exact=True).fill("bus-103")
    await clicks.button("Enrol")

    await page.get_by_text("Enrolled: bus-103 may now charge").wait_for()
    assert clicks.number == 5
    again = await visitor.depot.send("POST", "/v1/access-decisions", body | {"dry_run": True})
    assert (again["decision"], again["vehicle_id"]) == ("allowed", "bus-103")
