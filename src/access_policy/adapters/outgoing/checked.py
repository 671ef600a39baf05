"""Requests to servers that an operator or a partner named. Each goes to an address that was checked, with limits on time and
bytes, and without redirects.
"""

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
from access_policy.adapters.outgoing.kept import KeptConnections
from access_policy.adapters.outgoing.trust import CaUnusable, Trust

TIMEOUT_S: Final = 15.0  # for one whole request, including the name lookup
CONNECT_S: Final = 5.0  # to one address
PORT: Final = 443
_NO_HEADERS: Final[Mapping[str, str]] = {}


class RequestFailed(Exception):
    """No complete response was received; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `body` has at most the requested number of bytes; `is_whole` tells whether it is complete."""

    status: int
    headers: httpx.Headers
    body: bytes
    is_whole: bool

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class CheckedRequests:
    """Each request looks up the server's name, checks its addresses, and goes to one of them.

    A request uses a new connection or, if the caller allows it, one that is kept for its server, so that no server uses up the
    connections of another.
    """

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
        self._kept = KeptConnections()

    def refusal_of(self, url: str) -> str | None:
        """Say why the URL's host may not be connected to, if it is an address; otherwise None."""
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
        keeps: bool = False,
    ) -> Answer:
        """Send the request once. If `reads_success` is False, the body of a successful response is not read. With `keeps`, use
        a kept connection, and send the request again on a new one if the server had closed it; use it only for requests that
        may arrive twice. Raises `RequestFailed`.
        """
        sending = _Sending(method, url, headers, body, read_max, reads_success)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._send(sending, keeps)
        except TimeoutError as late:
            raise RequestFailed(f"no complete response within {self._timeout_s:g} s") from late
        except (AddressRefused, CaUnusable) as refused:
            raise RequestFailed(str(refused)) from refused
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise RequestFailed(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        self._resolver.close()
        await self._kept.close()

    async def _send(self, sending: _Sending, keeps: bool) -> Answer:
        parts = httpx.URL(sending.url)
        if parts.scheme != "https":
            raise AddressRefused("only https is used")
        host, port = parts.raw_host.decode("ascii"), parts.port or PORT
        addresses = await self._resolver.addresses(host, port)
        context = await self._trust.context()
        if keeps:
            try:
                async with self._kept.client((host, port), context) as client:
                    return await self._sent_to_one_of(addresses, client, sending)
            except _ClosedMeanwhile:
                pass
        async with closing_cut_off_handshakes(httpx.AsyncClient(verify=context, trust_env=False)) as client:
            return await self._sent_to_one_of(addresses, client, sending, {"Connection": "close"})

    async def _sent_to_one_of(
        self,
        addresses: Sequence[str],
        client: httpx.AsyncClient,
        sending: _Sending,
        more: Mapping[str, str] = _NO_HEADERS,
    ) -> Answer:
        """Send to the first address that accepts a connection. Raises `_ClosedMeanwhile` if the server closed a kept connection
        instead of answering.
        """
        for address in addresses:
            connected = _Connected()
            request = sending.request(client, address, more, connected, self._timeout_s)
            try:
                return await _answer(client, request, sending.read_max, sending.reads_success)
            except (httpx.ConnectError, httpx.ConnectTimeout):  # nothing was sent
                if address == addresses[-1]:
                    raise
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as ended:
                if connected.is_new:
                    raise
                raise _ClosedMeanwhile from ended
        raise AddressRefused(f"{httpx.URL(sending.url).host} has no address")


class _ClosedMeanwhile(Exception):
    pass


class _Connected:
    """The `trace` of one request, which notes whether httpcore opens a connection for it."""

    def __init__(self) -> None:
        self.is_new = False

    async def __call__(self, event: str, _: object) -> None:
        self.is_new |= event == "connection.connect_tcp.started"


@dataclass(frozen=True, slots=True)
class _Sending:
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    read_max: int
    reads_success: bool

    def request(
        self, client: httpx.AsyncClient, address: str, more: Mapping[str, str], trace: _Connected, timeout_s: float
    ) -> httpx.Request:
        """Build a request to the address, with the name in TLS and in `Host`."""
        parts = httpx.URL(self.url)
        sent = {
            **self.headers,
            "Host": parts.netloc.decode("ascii"),
            "User-Agent": f"access-policy/{__version__}",
            "Accept-Encoding": "identity",
            **more,
            **({"Content-Type": "application/json"} if self.body else {}),
        }
        return client.build_request(
            self.method,
            parts.copy_with(host=address),
            content=self.body or None,
            headers=sent,
            timeout=httpx.Timeout(timeout_s, connect=CONNECT_S),
            extensions={"sni_hostname": parts.raw_host.decode("ascii"), "trace": trace},
        )


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
