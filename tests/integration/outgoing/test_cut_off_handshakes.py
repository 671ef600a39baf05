"""Requests that are cancelled while they connect: no socket stays open."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from access_policy.adapters.identity.issuer import Endpoints, Issuer, SigningKeys
from access_policy.adapters.identity.key_cache import KeyCache
from access_policy.adapters.identity.oidc import OidcTokens
from access_policy.adapters.identity.sign_in import KnownEndpoints, OidcClient, OidcSignIn
from access_policy.adapters.outgoing.checked import CheckedRequests
from access_policy.adapters.outgoing.clients import KeptClients
from access_policy.adapters.outgoing.trust import Trust
from access_policy.application.ports.console_sessions import SignIn
from access_policy.application.ports.identity_provider import Callback
from tests.support.builders import NOON
from tests.support.certificates import TestAuthority
from tests.support.depot_in_memory import SettableClock
from tests.support.ocpi import LOOPBACK
from tests.support.tokens import RULES
from tests.support.webhook_receiver import webhook_receiver

Sending = Callable[[str], Awaitable[Any]]


class Silent:
    """A server that takes connections and says nothing: each TLS handshake with it waits."""

    def __init__(self) -> None:
        self.url = ""
        self.greeted = asyncio.Event()
        self.left = asyncio.Event()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(1)
            self.greeted.set()
            with contextlib.suppress(ConnectionError):
                await reader.read()
            self.left.set()
        finally:
            writer.close()


@pytest.fixture
async def silent() -> AsyncIterator[Silent]:
    made = Silent()
    server = await asyncio.start_server(made.take, "127.0.0.1", 0)
    made.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made


async def checked(url: str) -> None:
    requests = CheckedRequests(LOOPBACK)
    try:
        await requests.send("PUT", url, {}, b"{}", read_max=100)
    finally:
        await requests.close()


async def kept(url: str) -> None:
    clients = KeptClients(Trust())
    try:
        await (await clients.https()).get(url)
    finally:
        await clients.close()


async def discovered(url: str) -> None:
    await Issuer(url).signing_keys()


async def signed_in(url: str) -> None:
    async def known() -> Endpoints:
        return Endpoints(authorization=url, token=url, end_session="", names_itself=False, takes_basic=True)

    async def no_keys() -> SigningKeys:
        return {}

    tokens = OidcTokens(RULES, KeyCache(no_keys, lambda: 0.0), SettableClock(NOON))
    endpoints = KnownEndpoints(known, lambda: 0.0)
    sign_in = SignIn(browser="b", nonce="n", verifier="v", expires_at=NOON)
    await OidcSignIn(url, OidcClient("console", "", "openid"), endpoints, tokens, Trust()).redeem(
        Callback(state="s", code="c", issuer="", error=""), sign_in, redirect_uri="https://access.example/login"
    )


@pytest.mark.parametrize("sending", [checked, kept, discovered, signed_in])
async def test_request_cancelled_in_its_tls_handshake_closes_its_socket(sending: Sending, silent: Silent) -> None:
    task = asyncio.ensure_future(sending(silent.url))
    await silent.greeted.wait()

    task.cancel()
    with pytest.raises(
        asyncio.CancelledError
    ) as cancelled:  # whose traceback keeps what is open from the garbage collector
        await task

    async with asyncio.timeout(30):
        await silent.left.wait()
    assert cancelled.value is not None


async def test_request_cancelled_after_any_step_leaves_no_socket_to_the_garbage_collector(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    requests = CheckedRequests(LOOPBACK, Trust(authority.certificate))
    async with webhook_receiver(authority.issue("127.0.0.1")) as receiver:
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always", ResourceWarning)
            steps = 0
            while not await ended(requests.send("POST", receiver.url(), {}, b"{}", read_max=100), steps):
                steps += 1
            gc.collect()
    await requests.close()

    assert steps > 5
    assert [str(each.message) for each in found] == []


async def ended(sending: Awaitable[Any], steps: int) -> bool:
    """Whether it ended by itself within so many turns of the loop; else it was cancelled."""
    task = asyncio.ensure_future(sending)
    for _ in range(steps):
        await asyncio.sleep(0)
    if task.done():
        return True
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return False
