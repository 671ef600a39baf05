"""Forward a request that needs a charger's connection to the process that owns the connection (ADR 0016)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote

import httpx
from fastapi import Request
from fastapi.responses import Response

from access_policy.adapters.outgoing.clients import KeptClients
from access_policy.adapters.outgoing.trust import CaUnusable
from access_policy.domain.ids import ChargerKey
from access_policy.entrypoints.http.origins import forwarded
from access_policy.entrypoints.http.problems import ApiProblem
from access_policy.entrypoints.http.responses import LOG_POSITION

PASSED_ON: Final = "X-Passed-On"  # marks a request from a peer, which is not forwarded again
_IN_PATHS: Final = "%/:@!$&'()*+,;=~"  # characters that a path contains unescaped (RFC 3986, 3.3), and escapes
_REQUEST_HEADERS = ("content-type",)
_RESPONSE_HEADERS = ("content-type", "etag", "x-log-position", "retry-after")


@dataclass(frozen=True, slots=True)
class Peers:
    """The other processes of the installation. `elsewhere` returns the other gateway that a charger is connected to, as
    recorded; None if this process is the only one. `urls` and, for processes of this machine, `sockets` are by
    instance. `owner_of` returns the instance that recorded the charger's latest connection. `position` returns the log
    position up to which this process has read, and `settled` waits for a position, so that the caller can read what the
    peer wrote."""

    is_here: Callable[[ChargerKey], bool]
    owner_of: Callable[[ChargerKey], Awaitable[str | None]]
    position: Callable[[], int]
    settled: Callable[[int], Awaitable[bool]]
    clients: KeptClients
    urls: Mapping[str, str] = field(default_factory=dict)
    sockets: Mapping[str, Path] = field(default_factory=dict)
    elsewhere: Callable[[ChargerKey], Awaitable[str | None]] | None = None

    async def answer(self, request: Request, key: ChargerKey) -> Response | None:
        """Return the peer's response, or None if this process has to answer. Raises `ApiProblem` (502) if the peer
        fails."""
        if not (self.urls or self.sockets) or self.is_here(key) or PASSED_ON in request.headers:
            return None
        owner = await self.owner_of(key) or ""
        if owner not in self.urls and owner not in self.sockets:
            return None
        try:
            return await self._ask(owner, request, await request.body())
        except (httpx.HTTPError, OSError, CaUnusable) as error:
            detail = "The process that owns the charger's connection is not responding; try again in a moment."
            raise ApiProblem(HTTPStatus.BAD_GATEWAY, "gateway-not-answering", detail) from error

    async def answer_or_refusal(self, request: Request, key: ChargerKey) -> Response | None:
        """Like `answer`, but for an operation that is impossible without the connection. Also raises `ApiProblem` (409)
        if a gateway that is not a peer of this process has the connection."""
        passed_on = await self.answer(request, key)
        if passed_on is not None or self.elsewhere is None or self.is_here(key) or PASSED_ON in request.headers:
            return passed_on
        if (gateway := await self.elsewhere(key)) is not None:
            detail = (
                f"Charger {key[1]} is connected at {gateway}, which this process does not know; add its URL to "
                f"ACCESS_POLICY_PEERS, or send the request to {gateway}."
            )
            raise ApiProblem(HTTPStatus.CONFLICT, "charger-at-unknown-gateway", detail)
        return None

    async def decision(self, request: Request, key: ChargerKey, body: bytes) -> Response | None:
        """Return the decision of the gateway on this machine, which is the first to learn of charges and wrong PINs at
        its chargers.

        None: this process decides, because it is that gateway, or because the gateway fails. `body` names the attempt,
        so that an attempt that the gateway has decided despite the failure is decided only once.
        """
        if not self.sockets or PASSED_ON in request.headers:
            return None
        owner = await self.owner_of(key) or ""
        if owner not in self.sockets:
            return None
        try:
            answer = await self._ask(owner, request, body)
        except (httpx.HTTPError, OSError, CaUnusable):
            return None
        return None if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else answer

    async def _ask(self, owner: str, request: Request, body: bytes) -> Response:
        """Forward the request to the owner. Raises `httpx.HTTPError`, `CaUnusable`, or `OSError` if the directory of the
        owner's socket does not exist."""
        headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
        headers["authorization"] = f"Bearer {request.state.presented}"  # the token, or the session in the cookie
        headers["x-request-id"] = request.state.request_id
        headers |= forwarded(request)
        if request.client is not None:
            headers["x-forwarded-for"] = request.client.host
        headers[LOG_POSITION] = str(self.position())  # the peer first reads what this process has read
        path = quote(request.scope["raw_path"], safe=_IN_PATHS)  # as it was sent; that of `request.url` is decoded
        path_and_query = f"{path}?{request.url.query}" if request.url.query else path
        if (socket := self.sockets.get(owner)) is None:
            client, base = await self.clients.https(), self.urls[owner].rstrip("/")
        else:
            client, base = self.clients.at_socket(socket), ""
        answer = await client.request(
            request.method, f"{base}{path_and_query}", content=body, headers={**headers, PASSED_ON: "1"}
        )
        if (written_to := answer.headers.get(LOG_POSITION)) is not None:
            await self.settled(int(written_to))
        kept = {name: answer.headers[name] for name in _RESPONSE_HEADERS if name in answer.headers}
        return Response(answer.content, answer.status_code, kept)
