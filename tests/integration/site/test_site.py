"""The built site in a real browser without a network: nothing is loaded from elsewhere, search works, pages are accessible."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route

from tests.support.built_site import ROOT, built_site, loaded_from_elsewhere
from tests.support.console_browsers import chromium
from tests.support.console_pages import DESK, PHONE, SERIOUS, WAIT_MS
from tests.support.served_axe import AXE, VIOLATIONS

KINDS = (
    "index.html",
    "operator-guide.html",
    "charger-guide.html",
    "events/AccessDenied.v1.html",
    "architecture.html",
    "adr/0046-the-documentation-site-is-built-by-sphinx.html",
    "reference/api/chargers.html",
    "reference/commands/every-day.html",
)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: pytest prints what a thread writes."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.getbasetemp()  # of this run; of one worker of it under xdist
    return built_site(directory.parent if "PYTEST_XDIST_WORKER" in os.environ else directory)


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


@dataclass
class Reader:
    """A tab that reaches the site only."""

    page: Page
    served: str
    elsewhere: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def guard(self, route: Route) -> None:
        if route.request.url.startswith(self.served):
            await route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            await route.abort()


async def reading(browser: Browser, served: str) -> Reader:
    page = await browser.new_page(viewport=DESK)  # type: ignore[arg-type]
    page.set_default_timeout(WAIT_MS)
    reader = Reader(page, served)
    await page.route("**/*", reader.guard)
    page.on("pageerror", lambda error: reader.errors.append(str(error)))
    page.on("console", lambda said: reader.errors.append(said.text) if said.type == "error" else None)
    return reader


def test_site_loads_nothing_from_another_host(site: Path) -> None:
    assert loaded_from_elsewhere(site) == []


def test_site_has_a_page_for_each_document_of_the_repository(site: Path) -> None:
    documents = [each.relative_to(ROOT / "docs") for each in (ROOT / "docs").rglob("*.md")]

    assert [str(each) for each in documents if not (site / each.with_suffix(".html")).exists()] == []


async def test_site_in_a_browser_is_accessible_fits_a_phone_and_asks_no_other_host(
    browser: Browser, served: str
) -> None:
    reader = await reading(browser, served)
    for name in KINDS:
        await reader.page.goto(served + name)
        for scheme in ("light", "dark"):
            await reader.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert await _serious(reader.page) == [], f"{name}, {scheme}"
        await reader.page.set_viewport_size(PHONE)
        width = await reader.page.evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], f"{name} is {width} px wide on a phone"
        await reader.page.set_viewport_size(DESK)

    assert (reader.elsewhere, reader.errors) == ([], [])


async def test_site_without_a_network_finds_a_word(browser: Browser, served: str) -> None:
    reader = await reading(browser, served)
    await reader.page.goto(f"{served}search.html?q=freevend")
    await reader.page.wait_for_selector("#search-results li a")

    assert (reader.elsewhere, reader.errors) == ([], [])


async def test_site_draws_the_architecture_without_a_script(browser: Browser, served: str) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{served}architecture.html")

    assert await page.locator(".diagram svg").count() == 1
    assert await page.locator(".diagram svg").text_content()
    await context.close()


async def _serious(page: Page) -> list[str]:
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate(VIOLATIONS)
    return [
        f"{each['id']}: {[node['html'][:120] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in SERIOUS
    ]
