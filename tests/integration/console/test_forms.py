"""Forms of the console: tokens, refusals beside the fields, two operators, and a session that ends in the middle."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest_asyncio
from playwright.async_api import Browser, Page

from access_policy.application.ports.identity import Role
from access_policy.entrypoints.http.browsers import SESSION
from tests.support.console_pages import ServedDepot, Visitor, check_page, screenshots, sign_in, visiting

SAMPLE = "/console/sample/south-yard"


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def south_yard(depot: ServedDepot) -> None:
    await depot.send("PUT", "/v1/depots/south-yard", {"name": "South yard", "time_zone": "Europe/London"})


@pytest_asyncio.fixture(loop_scope="session")
async def by_hand(depot: ServedDepot) -> AsyncIterator[httpx.AsyncClient]:
    """A signed-in browser without scripts, whose every header the test decides."""
    async with httpx.AsyncClient(base_url=depot.url, trust_env=False, follow_redirects=False, timeout=60) as client:
        await client.get(await depot.sign_in_link())
        yield client


def fields_in(page: str) -> dict[str, str]:
    inputs = re.findall(r"<input[^>]*>", page[page.index('id="form"') :])
    found = {re.search(r'name="([^"]*)"', each)[1]: re.search(r'value="([^"]*)"', each) for each in inputs}  # type: ignore[index]
    return {name: unescape(value[1]) if value else "" for name, value in found.items()}


async def name_of(depot: ServedDepot) -> str:
    return str((await depot.send("GET", "/v1/depots/south-yard"))["name"])


async def save(page: Page, **typed: str) -> None:
    for label, text in typed.items():
        await page.get_by_label(label.replace("_", " ").capitalize(), exact=True).fill(text)
    await page.get_by_role("button", name="Save").click()


async def test_form_saves_and_the_next_page_says_so_once(visitor: Visitor) -> None:
    page = await visitor.open(SAMPLE)

    await save(page, name="South <b>yard</b> & co")

    await page.get_by_text("South <b>yard</b> & co is saved.").wait_for()
    assert await page.get_by_role("heading", level=1).inner_text() == "South <b>yard</b> & co"
    await check_page(visitor, page)
    await page.reload()
    assert await page.locator(".said").count() == 0


async def test_refused_form_keeps_what_was_typed_and_says_why_beside_the_field(visitor: Visitor) -> None:
    page = await visitor.open(SAMPLE)

    await save(page, name="Another", time_zone="Mars/North")

    await page.locator("#f-time_zone[aria-invalid=true]").wait_for()
    assert "Mars/North" in await page.locator("#f-time_zone-help .error").inner_text()
    assert await page.get_by_label("Name").input_value() == "Another"
    assert await page.evaluate("document.activeElement.id") == "f-time_zone"
    visitor.errors.clear()  # the browser notes the status 422
    await check_page(visitor, page)
    await screenshots(page, "form-refused")


async def test_second_of_two_operators_sees_the_first_change_and_loses_nothing(
    visitor: Visitor, browser: Browser
) -> None:
    page = await visitor.open(SAMPLE)
    async with visiting(browser, visitor.depot, subject="otto") as other:
        await save(await other.open(SAMPLE), name="South yard, by Otto")
        await other.context.pages[-1].get_by_text("is saved.").wait_for()

    await save(page, name="South yard, by Olga")
    await page.get_by_text("Somebody else has saved a change").wait_for()
    assert "South yard, by Otto" in await page.locator("#f-name-help .changed").inner_text()
    assert await page.get_by_label("Name").input_value() == "South yard, by Olga"
    assert await name_of(visitor.depot) == "South yard, by Otto"
    await screenshots(page, "form-overtaken")

    await save(page)
    await page.get_by_text("South yard, by Olga is saved.").wait_for()


async def test_session_that_ends_in_the_middle_of_a_form_loses_nothing(visitor: Visitor) -> None:
    page = await visitor.open(SAMPLE)
    await page.get_by_label("Name").fill("Typed before the end")
    await visitor.context.clear_cookies(name=SESSION)

    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Your session has ended.").wait_for()
    assert await page.get_by_label("Name").input_value() == "Typed before the end"
    await screenshots(page, "form-signed-out")

    await sign_in(visitor)
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Press the button once more.").wait_for()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("Typed before the end is saved.").wait_for()


async def test_page_without_a_session_is_a_sign_in_page_that_returns(browser: Browser, depot: ServedDepot) -> None:
    async with visiting(browser, depot, role=None) as stranger:
        page = await stranger.open("/console/board?depot_id=north-yard&view=day")
        assert await page.get_by_role("heading", name="Sign in").is_visible()
        stranger.errors.clear()  # the browser notes the status 401
        await check_page(stranger, page)
        await screenshots(page, "sign-in")

        await page.goto(await depot.sign_in_link())

        assert page.url == f"{depot.url}/console/board?depot_id=north-yard&view=day"


async def test_form_without_its_token_or_from_another_site_changes_nothing(
    by_hand: httpx.AsyncClient, depot: ServedDepot
) -> None:
    page = (await by_hand.get(SAMPLE)).text
    fields, ours = fields_in(page), {"Origin": depot.url, "Sec-Fetch-Site": "same-origin"}
    typed = {**fields, "name": "Forged"}

    refused = [
        (await by_hand.post(SAMPLE, data=data, headers=headers)).status_code
        for data, headers in (
            ({**typed, "csrf": ""}, ours),
            ({**typed, "csrf": "0" * 64}, ours),
            ({name: value for name, value in typed.items() if name != "csrf"}, ours),
            (typed, {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}),
            (typed, {}),
        )
    ]

    assert refused == [403] * 5
    assert await name_of(depot) == "South yard"
    saved = await by_hand.post(SAMPLE, data={**typed, "name": "Without scripts"}, headers=ours)
    assert (saved.status_code, saved.headers["Location"]) == (303, f"{SAMPLE}?depot_id=south-yard")
    assert await name_of(depot) == "Without scripts"


async def test_form_of_another_role_is_refused(depot: ServedDepot) -> None:
    async with httpx.AsyncClient(base_url=depot.url, trust_env=False, timeout=60) as client:
        await client.get(await depot.sign_in_link(Role.VIEWER))

        answer = await client.post(SAMPLE, data={"name": "By a viewer"}, headers={"Origin": depot.url})

        assert answer.status_code == 403
        assert "This operation requires the role admin." in answer.text
        assert await name_of(depot) == "South yard"


async def test_form_of_a_caller_of_another_depot_is_refused(depot: ServedDepot) -> None:
    async with httpx.AsyncClient(base_url=depot.url, trust_env=False, timeout=60) as client:
        await client.get(await depot.sign_in_link(depots=["north-yard"]))

        found = [
            (await client.get(path)).status_code
            for path in (SAMPLE, "/console/board?depot_id=south-yard", "/console/board?depot_id=north-yard")
        ]

        assert found == [404, 404, 200]


async def test_page_has_a_strict_policy_and_asks_nothing_of_other_hosts(by_hand: httpx.AsyncClient) -> None:
    page = await by_hand.get("/console/board")

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"(?:src|href)=\"(?:https?:)?//", page.text) == []
    assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", page.text) == []


async def test_assets_are_kept_for_a_year_under_their_hash(by_hand: httpx.AsyncClient) -> None:
    urls = sorted(set(re.findall(r'"(/console/assets/[^"]+)"', (await by_hand.get("/console/board")).text)))

    answers = [await by_hand.get(url) for url in urls]

    assert len(urls) >= 6
    assert {each.status_code for each in answers} == {200}
    assert {each.headers["Cache-Control"] for each in answers} == {"public, max-age=31536000, immutable"}
    outdated = await by_hand.get(re.sub(r"/[0-9a-f]{16}/", "/0000000000000000/", urls[0]))
    assert (outdated.status_code, outdated.headers["Cache-Control"]) == (200, "no-store")
    assert (await by_hand.get("/console/assets/0/../console.css")).status_code == 404
    assert (await by_hand.get("/console/assets/0/%2e%2e/pages.py")).status_code == 404
