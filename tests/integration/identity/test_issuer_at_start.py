"""`serve` with an issuer that does not fit: one line that says what to do, exit 1, and nothing is made."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from access_policy.entrypoints.demo.ports import free_port
from access_policy.entrypoints.processes.safety import check_issuer
from access_policy.settings import Settings
from tests.support.static_site import static_site

DISCOVERY = "/.well-known/openid-configuration"
NO_FITTING_ISSUER: dict[str, tuple[Mapping[str, tuple[int, str]], str]] = {
    "wrong URL": ({}, "answers 404; correct ACCESS_POLICY_OIDC_ISSUER"),
    "no JSON": ({DISCOVERY: (200, "<html>")}, "does not answer with JSON"),
    "another issuer": ({DISCOVERY: (200, '{"issuer": "https://other"}')}, "exactly as it names itself"),
    "no JWKS": ({DISCOVERY: (200, '{"issuer": "{url}"}')}, "names no usable jwks_uri"),
    "missing JWKS": ({DISCOVERY: (200, '{"issuer": "{url}", "jwks_uri": "{url}/keys"}')}, "/keys answers 404"),
    "empty JWKS": (
        {DISCOVERY: (200, '{"issuer": "{url}", "jwks_uri": "{url}/keys"}'), "/keys": (200, '{"keys": []}')},
        "no key with a kid for RS256, PS256 or ES256",
    ),
}


@pytest.mark.parametrize(("pages", "says"), NO_FITTING_ISSUER.values(), ids=NO_FITTING_ISSUER.keys())
async def test_serve_with_an_issuer_that_does_not_fit_ends_with_one_line(
    tmp_path: Path, pages: Mapping[str, tuple[int, str]], says: str
) -> None:
    data = tmp_path / "data"
    async with static_site(pages) as url:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "access_policy.entrypoints.cli", "serve", "--data", str(data)),
            *("--http", f"127.0.0.1:{free_port()}", "--ocpp", f"127.0.0.1:{free_port()}"),
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "ACCESS_POLICY_OIDC_ISSUER": url, "ACCESS_POLICY_OIDC_AUDIENCE": "api"},
        )
        _, errors = await asyncio.wait_for(process.communicate(), 120)

    assert process.returncode == 1
    assert len(errors.decode().splitlines()) == 1, errors
    assert says in errors.decode()
    assert not data.exists()


@pytest.mark.parametrize("is_there", [False, True], ids=["refused", "503"])
async def test_issuer_that_does_not_answer_is_one_line_and_stops_nobody(
    caplog: pytest.LogCaptureFixture, is_there: bool
) -> None:
    async with static_site({DISCOVERY: (503, "later")}) as url:
        address = url if is_there else f"http://127.0.0.1:{free_port()}"
        await check_issuer(Settings(oidc_issuer=address, oidc_audience="api"))

    (line,) = caplog.messages
    assert address in line
    assert "No one can sign in until it does." in line
