"""How this service names itself at the issuer's token endpoint (RFC 6749, 2.3.1)."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs

import pytest

from access_policy.adapters.identity.issuer import Issuer, SigningKeys
from access_policy.adapters.identity.key_cache import KeyCache
from access_policy.adapters.identity.oidc import OidcTokens
from access_policy.adapters.identity.sign_in import KnownEndpoints, OidcClient, OidcSignIn
from access_policy.adapters.outgoing.trust import Trust
from access_policy.application.ports.console_sessions import SignIn
from access_policy.application.ports.identity_provider import Callback, SignInRefused
from tests.support.depot_in_memory import SettableClock
from tests.support.tokens import RULES

SECRET = "a secret: with % and +"
NOW = datetime(2026, 3, 2, tzinfo=UTC)


class TokenEndpoint(HTTPServer):
    """An issuer that offers `methods` (None: it names none), refuses each code and notes how it was asked."""

    def __init__(self, methods: list[str] | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.authorization: str | None = None
        self.form: dict[str, list[str]] = {}
        self.document = {
            "issuer": self.url,
            **{f"{each}_endpoint": f"{self.url}/{each}" for each in ("authorization", "token")},
            **({} if methods is None else {"token_endpoint_auth_methods_supported": methods}),
        }


class _Handler(BaseHTTPRequestHandler):
    server: TokenEndpoint

    def do_GET(self) -> None:
        self._answer(200, self.server.document)

    def do_POST(self) -> None:
        self.server.authorization = self.headers["Authorization"]
        self.server.form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._answer(400, {"error": "invalid_grant"})

    def _answer(self, status: int, body: object) -> None:
        sent = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def token_endpoint(methods: list[str] | None) -> Iterator[TokenEndpoint]:
    with TokenEndpoint(methods) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


async def asked(server: TokenEndpoint, secret: str) -> None:
    async def no_keys() -> SigningKeys:
        return {}

    trust, clock = Trust(), SettableClock(NOW)
    tokens = OidcTokens(RULES, KeyCache(no_keys, lambda: 0.0), clock)
    endpoints = KnownEndpoints(Issuer(server.url).endpoints, lambda: 0.0)
    client = OidcClient("console: a", secret, "openid")
    sign_in = SignIn(browser="b", nonce="n", verifier="v", expires_at=NOW)
    with pytest.raises(SignInRefused, match="invalid_grant"):
        await OidcSignIn(server.url, client, endpoints, tokens, trust).redeem(
            Callback(state="s", code="c", issuer="", error=""), sign_in, redirect_uri="https://access.example/login"
        )


@pytest.mark.parametrize("methods", [None, ["client_secret_post", "client_secret_basic"]])
async def test_redeem_at_an_issuer_that_takes_basic_sends_the_secret_in_the_header_only(
    methods: list[str] | None,
) -> None:
    with token_endpoint(methods) as server:
        await asked(server, SECRET)

    assert server.authorization is not None
    named = b64decode(server.authorization.removeprefix("Basic ")).decode()
    assert named == "console%3A+a:a+secret%3A+with+%25+and+%2B"
    assert "client_secret" not in server.form


async def test_redeem_at_an_issuer_that_takes_post_only_sends_the_secret_in_the_form_only() -> None:
    with token_endpoint(["client_secret_post"]) as server:
        await asked(server, SECRET)

    assert server.authorization is None
    assert (server.form["client_id"], server.form["client_secret"]) == (["console: a"], [SECRET])


async def test_redeem_of_a_public_client_sends_no_secret() -> None:
    with token_endpoint(["client_secret_post", "none"]) as server:
        await asked(server, "")

    assert server.authorization is None
    assert "client_secret" not in server.form
    assert server.form["code_verifier"] == ["v"]
