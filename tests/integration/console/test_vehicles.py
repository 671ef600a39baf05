"""Vehicles in Chromium: search, edit by two operators, suspend, remove, enrol."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots, visiting

BUS = {
    "name": "<b>Night</b> & bus",
    "access_class": "own",
    "identifiers": [{"kind": "rfid", "value": "04AABBCCDDEE01"}, {"kind": "plate", "value": "B-NB 7001"}],
}


@pytest_asyncio.fixture(loop_scope="session")
async def bus(depot: ServedDepot) -> AsyncIterator[str]:
    await depot.send("PUT", "/v1/vehicles/night-bus", BUS)
    yield "night-bus"
    await depot.client.delete("/v1/vehicles/night-bus")


async def identifiers_of(depot: ServedDepot) -> list[str]:
    vehicle = await depot.send("GET", "/v1/vehicles/night-bus")
    return [each["value"] for each in vehicle["identifiers"]]


async def save(page: Page, **typed: str) -> None:
    for label, text in typed.items():
        await page.get_by_label(label.replace("_", " ").capitalize(), exact=True).fill(text)
    await page.get_by_role("button", name="Save").click()


async def test_vehicles_are_found_by_name_card_plate_and_agreement(visitor: Visitor, bus: str) -> None:
    found = {}
    page = await visitor.open("/console/vehicles")
    for text in ("night", "04-aa-bb-cc-dd-ee-01", "bnb7001", "city-couriers", "nothing like it"):
        await page.goto(f"{visitor.depot.url}/console/vehicles?q={text}")
        found[text] = [name.split()[0] for name in await page.locator("tbody th").all_inner_texts()]

    assert found["night"] == found["04-aa-bb-cc-dd-ee-01"] == found["bnb7001"] == ["<b>Night</b>"]
    assert len(found["city-couriers"]) == 2
    assert found["nothing like it"] == []
    await check_page(visitor, page)
    await page.goto(f"{visitor.depot.url}/console/vehicles")
    await check_page(visitor, page)
    await screenshots(page, "vehicles")


async def test_vehicle_form_saves_identifiers_and_validity_on_the_clock_of_the_depot(
    visitor: Visitor, bus: str
) -> None:
    page = await visitor.open(f"/console/vehicles/{bus}?depot_id=north-yard")
    await check_page(visitor, page)
    await screenshots(page, "vehicle")

    await save(page, value_2="", value_3="04 AA BB CC DD EE 02", valid_until="2027-06-30T18:00")
    await page.get_by_text("night-bus is saved.").wait_for()

    stored = await visitor.depot.send("GET", f"/v1/vehicles/{bus}")
    assert [each["kind"] for each in stored["identifiers"]] == ["rfid", "rfid"]
    assert stored["valid_until"] == "2027-06-30T16:00:00Z"
    assert stored["name"] == BUS["name"]


async def test_wrong_identifier_is_refused_beside_its_row(visitor: Visitor, bus: str) -> None:
    page = await visitor.open(f"/console/vehicles/{bus}")

    await save(page, value_3="not a card")

    await page.locator("#f-identifiers-2-value[aria-invalid=true]").wait_for()
    assert await page.get_by_label("Value 3").input_value() == "not a card"
    visitor.errors.clear()  # the browser notes the status 422
    await check_page(visitor, page)
    assert len(await identifiers_of(visitor.depot)) == 2


async def test_second_of_two_operators_of_a_vehicle_sees_the_first_change_and_loses_nothing(
    visitor: Visitor, browser: Browser, bus: str
) -> None:
    page = await visitor.open(f"/console/vehicles/{bus}")
    async with visiting(browser, visitor.depot, subject="otto") as other:
        theirs = await other.open(f"/console/vehicles/{bus}")
        await save(theirs, name="Bus, by Otto")
        await theirs.get_by_text("night-bus is saved.").wait_for()

    await save(page, name="Bus, by Olga", value_3="04AABBCCDDEE03")
    await page.get_by_text("Somebody else has saved a change").wait_for()
    assert "Bus, by Otto" in await page.locator("#f-name-help .changed").inner_text()
    assert await page.get_by_label("Value 3").input_value() == "04AABBCCDDEE03"
    await screenshots(page, "vehicle-overtaken")
    visitor.errors.clear()

    await save(page)
    await page.get_by_text("night-bus is saved.").wait_for()
    assert (await visitor.depot.send("GET", f"/v1/vehicles/{bus}"))["name"] == "Bus, by Olga"
    assert len(await identifiers_of(visitor.depot)) == 3


async def test_pin_that_no_page_shows_survives_a_change_of_the_name(visitor: Visitor) -> None:
    pin_bus = {"name": "Pin bus", "access_class": "own", "identifiers": [{"kind": "pin", "value": "730164"}]}
    await visitor.depot.send("PUT", "/v1/vehicles/pin-bus", pin_bus)
    page = await visitor.open("/console/vehicles/pin-bus")
    assert "pin ****" in await page.locator(".changed-note").inner_text()

    await save(page, name="Pin bus, renamed")
    await page.get_by_text("pin-bus is saved.").wait_for()

    stored = await visitor.depot.send("GET", "/v1/vehicles/pin-bus")
    assert [each["kind"] for each in stored["identifiers"]] == ["pin"]
    await visitor.depot.client.delete("/v1/vehicles/pin-bus")


async def test_vehicle_is_suspended_with_a_reason_reinstated_and_removed(visitor: Visitor, bus: str) -> None:
    page = await visitor.open(f"/console/vehicles/{bus}", wide=False)
    await page.get_by_role("button", name="Suspend").click()
    await page.get_by_label("Reason").fill("Lost <card>")
    await check_page(visitor, page)
    await page.locator("#what-if").wait_for()  # counted after the question is shown
    await screenshots(page, "vehicle-suspend")
    await page.get_by_role("button", name="Suspend").click()
    await page.get_by_text("Suspended: Lost <card>").wait_for()
    await page.get_by_role("button", name="Reinstate").click()
    await page.get_by_label("Reason").fill("Found")
    await page.get_by_role("button", name="Reinstate").click()
    await page.get_by_text("night-bus is reinstated.").wait_for()

    await page.get_by_role("button", name="Remove").click()
    await page.get_by_text("its 2 identifiers are removed").wait_for()
    await page.get_by_role("button", name="Remove").click()
    await page.get_by_text("night-bus is removed.").wait_for()
    assert (await visitor.depot.client.get(f"/v1/vehicles/{bus}")).status_code == 404


async def test_vehicle_is_registered_with_an_identifier(visitor: Visitor) -> None:
    page = await visitor.open("/console/new-vehicle")
    await check_page(visitor, page)
    await page.get_by_label("Id", exact=True).fill("night-bus")
    await page.get_by_label("Name", exact=True).fill("Night bus")
    await page.get_by_label("Value 1").fill("04AABBCCDDEE09")
    await page.get_by_role("button", name="Register").click()

    await page.get_by_text("night-bus is registered.").wait_for()
    assert await identifiers_of(visitor.depot) == ["04AABBCCDDEE09"]
    await visitor.depot.send("DELETE", "/v1/vehicles/night-bus")


async def test_refused_identifiers_are_listed_to_enrol(visitor: Visitor) -> None:
    refused = {"charger_id": "bay-4", "identifier": {"kind": "rfid", "value": "04DEADBEEF00EE"}}
    await visitor.depot.send("POST", "/v1/access-decisions", refused)
    page = await visitor.open("/console/denied-identifiers")

    assert "RFID 04DEADBEEF00EE" in await page.locator("tbody").inner_text()
    await check_page(visitor, page)
    await screenshots(page, "to-enrol")
