"""What a first request needs is there before the service serves."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import fastapi.routing
import httpx
import pytest

from access_policy.application.ports.identity import Role
from tests.support.process import serving_here


@pytest.mark.started_anew
async def test_first_requests_find_all_routes_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The framework analyses the dependencies of a route when it builds it."""
    analysed: list[object] = []
    analyse = fastapi.routing.get_dependant

    def counted(*args: Any, **named: Any) -> Any:
        analysed.append(named.get("path"))
        return analyse(*args, **named)

    monkeypatch.setattr(fastapi.routing, "get_dependant", counted)
    async with serving_here(tmp_path) as service:
        before = len(analysed)
        token = service.container.stores.tokens().issue("acme", Role.ADMIN, subject="t", ttl=timedelta(hours=1))
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.http_port}", headers=headers) as client:
            paths = ("/v1/session", "/console/chargers", "/ocpi/nowhere", "/ocpi/versions", "/oscp/nowhere", "/nowhere")
            answers = [(await client.get(path)).status_code for path in paths]

    assert before > 0
    assert (answers[0], answers[2:]) == (200, [404, 401, 404, 404])
    assert len(analysed) == before
