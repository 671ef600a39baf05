"""One delivery by HTTPS: to the address that was checked, with bounds on time and bytes, and without redirects."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from access_policy import __version__
from access_policy.adapters.outgoing.trust import CaUnusable, Trust
from access_policy.adapters.webhooks.addresses import AddressRefused, Lookup, Network, Resolver
from access_policy.application.ports.webhooks import Attempt

TIMEOUT_S: Final = 15.0  # the whole of one try, with the name lookup
CONNECT_S: Final = 5.0  # to one address
READ_MAX: Final = 16 * 1024  # bytes of a response's body
SHOWN_MAX: Final = 300  # characters of it in the log
PORT: Final = 443
REDIRECTS: Final = range(300, 400)


class HttpsWebhookSender:
    """Implements `WebhookSender`. Each try has a connection of its own: no receiver uses up the connections of another, and
    no connection outlives the check of its address."""

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
        return self._resolver.refusal_of(urlsplit(url).hostname or "")

    async def send(self, url: str, headers: dict[str, str], body: bytes, *, now: datetime) -> Attempt:
        began = time.monotonic()
        status, detail, retry_after_s = None, "", 0.0
        try:
            async with asyncio.timeout(self._timeout_s):
                status, detail, retry_after_s = await self._post(url, headers, body, now)
        except TimeoutError:
            detail = f"no complete response within {self._timeout_s:g} s"
        except (AddressRefused, CaUnusable) as refused:
            detail = str(refused)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            detail = f"{type(error).__name__}: {error}"
        took_ms = round((time.monotonic() - began) * 1000)
        return Attempt(at=now, status=status, detail=detail, took_ms=took_ms, retry_after_s=retry_after_s)

    async def close(self) -> None:
        self._resolver.close()

    async def _post(self, url: str, headers: dict[str, str], body: bytes, now: datetime) -> tuple[int, str, float]:
        parts = httpx.URL(url)
        host = parts.raw_host.decode("ascii")
        addresses = await self._resolver.addresses(host, parts.port or PORT)
        context = await self._trust.context()
        limits = httpx.Timeout(self._timeout_s, connect=CONNECT_S)
        sent = {
            **headers,
            "Host": parts.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": f"access-policy/{__version__}",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        async with httpx.AsyncClient(verify=context, trust_env=False, timeout=limits) as client:
            for address in addresses:
                there = parts.copy_with(host=address)
                request = client.build_request(
                    "POST", there, content=body, headers=sent, extensions={"sni_hostname": host}
                )
                try:
                    return await self._answer(client, request, now)
                except (httpx.ConnectError, httpx.ConnectTimeout):  # nothing was sent
                    if address == addresses[-1]:
                        raise
        raise AddressRefused(f"{host} has no address")

    async def _answer(self, client: httpx.AsyncClient, request: httpx.Request, now: datetime) -> tuple[int, str, float]:
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            read = bytearray()
            if not response.is_success:
                async for piece in response.aiter_raw():
                    read += piece
                    if len(read) >= READ_MAX:
                        break
        finally:
            await response.aclose()
        detail = bytes(read[: 4 * SHOWN_MAX]).decode(errors="replace")[:SHOWN_MAX]
        if response.status_code in REDIRECTS:
            detail = "redirects are not followed; change the webhook's URL"
        return response.status_code, detail, _retry_after_s(response.headers.get("Retry-After"), now)


def _retry_after_s(value: str | None, now: datetime) -> float:
    """RFC 9110, 10.2.3: seconds, or a date. 0 for anything else."""
    if value is None:
        return 0.0
    if value.strip().isdecimal() and value.isascii():
        return float(value.strip()[:9])
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, (parsedate_to_datetime(value).astimezone(UTC) - now).total_seconds())
    return 0.0
