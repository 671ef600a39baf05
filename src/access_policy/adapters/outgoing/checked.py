"""Requests to servers that an operator or a partner named: to the address that was checked, with bounds on time and bytes, and
without redirects."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from access_policy import __version__
from access_policy.adapters.outgoing.addresses import AddressRefused, Lookup, Network, Resolver
from access_policy.adapters.outgoing.handshakes import closing_cut_off_handshakes
from access_policy.adapters.outgoing.trust import CaUnusable, Trust

TIMEOUT_S: Final = 15.0  # the whole of one request, with the name lookup
CONNECT_S: Final = 5.0  # to one address
PORT: Final = 443


class RequestFailed(Exception):
    """No complete response came; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` has at most the bytes that were asked for; `is_whole` tells whether that is all of it."""

    status: int
    headers: httpx.Headers
    body: bytes
    is_whole: bool

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class CheckedRequests:
    """Each request has a connection of its own: no server uses up the connections of another, and no connection outlives
    the check of its address."""

    def __init__(
        self,
        allowed: Sequence[Network] = (),
        trust: Trust | None = None,
        *,
        lookup: Lookup | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._resolver = Resolver(allowed, lookup)
        self._trust = trust or Trust()
        self._timeout_s = timeout_s

    def refusal_of(self, url: str) -> str | None:
        """Why the host of the URL, if it is an address, may not be connected to."""
        return self._resolver.refusal_of(urlsplit(url).hostname or "")

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        read_max: int,
        reads_success: bool = True,
    ) -> Answer:
        """Send once. `reads_success` False leaves the body of a success unread. Raises `RequestFailed`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._send(method, url, headers, body, read_max, reads_success)
        except TimeoutError as late:
            raise RequestFailed(f"no complete response within {self._timeout_s:g} s") from late
        except (AddressRefused, CaUnusable) as refused:
            raise RequestFailed(str(refused)) from refused
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise RequestFailed(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        self._resolver.close()

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, read_max: int, reads_success: bool
    ) -> Answer:
        parts = httpx.URL(url)
        if parts.scheme != "https":
            raise AddressRefused("only https is used")
        host = parts.raw_host.decode("ascii")
        addresses = await self._resolver.addresses(host, parts.port or PORT)
        context = await self._trust.context()
        limits = httpx.Timeout(self._timeout_s, connect=CONNECT_S)
        sent = {
            **headers,
            "Host": parts.netloc.decode("ascii"),
            "User-Agent": f"access-policy/{__version__}",
            "Accept-Encoding": "identity",
            "Connection": "close",
            **({"Content-Type": "application/json"} if body else {}),
        }
        client = httpx.AsyncClient(verify=context, trust_env=False, timeout=limits)
        async with closing_cut_off_handshakes(client):
            for address in addresses:
                there = parts.copy_with(host=address)
                request = client.build_request(
                    method, there, content=body or None, headers=sent, extensions={"sni_hostname": host}
                )
                try:
                    return await _answer(client, request, read_max, reads_success)
                except (httpx.ConnectError, httpx.ConnectTimeout):  # nothing was sent
                    if address == addresses[-1]:
                        raise
        raise AddressRefused(f"{host} has no address")


async def _answer(client: httpx.AsyncClient, request: httpx.Request, read_max: int, reads_success: bool) -> Answer:
    response = await client.send(request, stream=True, follow_redirects=False)
    read, is_whole = bytearray(), True
    try:
        if reads_success or not response.is_success:
            async for piece in response.aiter_raw():
                read += piece
                if len(read) > read_max:
                    is_whole = False
                    break
    finally:
        await response.aclose()
    return Answer(response.status_code, response.headers, bytes(read[:read_max]), is_whole)
