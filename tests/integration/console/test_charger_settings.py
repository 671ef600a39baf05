"""One charger is edited, given a password and probed, in Chromium."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from access_policy.application.ports.identity import Role
from access_policy.domain.ids import ChargePointId, TenantId
from access_policy.entrypoints.demo.fleet import GOES_OFFLINE, KEYED
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots, visiting

NORTH = "depot_id=north-yard"
CHARGER = "edit <b>me<b>"
PATH = f"/console/chargers/{quote(CHARGER)}"
API = f"/v1/chargers/{quote(CHARGER)}"


SETTINGS = {"charge_point_id": "NY-edit", "depot_id": "north-yard", "profile": "ocpp16-central"}
SETTINGS |= {"baseline_mode": "managed", "enforcement": "enforce", "password": "old secret"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def registered(depot: ServedDepot) -> AsyncIterator[None]:
    """A charger that has never connected, whose name is HTML."""
    await depot.send("PUT", API, SETTINGS)
    yield
    await depot.send("DELETE", API)


@pytest_asyncio.fixture(loop_scope="session")
async def edited(depot: ServedDepot, registered: None) -> None:
    await depot.send("PUT", API, SETTINGS)


async def stored(depot: ServedDepot) -> Any:
    return await depot.send("GET", API)


async def opens(depot: ServedDepot, password: str) -> bool | None:
    holder = (TenantId(depot.tenant), CHARGER)
    credentials = depot.service.container.records.credentials()
    return await credentials.verify(ChargePointId("NY-edit"), holder, password.encode())  # type: ignore[no-any-return]


@pytest.mark.usefixtures("edited")
async def test_settings_of_a_charger_are_edited_and_a_profile_is_explained(visitor: Visitor) -> None:
    page = await visitor.open(f"{PATH}?{NORTH}")
    await page.get_by_role("link", name="Edit", exact=True).click()
    await page.get_by_role("heading", name="settings").wait_for()
    assert "asks the service before each charge" in await page.locator("#profile-meaning").inner_text()
    await page.get_by_label("Capability profile").select_option("microocpp-1.6")
    await page.locator("#profile-meaning").get_by_text("configuration key Cst_FreeVendActive").wait_for()
    await page.get_by_label("Freevend: anyone may charge").check()
    await page.get_by_label("are only observed").check()
    await page.get_by_label("Only with a reservation").check()
    await check_page(visitor, page)
    await screenshots(page, "charger-settings")
    await page.get_by_label("Charge point id").fill("")
    await page.get_by_role("button", name="Save").click()
    await page.locator("#f-charge_point_id-help .error").wait_for()
    visitor.errors.clear()  # the browser notes the status 422
    assert await page.get_by_label("are only observed").is_checked()
    await page.get_by_label("Charge point id").fill("NY-edit")
    await page.get_by_role("button", name="Save").press("Enter")

    await page.get_by_text(f"{CHARGER} is saved.").wait_for()
    now = await stored(visitor.depot)
    assert (now["profile"], now["baseline_mode"], now["enforcement"]) == ("microocpp-1.6", "freevend", "observe")
    assert now["reservation_only"] is True
    await page.get_by_text("Only with a reservation").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "charger-edited")


@pytest.mark.usefixtures("edited")
async def test_second_of_two_admins_sees_the_first_change_of_a_charger_and_loses_nothing(
    visitor: Visitor, browser: Browser
) -> None:
    page = await visitor.open(f"{PATH}/settings?{NORTH}")
    async with visiting(browser, visitor.depot, subject="otto") as other:
        theirs = await other.open(f"{PATH}/settings?{NORTH}")
        await theirs.get_by_label("are only observed").check()
        await theirs.get_by_role("button", name="Save").click()
        await theirs.get_by_text("is saved.").wait_for()

    await page.get_by_label("Connectors").fill("2")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Somebody else has saved a change").wait_for()
    assert "are only observed" in await page.locator("#f-enforcement-help .changed").inner_text()
    assert await page.get_by_label("Connectors").input_value() == "2"
    await screenshots(page, "charger-settings-overtaken")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("is saved.").wait_for()

    now = await stored(visitor.depot)
    assert (now["enforcement"], now["connectors"]) == ("observe", 2)


@pytest.mark.usefixtures("edited")
async def test_password_that_the_service_makes_is_shown_once(visitor: Visitor) -> None:
    page = await visitor.open(f"{PATH}/password?{NORTH}")
    await check_page(visitor, page)
    await screenshots(page, "charger-password")
    await page.get_by_label("Password").fill("short")
    await page.get_by_role("button", name="Set the password").click()
    await page.locator("#f-password-help .error").wait_for()
    visitor.errors.clear()
    assert await opens(visitor.depot, "old secret")
    await page.get_by_label("Password").fill("")
    await page.get_by_role("button", name="Set the password").click()
    await page.locator("#made").wait_for()
    made = await page.locator("#made .secret").inner_text()

    assert re.fullmatch("[0-9a-f]{40}", made)
    assert await opens(visitor.depot, made)
    assert not await opens(visitor.depot, "old secret")
    await check_page(visitor, page)
    await screenshots(page, "charger-password-made")
    await page.get_by_role("button", name="I have entered it").click()
    await page.get_by_role("heading", name="settings").wait_for()
    await page.goto(f"{visitor.depot.url}{PATH}/password?{NORTH}")
    assert made not in await page.content()


async def test_password_of_a_connected_charger_is_changed_over_its_connection(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/chargers/{KEYED.charger_id}/password?{NORTH}")
    await page.get_by_role("button", name="Change the password now").click()
    await page.get_by_text("was given a new password").wait_for()
    new = visitor.depot.chargers[KEYED.charger_id].settings_in_force["AuthorizationKey"]
    assert new not in await page.content()

    page = await visitor.open(f"/console/chargers/{GOES_OFFLINE.charger_id}/password?{NORTH}")
    assert await page.get_by_role("button", name="Change the password now").count() == 0


async def test_probe_proposes_profiles_and_the_chosen_one_is_saved_with_the_settings(visitor: Visitor) -> None:
    page = await visitor.open(f"/console/chargers/{KEYED.charger_id}?{NORTH}")
    await page.get_by_role("link", name="Probe").click()
    await page.get_by_role("button", name="Read its settings").click()
    await page.get_by_role("heading", name="best first").wait_for()
    assert await page.get_by_role("article").first.get_by_text("In use").count() == 1
    await check_page(visitor, page)
    await screenshots(page, "charger-probe")
    await page.get_by_role("article").get_by_role("button", name="Use this profile").last.click()

    await page.get_by_role("heading", name="settings").wait_for()
    assert await page.get_by_label("Capability profile").input_value() == "ocpp16-central"
    assert (await visitor.depot.send("GET", f"/v1/chargers/{KEYED.charger_id}"))["profile"] == "microocpp-1.6"


@pytest.mark.usefixtures("edited")
async def test_probe_of_a_charger_that_is_not_connected_says_so(visitor: Visitor) -> None:
    page = await visitor.open(f"{PATH}/probe?{NORTH}")

    await page.get_by_role("button", name="Read its settings").click()

    await page.get_by_text("is not connected, or has only just booted; probe it in a moment.").wait_for()


@pytest.mark.parametrize(("role", "sees"), [(Role.VIEWER, []), (Role.OPERATOR, ["Probe"])])
@pytest.mark.usefixtures("edited")
async def test_person_who_is_not_an_admin_cannot_edit_a_charger(
    browser: Browser, depot: ServedDepot, role: Role, sees: list[str]
) -> None:
    async with visiting(browser, depot, role) as visitor:
        page = await visitor.open(f"{PATH}?{NORTH}")
        assert await page.locator(".card-links a").all_inner_texts() == sees
        for below in ("settings", "password", *(() if sees else ("probe",))):
            answer = await page.goto(f"{depot.url}{PATH}/{below}?{NORTH}")
            assert answer is not None
            assert answer.status == 403


@pytest.mark.usefixtures("edited")
async def test_admin_of_another_depot_finds_no_such_charger(browser: Browser, depot: ServedDepot) -> None:
    async with visiting(browser, depot, role=None) as visitor:
        link = await depot.sign_in_link(Role.ADMIN, depots=["south-yard"])
        page = await visitor.open(link.removeprefix(depot.url))
        for below in ("", "/settings", "/password", "/probe"):
            answer = await page.goto(f"{depot.url}{PATH}{below}")
            assert answer is not None
            assert answer.status == 404
