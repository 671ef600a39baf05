"""The pages of visitors who may not enter: signed out, without the role, at a thing that does not exist, after the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest
from playwright.async_api import Browser

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.http.browsers import SESSION
from tests.integration.console.tour.conftest import Place
from tests.support.console_looks import LOOKS, look_at, write_table
from tests.support.console_pages import visiting
from tests.support.lengths import Length

LOOKS_OF_A_REFUSAL: Final = Length(ci=1, soak=3, of="of the looks of each refusal")
EXPECTED: Final = "Failed to load resource: the server responded with a status of "


@dataclass(frozen=True, slots=True)
class Refusal:
    """`status` of the page for a visitor with the role; None: not signed in. `says` is on it."""

    page: str
    path: str
    role: Role | None
    status: int
    says: str


REFUSALS: Final = (
    Refusal("sign-in", "/console/board", None, 401, "You are not signed in."),
    Refusal("sign-in-link-used", "/login/once?code=used", None, 400, "This link has been used already or has expired."),
    Refusal("sign-in-nowhere", "/login", None, 404, "This installation has no identity provider to sign in at"),
    Refusal("refused-role", "/console/register-charger", Role.VIEWER, 403, "Back to the board"),
    Refusal("refused-charger", "/console/chargers/no-such-bay", Role.ADMIN, 404, "no-such-bay"),
    Refusal("refused-depot", "/console/board?depot_id=no-such-yard", Role.ADMIN, 404, "no-such-yard"),
    Refusal("refused-page", "/console/no-such-page", Role.ADMIN, 404, "Back to the board"),
)


@pytest.mark.soak(LOOKS_OF_A_REFUSAL)
async def test_visitor_who_may_not_enter_sees_why_and_a_way_out(browser: Browser, north_yard: Place) -> None:
    depot, _ = north_yard
    faults: list[str] = []
    for number, refusal in enumerate(REFUSALS):
        for look in (LOOKS[(number + offset) % len(LOOKS)] for offset in range(LOOKS_OF_A_REFUSAL.count)):
            async with visiting(browser, depot, refusal.role, color_scheme=look.theme, locale="en-GB") as visitor:
                page = await visitor.open("/login/once")
                await page.set_viewport_size({"width": look.width, "height": look.height})
                answer = await page.goto(depot.url + refusal.path)
                shown = await page.locator("body").inner_text()
                visitor.errors[:] = [each for each in visitor.errors if not each.startswith(EXPECTED)]
                if answer is None or answer.status != refusal.status or refusal.says not in shown:
                    faults.append(f"{refusal.page}: {answer and answer.status} {shown}")
                if not await page.get_by_role("button").or_(page.locator("code")).count():
                    faults.append(f"{refusal.page} leads nowhere")
                faults += await look_at(visitor, page, f"{refusal.page}-{look}")

    write_table()
    assert faults == [], "\n".join(faults)


@pytest.mark.soak(LOOKS_OF_A_REFUSAL)
async def test_session_that_ends_in_the_middle_of_a_form_loses_nothing_typed(
    browser: Browser, north_yard: Place
) -> None:
    depot, _ = north_yard
    faults: list[str] = []
    for look in LOOKS[-LOOKS_OF_A_REFUSAL.count :]:
        async with visiting(browser, depot, color_scheme=look.theme, locale="en-GB") as visitor:
            page = await visitor.open("/console/new-vehicle")
            await page.set_viewport_size({"width": look.width, "height": look.height})
            await page.get_by_label("Name", exact=True).fill("Bus 170")
            await visitor.context.clear_cookies(name=SESSION)
            await page.get_by_role("button", name="Register", exact=True).click()
            await page.get_by_text("Your session has ended.").wait_for()
            kept = await page.get_by_label("Name", exact=True).input_value()
            visitor.errors[:] = [each for each in visitor.errors if not each.startswith(EXPECTED)]
            faults += [] if kept == "Bus 170" else [f"the name became {kept!r}"]
            faults += await look_at(visitor, page, f"session-ended-{look}")

    write_table()
    assert faults == [], "\n".join(faults)
