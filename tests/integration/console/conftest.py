"""One served depot and one Chromium for all tests of the console in a worker; each test has browsers of its own.

Tests of this directory run on the event loop of the session, on which both live.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.support.console_browsers import chromium
from tests.support.console_pages import ServedDepot, Visitor, served_depot, visiting
from tests.support.sample_page import with_sample_page

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def depot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ServedDepot]:
    with with_sample_page():
        async with served_depot(tmp_path_factory.mktemp("console")) as served:
            yield served


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as launched:
        yield launched


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser, depot: ServedDepot) -> AsyncIterator[Visitor]:
    """Signed in as an admin."""
    async with visiting(browser, depot) as signed_in:
        yield signed_in


@pytest_asyncio.fixture(loop_scope="session")
async def lone_visitor(browser: Browser, depot: ServedDepot) -> AsyncIterator[Visitor]:
    """Signed in as an admin, in a browser that no other test uses: this one may give it scripts and a clock."""
    async with visiting(browser, depot, shared=False) as signed_in:
        yield signed_in
