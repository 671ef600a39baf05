"""Sign in at a real OIDC provider: by its forms, and by its pages in Chromium."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.async_api import BrowserContext

from access_policy.application.api_key_secrets import digest_of
from access_policy.application.ports.identity import Identity, Role
from access_policy.domain.ids import ActorId, TenantId
from access_policy.entrypoints.http.browsers import SESSION
from access_policy.entrypoints.processes.one_time_links import one_time_link
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support import console_browsers
from tests.support.login_provider import CLIENT, CLIENT_SECRET, log_in, login_provider
from tests.support.places import prepare_file


@dataclass
class Console:
    url: str
    issuer: str
    service: Service
    browser: httpx.AsyncClient

    async def at_callback(self, login: str = "anna") -> str:
        """The URL at which the provider sends the browser back; nobody has opened it yet."""
        url = (await self.browser.get(f"{self.url}/login")).headers["Location"]
        assert url.startswith(self.issuer)
        return await log_in(self.browser, url, login, back_to=self.url)

    async def change_sign_in(self, callback: str, **changes: Any) -> None:
        """Replace what the service remembers of the sign-in."""
        c = self.service.container
        digest = digest_of(parse_qs(urlsplit(callback).query)["state"][0])
        sign_ins = c.records.console_sessions().sign_ins
        found = await sign_ins.take(digest)
        assert found is not None
        await sign_ins.put(digest, replace(found, **changes), now=c.clock().now())

    async def who(self) -> httpx.Response:
        return await self.browser.get(f"{self.url}/v1/session")


def free_port() -> int:
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@asynccontextmanager
async def serving(path: Path, port: int, **settings: Any) -> AsyncIterator[Service]:
    found = Settings(data=path / "data", http=f"127.0.0.1:{port}", ocpp="127.0.0.1:0", drain_s=0.0, **settings)
    prepare_file(found.data / "views.sqlite")
    async with Service(found).running() as service:
        yield service


@asynccontextmanager
async def signing_in_at_a_provider(tmp_path: Path) -> AsyncIterator[Console]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with login_provider(url) as issuer:
        by_issuer = {
            "oidc_issuer": issuer,
            "oidc_audience": "https://api.example",
            "oidc_console_client": CLIENT,
            "oidc_console_secret": CLIENT_SECRET,
        }
        async with (
            serving(tmp_path, port, **by_issuer) as service,
            httpx.AsyncClient(trust_env=False, timeout=60) as browser,
        ):
            yield Console(url, issuer, service, browser)


@pytest.fixture
async def chromium() -> AsyncIterator[BrowserContext]:
    async with console_browsers.chromium() as browser:
        yield await browser.new_context()


async def test_sign_in_at_the_provider_opens_a_session_with_the_token_s_tenant_and_role(tmp_path: Path) -> None:
    async with signing_in_at_a_provider(tmp_path) as console:
        callback = await console.at_callback("anna")

        opened = await console.browser.get(callback)

        assert opened.status_code == 303, opened.text
        assert (await console.who()).json() == {
            "subject": "anna",
            "tenant_id": "acme",
            "role": "operator",
            "depot_ids": None,
        }


async def test_sign_in_asks_for_a_code_with_pkce_a_state_and_a_nonce(tmp_path: Path) -> None:
    async with signing_in_at_a_provider(tmp_path) as console:
        asked = [
            parse_qs(urlsplit((await console.browser.get(f"{console.url}/login")).headers["Location"]).query)
            for _ in range(2)
        ]

        for each in asked:
            assert each["response_type"] == ["code"]
            assert each["code_challenge_method"] == ["S256"]
            assert each["redirect_uri"] == [f"{console.url}/login/callback"]
        for name in ("state", "nonce", "code_challenge"):
            assert asked[0][name] != asked[1][name]


@pytest.mark.parametrize("field", ["verifier", "nonce"])
async def test_sign_in_with_another_verifier_or_nonce_is_refused(tmp_path: Path, field: str) -> None:
    async with signing_in_at_a_provider(tmp_path) as console:
        callback = await console.at_callback()
        await console.change_sign_in(callback, **{field: "x" * 43})

        refused = await console.browser.get(callback)

        assert refused.status_code == 400
        assert SESSION not in console.browser.cookies
        assert (await console.who()).status_code == 401


async def test_state_replayed_is_refused_before_and_after_a_success(tmp_path: Path) -> None:
    async with signing_in_at_a_provider(tmp_path) as console:
        callback = await console.at_callback()
        async with httpx.AsyncClient(trust_env=False, timeout=60) as stranger:
            elsewhere = await stranger.get(callback)
        after_a_failure = await console.browser.get(callback)

        callback = await console.at_callback()
        first, again = [await console.browser.get(callback) for _ in range(2)]

        assert (elsewhere.status_code, after_a_failure.status_code) == (400, 400)
        assert (first.status_code, again.status_code) == (303, 400)


async def test_answer_of_another_issuer_is_refused(tmp_path: Path) -> None:
    async with signing_in_at_a_provider(tmp_path) as console:
        callback = httpx.URL(await console.at_callback())

        refused = await console.browser.get(callback.copy_merge_params({"iss": "https://evil.example"}))

        assert refused.status_code == 400


async def test_people_sign_in_and_out_at_both_ends_in_chromium(tmp_path: Path, chromium: BrowserContext) -> None:
    async with signing_in_at_a_provider(tmp_path) as console:
        page = await chromium.new_page()
        await page.goto(console.url)
        await page.get_by_role("button", name="Sign in").click()
        await page.locator("[name=login]").fill("berta")
        await page.locator("[name=password]").fill("any")
        await page.locator("button[type=submit]").click()
        await page.locator("button[type=submit]").click()  # consent
        await page.wait_for_url(f"{console.url}/console/board")
        assert await page.locator("#who").text_content() == "Signed in as berta, operator of acme, all depots."
        (cookie,) = [each for each in await chromium.cookies(console.url) if each["name"] == SESSION]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
        assert await page.evaluate("document.cookie") == ""

        await page.locator("#account summary").click()
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("button", name="Yes, sign me out").click()
        await page.wait_for_url(f"{console.url}/console/")
        assert await page.locator("#who").inner_text() == "You are not signed in."

        await page.get_by_role("button", name="Sign in").click()
        await page.locator("[name=login]").wait_for()  # the provider asks again: its session has ended too


async def test_one_time_link_signs_in_and_the_page_signs_out_in_chromium(
    tmp_path: Path, chromium: BrowserContext
) -> None:
    async with serving(tmp_path, 0) as service:
        admin = Identity(tenant_id=TenantId("acme"), role=Role.ADMIN, subject=ActorId("operator"))
        page = await chromium.new_page()

        await page.goto(await one_time_link(service.settings, admin, service.http_port))
        assert await page.locator("#who").text_content() == "Signed in as operator, admin of acme, all depots."

        await page.locator("#account summary").click()
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_text("You are not signed in.").wait_for()
