"""Calendars in Chromium: a holiday for 40 chargers, a new calendar, several calendars at once, and a file with its report."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest_asyncio
from playwright.async_api import Page

from access_policy.entrypoints.demo.fleet import KEYED
from tests.support.clicks import Clicks
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots

PORT = "depot_id=port-40"
CALENDARS = "/v1/depots/port-40/calendars"
FORTY = [f"quay-{number:02d}" for number in range(1, 41)]
ICS = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:test
X-WR-CALNAME:School days
BEGIN:VEVENT
UID:one
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:{day}
SUMMARY:Open <day>
END:VEVENT
BEGIN:VEVENT
UID:two
DTSTAMP:20260101T000000Z
DTSTART:{day}T080000Z
DTEND:{day}T090000Z
SUMMARY:Morning meeting
END:VEVENT
END:VCALENDAR
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def forty_chargers(depot: ServedDepot) -> None:
    await depot.send("PUT", "/v1/depots/port-40", {"name": "Port", "time_zone": "Europe/Amsterdam"})
    profile = (await depot.send("GET", f"/v1/chargers/{KEYED.charger_id}"))["profile"]
    for charger_id in FORTY:
        body = {"charge_point_id": f"PORT-{charger_id}", "depot_id": "port-40", "profile": profile}
        await depot.send("PUT", f"/v1/chargers/{charger_id}", body | {"baseline_mode": "freevend"})


@pytest_asyncio.fixture(loop_scope="session")
async def followed(depot: ServedDepot) -> AsyncIterator[None]:
    """All forty follow a schedule that leaves out the public holidays."""
    days = {"name": "Public holidays", "days": [{"date": "2027-01-01", "reason": "New Year"}]}
    await depot.send("PUT", f"{CALENDARS}/public", days)
    rule = {"name": "Nights", "mode": "managed", "recurrence": "FREQ=DAILY", "start": "22:00", "end": "06:00"}
    rule |= {"except_calendars": ["public"]}
    body = {"depot_id": "port-40", "name": "Nights", "rules": [rule], "charger_ids": "all"}
    made = await depot.send("POST", "/v1/schedules", body)
    yield
    path = f"/v1/schedules/{made['schedule_id']}"
    await depot.send("POST", f"{path}/chargers", {"charger_ids": "all", "follows": False})
    await depot.send("DELETE", path)


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def none_left(depot: ServedDepot) -> AsyncIterator[None]:
    yield
    for each in (await depot.send("GET", CALENDARS))["items"]:
        used = (await depot.send("GET", f"{CALENDARS}/{each['calendar_id']}"))["used_by"]
        if not used:
            await depot.send("DELETE", f"{CALENDARS}/{each['calendar_id']}")


async def dates(depot: ServedDepot, calendar_id: str) -> list[str]:
    return [each["date"] for each in (await depot.send("GET", f"{CALENDARS}/{calendar_id}"))["days"]]


async def write(page: Page, day: str, name: str) -> None:
    await page.get_by_label("Day", exact=True).fill(day)
    await page.get_by_label("Holiday", exact=True).fill(name)


async def test_public_holiday_is_added_to_a_depot_of_40_chargers_in_two_clicks(
    visitor: Visitor, followed: None
) -> None:
    page = await visitor.open(f"/console/board?{PORT}")
    clicks = Clicks(page)
    await clicks.link("Calendars")
    await write(page, "2027-05-05", "Liberation Day")
    await clicks.button("Add holiday")

    await page.get_by_text("Liberation Day is added to Public holidays; 40 chargers follow it.").wait_for()
    assert clicks.number == 2
    assert await dates(visitor.depot, "public") == ["2027-01-01", "2027-05-05"]
    night = "/v1/chargers/quay-40/timeline?from=2027-05-05T21:00:00Z&until=2027-05-05T22:00:00Z"
    assert {each["mode"] for each in (await visitor.depot.send("GET", night))["segments"]} == {"freevend"}
    await check_page(visitor, page)
    await screenshots(page, "calendars")


async def test_first_calendar_of_a_depot_is_made_with_its_first_holiday(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/calendars?{PORT}")
    await write(page, "2027-05-05", "")
    await page.get_by_role("button", name="Add holiday").click()
    await page.locator("#f-reason[aria-invalid=true]").wait_for()
    assert await page.get_by_label("Name of the depot").input_value() == "Public holidays"
    await page.get_by_label("Holiday", exact=True).fill("<i>Liberation</i> Day")
    await page.get_by_role("button", name="Add holiday").click()

    await page.get_by_text("is added to Public holidays; no charger follows it yet").wait_for()
    assert await dates(visitor.depot, "public-holidays") == ["2027-05-05"]


async def test_holiday_is_added_to_the_chosen_calendars_of_two_depots_and_to_no_other(
    visitor: Visitor,
) -> None:
    new_year = [{"date": "2027-01-01", "reason": "New Year"}]
    for path, name in ((f"{CALENDARS}/public", "Public holidays"), (f"{CALENDARS}/schools", "Schools")):
        await visitor.depot.send("PUT", path, {"name": name, "days": new_year})
    south = "/v1/depots/south-yard/calendars/banks"
    await visitor.depot.send("PUT", south, {"name": "Bank holidays", "days": new_year})
    page = await visitor.open(f"/console/calendars?{PORT}")
    await write(page, "2027-05-05", "Liberation Day")
    await page.get_by_role("button", name="Add holiday").click()
    await page.get_by_text("Choose a calendar, or enter the name of a new one.").wait_for()
    await page.get_by_role("checkbox", name="Schools").check()
    await page.get_by_text("1 calendar of other depots").click()
    await page.get_by_role("checkbox", name="South yard: Bank holidays").check()
    await screenshots(page, "calendars-several")
    await page.get_by_role("button", name="Add holiday").click()

    await page.get_by_text("Liberation Day is added to Schools, Bank holidays; no charger follows them yet").wait_for()
    assert await dates(visitor.depot, "public") == ["2027-01-01"]
    assert await dates(visitor.depot, "schools") == ["2027-01-01", "2027-05-05"]
    assert len((await visitor.depot.send("GET", south))["days"]) == 2
    await visitor.depot.send("DELETE", south)


async def test_file_of_a_calendar_is_read_and_reported(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/calendars?{PORT}")
    day = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y%m%d")
    content = re.sub("\n", "\r\n", ICS.format(day=day)).encode()
    file = {"name": "school.ics", "mimeType": "text/calendar", "buffer": content}
    await page.get_by_label("iCalendar file").set_input_files(files=[file])  # type: ignore[list-item]
    await page.get_by_role("button", name="Read the file").click()

    await page.get_by_text("1 day read.").wait_for()
    await page.get_by_text("1 event with times of day").wait_for()
    await page.get_by_role("heading", name="School days").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "calendars-report")
