"""Limits by address and by caller, and of guessing: who waits, for how long, and who does not."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from access_policy.adapters.identity import request_limits
from access_policy.adapters.identity.request_limits import RequestLimits, source_of
from access_policy.adapters.ocpp.transport.guessing import SOURCE_FAILURES_MAX, WITHIN_S, GuessLimit
from access_policy.application.ports.identity import Role
from tests.support.http_api import HttpApi
from tests.support.virtual_time import run_in_virtual_time

SELDOM = 0.001  # a second, so that no test sees the next one


async def ask(api: HttpApi, token: str, *, host: str = "203.0.113.9", path: str = "/v1/depots") -> httpx.Response:
    transport = httpx.ASGITransport(app=api.app, client=(host, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        return await client.get(path, headers={"Authorization": f"Bearer {token}"} if token else {})


async def statuses(api: HttpApi, token: str, times: int, **how: Any) -> list[int]:
    return [(await ask(api, token, **how)).status_code for _ in range(times)]


def test_source_may_send_its_burst_and_then_as_many_as_its_rate() -> None:
    async def scenario() -> None:
        limits = RequestLimits(per_s=0.5, burst=3)
        assert [await limits.retry_after_s("a") for _ in range(4)] == [None, None, None, 2]
        assert await limits.retry_after_s("b") is None

        await asyncio.sleep(2)
        assert [await limits.retry_after_s("a") for _ in range(2)] == [None, 2]

    run_in_virtual_time(scenario())


async def test_sources_beyond_those_remembered_push_out_the_longest_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "REMEMBERED_MAX", 2)
    limits = RequestLimits(per_s=SELDOM, burst=1)

    for source in ("a", "b", "a", "c"):
        await limits.retry_after_s(source)

    assert len(limits._sources) == 2
    assert await limits.retry_after_s("a") is not None
    assert await limits.retry_after_s("b") is None


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_source_of_an_address_is_what_one_customer_has(host: str, source: str) -> None:
    assert source_of(host) == source


async def test_address_beyond_its_limit_gets_429_before_anything_else_and_another_does_not(api: HttpApi) -> None:
    api.replace_part("identity.address_limits", RequestLimits(SELDOM, 2))
    token = api.token()

    assert await statuses(api, token, 2) == [200, 200]
    refused = await ask(api, token, path="/v1/nowhere")

    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "1000"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["type"] == "urn:access-policy:problem:too-many-requests"
    assert refused.headers["X-Request-Id"]
    assert await statuses(api, token, 1, host="203.0.113.10") == [200]


async def test_health_checks_of_the_machine_itself_are_not_limited_and_those_of_others_are(api: HttpApi) -> None:
    api.replace_part("identity.address_limits", RequestLimits(SELDOM, 1))

    for path in ("/healthz", "/readyz"):
        assert await statuses(api, "", 3, host="127.0.0.1", path=path) == [200] * 3
        assert await statuses(api, "", 3, host="::1", path=path) == [200] * 3
    assert await statuses(api, "", 2, path="/healthz") == [200, 429]
    assert await statuses(api, api.token(), 2, host="127.0.0.1") == [200, 429]


async def test_key_beyond_its_limit_gets_429_from_any_address_and_another_key_does_not(api: HttpApi) -> None:
    keys = [(await api.done("POST", "/v1/api-keys", {"name": "K", "role": "viewer"}))["key"] for _ in range(2)]
    api.replace_part("identity.caller_limits", RequestLimits(SELDOM, 2))

    assert await statuses(api, keys[0], 2) == [200, 200]
    refused = await ask(api, keys[0], host="203.0.113.10")

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1000")
    assert await statuses(api, keys[1], 1) == [200]


async def test_address_that_guesses_waits_before_its_tokens_are_verified_and_known_tokens_are_not_locked_out(
    api: HttpApi,
) -> None:
    at = 0.0
    api.replace_part("identity.guesses", GuessLimit(monotonic=lambda: at, counts_repetitions=False))
    known = api.token()
    assert await statuses(api, known, 1) == [200]

    for number in range(SOURCE_FAILURES_MAX):
        assert await statuses(api, f"ap_live_{number:016x}_{'0' * 64}", 1) == [401]
    refused = await ask(api, api.token(Role.VIEWER))

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, str(round(WITHIN_S)))
    assert await statuses(api, known, 1) == [200]
    assert await statuses(api, api.token(Role.VIEWER), 1, host="203.0.113.10") == [200]
    assert await statuses(api, "", 1) == [401]
    at = WITHIN_S
    assert await statuses(api, api.token(Role.VIEWER), 1) == [200]


async def test_invalid_token_sent_again_and_again_is_one_guess(api: HttpApi) -> None:
    times = SOURCE_FAILURES_MAX + 1

    assert await statuses(api, "expired", times) == [401] * times
    assert await statuses(api, api.token(), 1) == [200]
