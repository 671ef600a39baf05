"""The energy of a depot's site, in Chromium: the tree, its gates, the coming 48 hours, forms, and what the board says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from playwright.async_api import Page

from access_policy.application.ports.identity import Role
from access_policy.domain.ids import DepotId, EnergyNodeId
from access_policy.domain.site_energy.envelopes import FallbackLimit
from tests.support.console_energy import SiteOf, now
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots, sign_in

ENERGY = "/console/energy?depot_id=north-yard"


@pytest_asyncio.fixture(loop_scope="session")
async def site(depot: ServedDepot) -> AsyncIterator[SiteOf]:
    """Five chargers at two circuits, gates on, and 90 kW of demand."""
    made = SiteOf(depot, DepotId("north-yard"))
    await made.put_policy()
    await made.put_nodes([f"bay-{number}" for number in range(1, 6)])
    await made.measure("main", 90_000, now())
    await made.measure("circuit-1", 60_000, now())
    yield made
    await made.remove_all()


async def open_energy(visitor: Visitor) -> Page:
    page = await visitor.open(ENERGY)
    await page.locator(".energy-tree").wait_for()
    return page


async def test_energy_page_shows_the_tree_with_limits_demand_envelopes_and_gates(
    visitor: Visitor, site: SiteOf
) -> None:
    await site.put_envelope(140_000, now() - timedelta(minutes=1), now() + timedelta(hours=9))
    page = await open_energy(visitor)

    main = page.locator("tr", has=page.get_by_role("link", name="main", exact=True))
    assert "400 kW" in await main.locator("[data-label=Limit]").inner_text()
    assert "90 kW" in await main.locator("[data-label=Demand]").inner_text()
    assert "140 kW" in await main.locator("[data-label=Envelope]").inner_text()
    assert "50 kW" in await main.locator("[data-label=Left]").inner_text()
    gates = await page.locator("tr", has_text="feed-").locator("[data-label=Gate]").all_inner_texts()
    assert gates == ["◐ Own and agreement"] * 5
    await check_page(visitor, page)
    await screenshots(page, "energy")


async def test_energy_page_draws_planned_envelopes_and_narrowings_of_48_hours(visitor: Visitor, site: SiteOf) -> None:
    begin = now() + timedelta(hours=6)
    await site.put_envelope(100_000, begin, begin + timedelta(hours=4))
    await site.put_envelope(130_000, begin + timedelta(hours=12), begin + timedelta(hours=18))
    page = await open_energy(visitor)

    assert await page.locator(".energy-fresh_envelope").count() >= 3  # one is the legend's
    assert await page.locator("td .energy-own_only").count() == 1
    assert await page.locator("td .energy-own_and_agreement").count() == 1
    assert "5 chargers" in await page.locator(".energy-picture").inner_text()
    words = await page.locator(".energy-picture .visually-hidden").all_text_contents()
    assert any("Own only" in text and "night-" in text for text in words)
    await check_page(visitor, page)
    await screenshots(page, "energy-planned")


async def test_narrowed_charger_is_explained_with_one_click_from_the_board_and_from_its_page(
    visitor: Visitor, site: SiteOf
) -> None:
    envelope_id = await site.put_envelope(100_000, now() - timedelta(minutes=1), now() + timedelta(hours=2))
    page = await visitor.open("/console/board?depot_id=north-yard")
    await page.locator("#energy-now", has_text="Power is short").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "board-energy")
    await page.locator("#energy-now").get_by_role("link", name="bay-4", exact=True).click()

    await page.get_by_role("heading", name="Energy at bay-4").wait_for()
    text = await page.locator("#why").inner_text()
    assert "main leaves 10 kW: its operating envelope of 100 kW less 90 kW measured" in text
    assert envelope_id in text
    assert "Only own vehicles and holders of reservations may start" in text
    assert await page.locator("#why tbody th").all_inner_texts() == [
        "feed-4 charger",
        "circuit-2 circuit",
        "main grid connection",
        "site site",
    ]
    await check_page(visitor, page)
    await screenshots(page, "energy-why")
    await page.goto(f"{visitor.depot.url}/console/chargers/bay-4?depot_id=north-yard")
    await page.locator("#energy-here").get_by_role("link", name="Why").click()
    await page.get_by_role("heading", name="Energy at bay-4").wait_for()


async def test_silent_source_is_a_problem_on_the_board_with_its_age_and_the_next_step(
    visitor: Visitor, site: SiteOf
) -> None:
    fallback = FallbackLimit(import_limit_w=95_000, valid_until=now() + timedelta(hours=3))
    await site.put_envelope(300_000, now() - timedelta(hours=1), now() + timedelta(hours=3), fallback=fallback)
    await site.report_source(now())
    page = await visitor.open("/console/board?depot_id=north-yard")
    problem = page.locator("#energy-now", has_text="Energy control is degraded")
    await problem.wait_for()

    text = await problem.inner_text()
    assert "The source grid-operator is silent" in text
    assert "for " in await problem.locator("time").first.inner_text()
    assert "The fallback limits of its envelopes apply until they end." in text
    assert "Check the connection of the system that sends its envelopes." in text
    assert "Own only at 5 chargers" in text
    await check_page(visitor, page)
    await screenshots(page, "board-degraded")
    await site.report_source(None)
    await page.locator("#energy-now", has_text="degraded").wait_for(state="detached")


async def test_nodes_policy_and_an_envelope_are_put_with_forms(visitor: Visitor, site: SiteOf) -> None:
    page = await open_energy(visitor)
    await page.get_by_role("link", name="New node").click()
    await page.get_by_label("Id").fill("feed-7")
    await page.get_by_label("Below").select_option("circuit-2")
    await page.get_by_label("Charger", exact=True).select_option("bay-7")
    await page.get_by_label("Static limit (kW)").fill("22.5")
    await check_page(visitor, page)
    await screenshots(page, "energy-new-node")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("The node feed-7 is added.").wait_for()
    assert site.site.tree.by_id[EnergyNodeId("feed-7")].limit_w == 22_500

    await page.get_by_role("link", name="Gate policy").click()
    await page.get_by_label("Own and agreement vehicles only, below (kW)").fill("70")
    await check_page(visitor, page)
    await screenshots(page, "energy-policy")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("The gate policy is saved.").wait_for()
    policy = site.site.policy
    assert policy is not None
    assert (policy.own_and_agreement_below_w, policy.own_only_below_w) == (70_000, 20_000)

    await page.get_by_role("button", name="New envelope").click()
    await page.get_by_label("Node").select_option("circuit-1")
    await page.get_by_label("Limit (kW)").fill("75")
    await page.get_by_label("Until").fill((now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M"))
    await check_page(visitor, page)
    await screenshots(page, "energy-new-envelope")
    await page.get_by_role("button", name="Save the envelope").click()
    await page.get_by_text("The envelope for circuit-1 is saved.").wait_for()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Withdraw manual-").click()
    await page.get_by_text("is withdrawn.").wait_for()

    await page.locator(".energy-tree").get_by_role("link", name="feed-7", exact=True).click()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Remove the node").click()
    await page.get_by_text("The node feed-7 is removed.").wait_for()
    assert EnergyNodeId("feed-7") not in site.site.tree.by_id


async def test_refused_forms_of_energy_say_beside_the_field_why_and_keep_what_was_typed(
    visitor: Visitor, site: SiteOf
) -> None:
    page = await visitor.open("/console/energy/nodes/main?depot_id=north-yard")
    await page.get_by_label("Below").select_option("circuit-1")
    await page.get_by_label("Static limit (kW)").fill("380")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("so the two would form a cycle").wait_for()
    assert await page.get_by_label("Static limit (kW)").input_value() == "380"
    visitor.errors.clear()
    await check_page(visitor, page)
    await page.get_by_label("Static limit (kW)").fill("a lot")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Enter a power in kW").wait_for()

    await page.goto(f"{visitor.depot.url}/console/energy/nodes/main?depot_id=north-yard")
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Remove the node").click()
    await page.get_by_text("remove them first").wait_for()
    await page.goto(f"{visitor.depot.url}/console/energy/policy?depot_id=north-yard")
    await page.get_by_label("Own vehicles only, below (kW)").fill("90")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("the narrower level needs the lower threshold").wait_for()
    await page.goto(f"{visitor.depot.url}/console/energy/new-envelope?depot_id=north-yard")
    await page.get_by_label("Limit (kW)").fill("75")
    await page.get_by_label("Until").fill("2026-01-01T00:00")
    await page.get_by_role("button", name="Save the envelope").click()
    await page.get_by_text("The envelope ends before it starts").wait_for()
    visitor.errors.clear()


async def test_energy_page_follows_an_envelope_by_itself_and_viewers_change_nothing(
    visitor: Visitor, site: SiteOf
) -> None:
    await sign_in(visitor, Role.VIEWER, subject="vera")
    page = await open_energy(visitor)
    assert await page.get_by_role("link", name="New node").count() == 0
    assert await page.get_by_text("Own only").count() == 0

    await site.put_envelope(100_000, now() - timedelta(minutes=1), now() + timedelta(hours=2))

    await page.locator(".energy-tree .gate-own_only").first.wait_for()
    assert await page.get_by_role("button", name="Withdraw").count() == 0


async def test_depot_without_nodes_says_what_to_do(visitor: Visitor) -> None:
    page = await visitor.open("/console/energy?depot_id=south-yard")

    assert "The site has no electrical nodes yet" in await page.locator(".empty").inner_text()
    await check_page(visitor, page)
    await screenshots(page, "energy-empty")


async def test_override_of_a_narrowed_charger_says_that_the_gate_still_applies(visitor: Visitor, site: SiteOf) -> None:
    await site.put_envelope(100_000, now() - timedelta(minutes=1), now() + timedelta(hours=5))
    page = await visitor.open("/console/overrides/new?depot_id=north-yard&charger_ids=bay-4&charger_ids=bay-7")
    await page.get_by_label("For 2 h").check()
    await page.get_by_label("Reason").fill("Open day")
    await page.get_by_role("button", name="Preview").click()

    await page.get_by_role("heading", name="Power is short: the energy gate still applies at 1 charger").wait_for()
    await check_page(visitor, page)
    await screenshots(page, "override-narrowed")
    await page.get_by_role("button", name="Override 2 chargers").click()
    await page.get_by_text("Power is short: the energy gate still applies at bay-4.").wait_for()
    for override in (await visitor.depot.send("GET", "/v1/chargers/bay-4"))["overrides"]:
        await visitor.depot.send("DELETE", f"/v1/depots/north-yard/overrides/{override['override_id']}")
