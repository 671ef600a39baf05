"""The cards of problems: the next step of each, and what a screen reader is told, in Chromium."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.demo.fleet import GOES_OFFLINE
from simulated_charger import OCPP16, ChargerSpec, SimulatedCharger
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots, visiting

BOARD = "/console/board?depot_id=north-yard"
BROKEN = "stuck <i>bay<i>"
SETTINGS = {"depot_id": "north-yard", "baseline_mode": "managed"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def broken(depot: ServedDepot) -> AsyncIterator[SimulatedCharger]:
    """A connected charger without the key by which its profile switches it: each switch fails."""
    path = "/v1/chargers/stuck%20%3Ci%3Ebay%3Ci%3E"
    await depot.send("PUT", path, SETTINGS | {"charge_point_id": "NY-broken", "profile": "microocpp-1.6"})
    url = f"ws://127.0.0.1:{depot.service.ocpp_port}/ocpp"
    spec = ChargerSpec(url=url, charge_point_id="NY-broken", protocol=OCPP16, reconnect_min_s=0.1, reconnect_max_s=0.2)
    async with SimulatedCharger(spec) as charger:
        await charger.until_ready(timeout_s=60)
        async with asyncio.timeout(60):
            while (await depot.send("GET", path))["sync"] != "failed":  # noqa: ASYNC110  it is asked
                await asyncio.sleep(0.1)
        yield charger
    await depot.send("DELETE", path)


@pytest.mark.usefixtures("broken")
async def test_failed_switch_offers_a_restart_and_the_charger_answers_it(visitor: Visitor) -> None:
    page = await visitor.open(BOARD)
    card = page.locator(".problem", has_text=BROKEN)
    assert "Switch failed" in await card.inner_text()
    assert await card.get_by_role("button", name=f"Check its profile: {BROKEN}").count() == 1
    await check_page(visitor, page)
    await screenshots(page, "board-problems")

    await card.get_by_role("button", name=f"Restart once idle: {BROKEN}").press("Enter")

    await page.locator(".said", has_text=f"{BROKEN} restarts once it is idle.").wait_for()
    assert page.url.endswith(BOARD)


@pytest.mark.usefixtures("broken")
async def test_problem_leads_each_role_to_the_steps_that_it_may_take(browser: Browser, depot: ServedDepot) -> None:
    offered: dict[Role, list[str]] = {}
    for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
        async with visiting(browser, depot, role) as visitor:
            page = await visitor.open(BOARD)
            cards = page.locator(".problem", has_text=BROKEN).or_(page.locator(f"#problem-{GOES_OFFLINE.charger_id}"))
            offered[role] = sorted(await cards.locator(".actions button, .actions a").all_inner_texts())

    assert offered == {
        Role.VIEWER: [],
        Role.OPERATOR: ["Check its profile", "Restart once idle"],
        Role.ADMIN: ["Check its profile", "Check its settings", "Restart once idle"],
    }


async def test_restart_of_a_charger_that_is_not_connected_is_refused_with_the_reason(depot: ServedDepot) -> None:
    path = f"/console/chargers/{GOES_OFFLINE.charger_id}/restart"
    answer = await depot.client.post(path, data={"back": ""}, headers={"HX-Request": "true"})

    shown = await depot.client.get(answer.headers["HX-Redirect"])

    assert f"{GOES_OFFLINE.charger_id} was not restarted." in shown.text
    assert "is not connected" in shown.text


async def test_screen_reader_is_told_of_a_new_problem_and_of_its_end_and_of_no_other(visitor: Visitor) -> None:
    page = await visitor.open(BOARD)
    await page.locator('#live[data-state="on"]').wait_for()
    assert await page.locator(".problem").count() >= 1
    body: dict[str, Any] = SETTINGS | {"charge_point_id": "NY-spoken", "profile": "ocpp16-central"}
    await visitor.depot.send("PUT", "/v1/chargers/spoken-bay", body)
    spoken = page.locator("#announcer")
    await spoken.get_by_text("New problem: spoken-bay Not reachable.").wait_for(state="attached")

    await visitor.depot.send("DELETE", "/v1/chargers/spoken-bay")
    await spoken.get_by_text("Solved: spoken-bay.").wait_for(state="attached")

    said = await spoken.locator("p").all_inner_texts()
    assert [text for text in said if "problem" in text or "Solved" in text] == [
        "New problem: spoken-bay Not reachable.",
        "Solved: spoken-bay.",
    ]
