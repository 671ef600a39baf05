"""A browser of the tests notices each request to another host, and none of them gets an answer."""

from __future__ import annotations

import pytest
from playwright.async_api import Error

from tests.support.console_pages import Visitor


async def test_request_to_another_host_fails_and_is_noted(visitor: Visitor) -> None:
    page = await visitor.open("/console/signed-in")
    other = f"http://localhost:{visitor.depot.service.http_port}/console/signed-in"  # another name of this machine

    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        await page.goto(other)

    assert visitor.elsewhere == [other]
    visitor.elsewhere.clear()
