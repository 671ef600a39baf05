"""Sessions of the console: opened by a one-time link, used by every operation, and ended."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import pytest

from access_policy.application.console_sign_in import new_login_link
from access_policy.application.ports.console_sessions import SignIn
from access_policy.application.ports.identity import Identity, Role
from access_policy.application.ports.identity_provider import Callback
from access_policy.domain.ids import ActorId, DepotId, TenantId
from access_policy.entrypoints.http.browsers import SESSION
from tests.support.depot_in_memory import SettableClock
from tests.support.http_api import HttpApi

ORIGIN = "http://api"
OWN_PAGE = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
DEPOT = {"name": "North", "time_zone": "Europe/Berlin"}


async def link(api: HttpApi, role: Role = Role.ADMIN, depots: Sequence[str] | None = None) -> str:
    identity = Identity(
        tenant_id=TenantId("acme"),
        role=role,
        subject=ActorId("anna"),
        depots=None if depots is None else frozenset(map(DepotId, depots)),
    )
    code = await new_login_link(api.container.records.login_links(), identity, api.container.clock())
    return f"/login/once?code={code}"


async def sign_in(api: HttpApi, role: Role = Role.ADMIN, depots: Sequence[str] | None = None) -> httpx.Response:
    answer = await api.client.get(await link(api, role, depots))
    assert answer.status_code == 303, answer.text
    return answer


def forward(api: HttpApi, **span: float) -> None:
    clock = api.container.clock()
    assert isinstance(clock, SettableClock)
    clock.forward(**span)


async def test_one_time_link_opens_a_session_of_its_identity_in_a_cookie_that_scripts_cannot_read(api: HttpApi) -> None:
    opened = await sign_in(api, Role.OPERATOR, ["north"])

    shown = await api.client.get("/v1/session")

    assert opened.headers["Location"] == "/"
    cookie = opened.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert shown.json() == {"subject": "anna", "tenant_id": "acme", "role": "operator", "depot_ids": ["north"]}
    assert "Signed in as anna, operator of acme, North." in (await api.client.get("/", follow_redirects=True)).text


async def test_one_time_link_used_twice_opens_one_session(empty_api: HttpApi) -> None:
    url = await link(empty_api)
    await empty_api.client.get(url)
    empty_api.client.cookies.clear()

    again = await empty_api.client.get(url)

    assert again.status_code == 400
    assert "Set-Cookie" not in again.headers
    assert "used already or has expired" in again.text


async def test_one_time_link_after_ten_minutes_opens_nothing(empty_api: HttpApi) -> None:
    url = await link(empty_api)
    forward(empty_api, minutes=10)

    assert (await empty_api.client.get(url)).status_code == 400


async def test_session_changes_things_for_the_console_s_own_pages_only(empty_api: HttpApi) -> None:
    await sign_in(empty_api)
    foreign = (
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "http://api.evil.example"},
        {"Origin": "https://api"},
        {"Origin": "http://api:8080"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://evil.example", "Idempotency-Key": "k"},
    )
    for headers in foreign:
        refused = await empty_api.client.put("/v1/depots/north", json=DEPOT, headers=headers)
        assert refused.status_code == 403, headers
        assert refused.json()["type"].endswith(":foreign-origin"), headers
    assert await empty_api.events_after(0) == []

    done = await empty_api.client.put("/v1/depots/north", json=DEPOT, headers=OWN_PAGE)
    by_token = await empty_api.send("PUT", "/v1/depots/south", DEPOT, headers={"Origin": "https://evil.example"})

    assert done.status_code == 201, done.text
    assert by_token.status_code == 201, "a token is no cookie: no browser adds it to another site's request"


async def test_session_has_the_role_and_the_depots_that_it_was_opened_with(api: HttpApi) -> None:
    await sign_in(api, Role.VIEWER, ["south"])

    assert (await api.client.get("/v1/depots/north")).status_code == 404
    assert (await api.client.put("/v1/depots/south", json=DEPOT, headers=OWN_PAGE)).status_code == 403


async def test_token_in_the_header_counts_before_the_session(empty_api: HttpApi) -> None:
    await sign_in(empty_api)

    shown = await empty_api.get("/v1/session", role=Role.SERVICE)
    broken = await empty_api.client.get("/v1/session", headers={"Authorization": "Bearer broken"})

    assert shown.json()["role"] == "service"
    assert broken.status_code == 401


async def test_session_without_a_request_for_an_hour_has_ended(empty_api: HttpApi) -> None:
    await sign_in(empty_api)
    for _ in range(2):  # each request begins the hour anew
        forward(empty_api, minutes=59)
        assert (await empty_api.client.get("/v1/session")).status_code == 200

    forward(empty_api, minutes=60)

    assert (await empty_api.client.get("/v1/session")).status_code == 401
    assert "You are not signed in." in (await empty_api.client.get("/", follow_redirects=True)).text


async def test_session_ends_after_twelve_hours_however_much_it_is_used(empty_api: HttpApi) -> None:
    await sign_in(empty_api)

    statuses = []
    for _ in range(24):
        forward(empty_api, minutes=30)
        statuses.append((await empty_api.client.get("/v1/session")).status_code)

    assert statuses == [200] * 23 + [401]


async def test_logout_ends_the_session_and_a_foreign_page_cannot(empty_api: HttpApi) -> None:
    await sign_in(empty_api)
    session = empty_api.client.cookies[SESSION]

    foreign = await empty_api.client.post("/logout", headers={"Origin": "https://evil.example"})
    still = await empty_api.client.get("/v1/session")
    ended = await empty_api.client.post("/logout", headers=OWN_PAGE)

    assert (foreign.status_code, still.status_code, ended.status_code) == (403, 200, 303)
    assert SESSION not in empty_api.client.cookies
    kept = await empty_api.client.get("/v1/session", headers={"Cookie": f"{SESSION}={session}"})
    assert kept.status_code == 401


async def test_cookie_over_https_has_the_host_prefix_and_no_other_name_counts(empty_api: HttpApi) -> None:
    answer = await empty_api.client.get(f"https://api{await link(empty_api)}")
    cookie = answer.headers["Set-Cookie"]
    session = cookie.partition("=")[2].partition(";")[0]
    empty_api.client.cookies.clear()

    shown = {
        name: (
            await empty_api.client.get("https://api/v1/session", headers={"Cookie": f"{name}={session}"})
        ).status_code
        for name in (SESSION, f"__Host-{SESSION}")
    }

    assert cookie.startswith(f"__Host-{SESSION}=")
    assert "; secure" in cookie.lower()
    assert "; path=/" in cookie.lower()
    assert "domain" not in cookie.lower()
    assert shown == {SESSION: 401, f"__Host-{SESSION}": 200}


@pytest.mark.parametrize("path", ["/", "/login", "/login/callback", "/login/once"])
async def test_page_keeps_other_sites_and_scripts_out(empty_api: HttpApi, path: str) -> None:
    headers = (await empty_api.client.get(path)).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert [each for each in policy.split("; ") if each.startswith("script-src")] in ([], ["script-src 'self'"])
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


class AskedProvider:
    """An identity provider that notes the redirect URIs."""

    def __init__(self) -> None:
        self.redirect_uris: list[str] = []

    async def authorization_url(self, sign_in: SignIn, *, state: str, redirect_uri: str) -> str:
        self.redirect_uris.append(redirect_uri)
        return f"https://issuer.example/authorize?state={state}"

    async def redeem(self, callback: Callback, sign_in: SignIn, *, redirect_uri: str) -> tuple[Identity, str]:
        self.redirect_uris.append(redirect_uri)
        return Identity(tenant_id=TenantId("acme"), role=Role.ADMIN, subject=ActorId("anna")), "id-token"

    async def end_session_url(self, id_token: str, *, return_to: str) -> str | None:
        self.redirect_uris.append(return_to)
        return None


async def test_public_url_is_the_origin_of_pages_and_the_redirect_uri_behind_a_proxy(empty_api: HttpApi) -> None:
    """The proxy reaches the service as http://api; browsers reach the proxy."""
    provider, c = AskedProvider(), empty_api.container
    public = c.settings().model_copy(
        update={
            "public_url": "https://access.example",
            "oidc_issuer": "https://issuer.example",
            "oidc_console_client": "console",
        }
    )
    empty_api.replace_part("settings", public)
    empty_api.replace_part("identity.identity_provider", provider)
    begun = await empty_api.client.get("/login")
    state = begun.headers["Location"].partition("state=")[2]
    cookies = [begun.headers["Set-Cookie"].partition(";")[0]]

    opened = await empty_api.client.get(f"/login/callback?code=c&state={state}", headers={"Cookie": "; ".join(cookies)})
    session = next(each for each in opened.headers.get_list("Set-Cookie") if SESSION in each).partition(";")[0]
    answers = [
        (
            await empty_api.client.put(
                "/v1/depots/north", json=DEPOT, headers={"Cookie": session, "Origin": origin, "If-None-Match": "*"}
            )
        ).status_code
        for origin in (ORIGIN, "https://access.example.evil", "https://access.example")
    ]
    await empty_api.client.post("/logout", headers={"Cookie": session, "Origin": "https://access.example"})

    assert session.startswith(f"__Host-{SESSION}=")
    assert answers == [403, 403, 201]
    assert provider.redirect_uris == [*["https://access.example/login/callback"] * 2, "https://access.example/"]
