"""One-time links to the console: the one that `serve` prints, and those of `login-link`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx

from tests.support import command_line
from tests.support.process import free_port, serving


async def test_serve_and_login_link_print_links_that_open_one_session_each(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    async with serving(tmp_path, ports) as process:
        assert process.stdout is not None
        line = b""
        while not line.startswith(b"Console"):
            line = await asyncio.wait_for(process.stdout.readline(), 60)
        printed = line.decode().split()[1]
        done = await asyncio.to_thread(
            command_line.access_policy,
            *("login-link", "--tenant", "acme", "--role", "viewer", "--qr"),
            *("--data", str(tmp_path), "--http", f"127.0.0.1:{ports[0]}"),
            environment=dict(os.environ),
        )
        assert done.returncode == 0, done.stderr
        made, qr_code = done.stdout.split("\n", 1)

        who = [await who_is_signed_in_by(url) for url in (printed, made, printed)]

    assert printed.startswith(f"http://127.0.0.1:{ports[0]}/login/once?code=")
    assert "▄▄▄▄▄" in qr_code
    assert who == [("default", "admin"), ("acme", "viewer"), None]


async def who_is_signed_in_by(url: str) -> tuple[str, str] | None:
    """The tenant and the role of the session that the link opens."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as browser:
        await browser.get(url)
        shown = await browser.get(httpx.URL(url).join("/v1/session"))
        return (shown.json()["tenant_id"], shown.json()["role"]) if shown.is_success else None


def test_login_link_without_keys_or_with_an_issuer_explains_in_one_line(tmp_path: Path) -> None:
    issuer = {"ACCESS_POLICY_OIDC_ISSUER": "https://login.example", "ACCESS_POLICY_OIDC_AUDIENCE": "api"}
    for settings, says in (({}, "--data"), (issuer, "/login")):
        done = command_line.access_policy(
            *("login-link", "--tenant", "acme", "--role", "viewer", "--data", str(tmp_path / "none")),
            environment={**os.environ, **settings},
        )
        assert done.returncode == 1
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "none").exists()
