"""Requests that need a charger's connection are passed on to the process that holds it (ADR 0016)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import httpx
from fastapi import Request
from fastapi.responses import Response

from access_policy.domain.ids import ChargerKey
from access_policy.entrypoints.http.problems import ApiProblem

PASSED_ON: Final = "X-Passed-On"  # by a process to its peer; never a second time
TIMEOUT_S: Final = 60.0
_TAKEN_ALONG = ("authorization", "content-type", "x-request-id")
_BROUGHT_BACK = ("content-type", "etag", "x-log-position", "retry-after")


@dataclass(frozen=True, slots=True)
class Peers:
    """`urls` by instance; `owner_of` is the instance on whose record the charger connected last."""

    is_here: Callable[[ChargerKey], bool]
    owner_of: Callable[[ChargerKey], Awaitable[str | None]]
    urls: Mapping[str, str] = field(default_factory=dict)

    async def answer(self, request: Request, key: ChargerKey) -> Response | None:
        """The peer's answer; None: it is this process's own to give. Raises `ApiProblem` (502) if the peer is not there."""
        if not self.urls or self.is_here(key) or PASSED_ON in request.headers:
            return None
        url = self.urls.get(await self.owner_of(key) or "")
        if url is None:
            return None
        headers = {name: request.headers[name] for name in _TAKEN_ALONG if name in request.headers}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
                answer = await client.request(
                    request.method,
                    f"{url}{request.url.path}",
                    content=await request.body(),
                    headers={**headers, PASSED_ON: "1"},
                )
        except httpx.HTTPError as trouble:
            detail = "The process that holds the charger's connection does not answer; try again in a moment."
            raise ApiProblem(HTTPStatus.BAD_GATEWAY, "gateway-not-answering", detail) from trouble
        kept = {name: answer.headers[name] for name in _BROUGHT_BACK if name in answer.headers}
        return Response(answer.content, answer.status_code, kept)
