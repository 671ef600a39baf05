"""The HTTP listener stops while requests are under way."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import httpx
import pytest

from access_policy.entrypoints.processes import ports
from access_policy.entrypoints.processes.ports import HttpListener


class Endless:
    """Answers no request; those for `/begun` get the begin of a response."""

    def __init__(self) -> None:
        self.has_arrived = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/begun":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        self.has_arrived.set()
        await asyncio.Event().wait()


async def cut_off(path: str, monkeypatch: pytest.MonkeyPatch) -> httpx.Response:
    monkeypatch.setattr(ports, "HTTP_STOP_S", 0.05)
    app = Endless()
    with socket.socket(proto=socket.IPPROTO_TCP) as bound:
        bound.bind(("127.0.0.1", 0))
        listener = HttpListener(app, bound, trusted_proxies=())
        running = asyncio.create_task(listener.run())
        await listener.until_started()
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            request = asyncio.create_task(client.get(f"http://127.0.0.1:{listener.port}{path}"))
            await app.has_arrived.wait()
            listener.stop()
            await running
            return await request


async def test_request_that_outlasts_the_stop_gets_a_problem_and_logs_no_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = await cut_off("/v1/depots", monkeypatch)

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:access-policy:problem:stopping")
    assert answer.headers["retry-after"] == "1"
    assert "GET /v1/depots was cut off: the service is stopping" in caplog.messages
    assert [record for record in caplog.records if record.exc_info] == []


async def test_response_that_has_begun_stays_incomplete_and_logs_no_traceback(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(httpx.RemoteProtocolError):
        await cut_off("/begun", monkeypatch)

    assert [record for record in caplog.records if record.exc_info] == []
