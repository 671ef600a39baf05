"""`/openapi.json` over HTTP: derived once, compressed, and not sent again to a client that has it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from access_policy.entrypoints.http.openapi_answer import DocumentAnswer

DOCUMENT = {"openapi": "3.1.0", "paths": {f"/v1/things-{number}": {} for number in range(100)}}


class Derived:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, Any]:
        self.times += 1
        time.sleep(0.05)  # on a thread: the other requests arrive meanwhile
        return DOCUMENT


def client_of(derived: Derived) -> httpx.AsyncClient:
    answer = DocumentAnswer(derived)

    async def document(request: Request) -> Response:
        return await answer(request)

    app = Starlette(routes=[Route("/openapi.json", document)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api")


async def test_document_for_concurrent_requests_is_derived_once() -> None:
    derived = Derived()
    async with client_of(derived) as client:
        answers = await asyncio.gather(*(client.get("/openapi.json") for _ in range(4)))

    assert [each.json() for each in answers] == [DOCUMENT] * 4
    assert derived.times == 1


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "gzip"), ("identity", None)])
async def test_document_is_compressed_for_clients_that_accept_it(accepted: str, encoding: str | None) -> None:
    async with client_of(Derived()) as client:
        answer = await client.get("/openapi.json", headers={"Accept-Encoding": accepted})

    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == DOCUMENT


async def test_document_that_the_client_has_is_not_sent_again() -> None:
    async with client_of(Derived()) as client:
        first = await client.get("/openapi.json")
        etag = first.headers["ETag"]
        same = await client.get("/openapi.json", headers={"If-None-Match": f'"of-another-release", {etag}'})
        other = await client.get("/openapi.json", headers={"If-None-Match": '"of-another-release"'})

    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etag)
    assert (other.status_code, other.json()) == (200, DOCUMENT)
    assert first.headers["Cache-Control"] == "no-cache"
