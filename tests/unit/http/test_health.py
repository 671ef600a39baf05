"""Monitors and load balancers ask for health with HEAD as well as with GET, and without a token."""

from __future__ import annotations

import pytest

from tests.support.http_api import HttpApi


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_health_asked_for_with_head_has_the_status_and_headers_of_get(empty_api: HttpApi, path: str) -> None:
    asked = await empty_api.client.get(path)
    head = await empty_api.client.head(path)

    assert head.status_code == asked.status_code
    assert head.headers["Content-Type"] == asked.headers["Content-Type"]
