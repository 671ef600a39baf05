"""The OpenAPI document over HTTP."""

from __future__ import annotations

import threading
from typing import Any
from unittest.mock import Mock

import httpx
import pytest

from access_policy.adapters.identity.request_limits import RequestLimits
from access_policy.container import Container
from access_policy.entrypoints.http.app import create_app
from access_policy.entrypoints.http.dependencies import ServingProcess
from tests.support.reused_service import openapi_document


@pytest.mark.threads
async def test_document_requested_over_http_is_derived_on_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    container = Mock(spec=Container)
    container.identity.address_limits.return_value = RequestLimits(per_s=1, burst=1)
    app = create_app(container, Mock(spec=ServingProcess))
    derived_on: list[int] = []

    def noting_thread() -> dict[str, Any]:
        derived_on.append(threading.get_ident())
        return {"paths": {}}

    monkeypatch.setattr(app, "openapi", noting_thread)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api") as client:
        answer = await client.get("/openapi.json")

    assert answer.json() == {"paths": {}}
    assert derived_on
    assert threading.get_ident() not in derived_on


def test_every_operation_has_a_description() -> None:
    operations = {
        f"{method} {path}": operation
        for path, methods in openapi_document()["paths"].items()
        for method, operation in methods.items()
    }

    assert [name for name, operation in operations.items() if not operation.get("description")] == []
    assert len(operations) > 100
