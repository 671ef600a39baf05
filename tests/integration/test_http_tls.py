"""The HTTP API over TLS: certificates that are renewed, and files that stop a start; and who is believed about a client."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from access_policy.entrypoints.processes import ports
from access_policy.entrypoints.processes.ports import HttpListener
from access_policy.entrypoints.processes.service import Service
from access_policy.settings import Settings
from tests.support import command_line
from tests.support.certificates import Files, TestAuthority
from tests.support.places import prepare_file

HSTS = "strict-transport-security"
YEAR = timedelta(days=365)


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path)


@asynccontextmanager
async def serving(path: Path, **settings: Any) -> AsyncIterator[Service]:
    found = Settings(data=path / "data", http="127.0.0.1:0", ocpp="127.0.0.1:0", drain_s=0.0, **settings)
    prepare_file(found.data / "views.sqlite")
    async with Service(found).running() as service:
        yield service


def over_tls(own: Files) -> dict[str, Path]:
    return {"http_tls_certificate": own.certificate, "http_tls_key": own.key}


def trusting(authority: TestAuthority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.certificate))


async def get(service: Service, authority: TestAuthority, path: str = "/healthz") -> httpx.Response:
    async with httpx.AsyncClient(verify=trusting(authority), trust_env=False, timeout=60) as client:
        return await client.get(f"https://127.0.0.1:{service.http_port}{path}")


async def presented(service: Service, authority: TestAuthority) -> str:
    """The common name of the certificate in a new handshake."""
    _, writer = await asyncio.open_connection("127.0.0.1", service.http_port, ssl=trusting(authority))
    certificate = writer.get_extra_info("peercert")
    writer.close()
    return dict(name for part in certificate["subject"] for name in part)["commonName"]


async def test_api_over_tls_answers_with_hsts_and_refuses_plain_http(tmp_path: Path, authority: TestAuthority) -> None:
    async with serving(tmp_path, **over_tls(authority.issue("server"))) as service:
        answer = await get(service, authority)

        assert answer.status_code == 200
        assert answer.headers[HSTS] == "max-age=31536000"
        async with httpx.AsyncClient(trust_env=False, timeout=60) as plain:
            with pytest.raises(httpx.HTTPError):
                await plain.get(f"http://127.0.0.1:{service.http_port}/healthz")


async def test_api_without_tls_sends_no_hsts(tmp_path: Path) -> None:
    async with serving(tmp_path) as service, httpx.AsyncClient(trust_env=False, timeout=60) as plain:
        assert HSTS not in (await plain.get(f"http://127.0.0.1:{service.http_port}/healthz")).headers


async def test_api_takes_a_renewed_certificate_and_keeps_it_when_the_next_files_do_not_fit(
    tmp_path: Path, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ports, "RENEWAL_CHECK_S", 0.02)
    own = authority.issue("first", file="server")
    async with serving(tmp_path, **over_tls(own)) as service:
        assert await presented(service, authority) == "first"

        authority.issue("second", file="server")
        async with asyncio.timeout(10):
            while await presented(service, authority) != "second":
                pass

        other = authority.issue("third")
        os.replace(other.certificate, own.certificate)  # without its key
        async with asyncio.timeout(10):
            while "is not renewed" not in caplog.text:  # noqa: ASYNC110  it is written from a thread
                await asyncio.sleep(0.01)
        assert await presented(service, authority) == "second"

        own.key.unlink()
        async with asyncio.timeout(10):
            while "No such file" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await presented(service, authority) == "second"

        authority.issue("fourth", file="server", lasts=timedelta(seconds=-1))
        async with asyncio.timeout(10):
            while "so it is not valid now" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert await presented(service, authority) == "second"


async def test_metrics_have_the_end_of_the_certificate(tmp_path: Path, authority: TestAuthority) -> None:
    async with serving(tmp_path, **over_tls(authority.issue("server", lasts=YEAR))) as service:
        tls = service.container.http_tls()

        assert tls is not None
        assert tls.expires_at is not None
        families = {each.name: each for each in text_string_to_metric_families((await service.metrics()).decode())}
        samples = families["access_policy_certificate_expiry_timestamp_seconds"].samples
        assert [(each.labels, each.value) for each in samples] == [({"listener": "http"}, tls.expires_at.timestamp())]


@pytest.mark.parametrize("mode", [(), ("--single-process",)])
@pytest.mark.parametrize("case", ["no key", "half", "expired", "missing", "unreadable"])
def test_serve_with_files_that_cannot_be_used_explains_in_one_line_and_changes_nothing(
    tmp_path: Path, authority: TestAuthority, case: str, mode: tuple[str, ...]
) -> None:
    own, other = authority.issue("server"), authority.issue("other")
    certificate, key, says = {
        "no key": (own.certificate, other.key, "not a usable certificate with its key"),
        "half": (own.certificate, None, "belong together"),
        "expired": (*_of(authority.issue("old", lasts=timedelta(days=-1))), "so it is not valid now"),
        "missing": (tmp_path / "none.pem", own.key, "No such file"),
        "unreadable": (authority.certificate.parent, own.key, "not a usable certificate with its key"),
    }[case]
    files = {"CERTIFICATE": certificate, "KEY": key}
    environment = {f"ACCESS_POLICY_HTTP_TLS_{name}": str(path) for name, path in files.items() if path is not None}
    data = tmp_path / "data"

    done = command_line.access_policy(
        *("serve", "--data", str(data), "--http", "127.0.0.1:0", "--ocpp", "127.0.0.1:0", *mode),
        environment={**os.environ, **environment},
    )

    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not data.exists()


def _of(files: Files) -> tuple[Path, Path]:
    return files.certificate, files.key


def test_command_line_reaches_a_service_whose_ca_it_is_given(tmp_path: Path, authority: TestAuthority) -> None:
    own = authority.issue("server")
    url = asyncio.run(_status_by_command_line(tmp_path, own, authority))

    assert url == (1, 0)


async def _status_by_command_line(path: Path, own: Files, authority: TestAuthority) -> tuple[int, int]:
    """Exit status without and with the CA."""
    async with serving(path, **over_tls(own)) as service:
        url = f"https://127.0.0.1:{service.http_port}"
        asked = ("--url", url, "--tenant", "acme", "--keys-of", str(path / "data"))
        without = await asyncio.to_thread(command_line.access_policy, *asked, "status", environment=dict(os.environ))
        with_ca = await asyncio.to_thread(
            command_line.access_policy,
            *(*asked, "--ca", str(authority.certificate), "status"),
            environment=dict(os.environ),
        )
        return without.returncode, with_ca.returncode


# --- proxies ----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def listening(*trusted: str) -> AsyncIterator[str]:
    """A listener that answers with the client and the scheme that its application sees."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen = f"{scope['scheme']} {scope['client'][0]}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": seen})

    bound = socket.socket(proto=socket.IPPROTO_TCP)
    bound.bind(("127.0.0.1", 0))
    listener = HttpListener(app, bound, trusted_proxies=trusted)
    running = asyncio.create_task(listener.run())
    await listener.until_started()
    yield f"http://127.0.0.1:{listener.port}"
    listener.stop()
    await running


FORWARDED = {"X-Forwarded-For": "203.0.113.9, 192.0.2.1", "X-Forwarded-Proto": "https"}


@pytest.mark.parametrize(
    ("trusted", "seen"),
    [
        ((), "http 127.0.0.1"),
        (("10.0.0.0/8",), "http 127.0.0.1"),
        (("127.0.0.0/8",), "https 192.0.2.1"),
        (("127.0.0.0/8", "192.0.2.0/24"), "https 203.0.113.9"),
    ],
)
async def test_headers_of_proxies_count_from_trusted_networks_only(trusted: tuple[str, ...], seen: str) -> None:
    async with listening(*trusted) as url, httpx.AsyncClient(trust_env=False, timeout=60) as client:
        assert (await client.get(url, headers=FORWARDED)).text == seen


async def test_service_behind_a_trusted_proxy_that_ends_tls_sends_hsts(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, http_trusted_proxies="127.0.0.1") as service,
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
    ):
        url = f"http://127.0.0.1:{service.http_port}/healthz"
        assert (await client.get(url, headers=FORWARDED)).headers[HSTS] == "max-age=31536000"
        assert HSTS not in (await client.get(url)).headers


async def test_clients_behind_a_trusted_proxy_are_limited_each_by_its_own_address(
    tmp_path: Path, authority: TestAuthority
) -> None:
    limits = {"http_trusted_proxies": "127.0.0.1", "http_requests_per_s": 0.001, "http_requests_burst": 2}
    async with (
        serving(tmp_path, **over_tls(authority.issue("server")), **limits) as service,
        httpx.AsyncClient(verify=trusting(authority), trust_env=False, timeout=60) as client,
    ):
        url = f"https://127.0.0.1:{service.http_port}/healthz"

        async def from_(address: str) -> int:
            return (await client.get(url, headers={"X-Forwarded-For": address})).status_code

        assert [await from_("203.0.113.9") for _ in range(3)] == [200, 200, 429]
        assert await from_("203.0.113.10") == 200
        assert [(await client.get(url)).status_code for _ in range(4)] == [200] * 4


# --- in public --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [(), ("--single-process",)])
def test_serve_for_other_machines_without_tls_explains_in_one_line_and_changes_nothing(
    tmp_path: Path, mode: tuple[str, ...]
) -> None:
    issuer = {"ACCESS_POLICY_OIDC_ISSUER": "https://login.example", "ACCESS_POLICY_OIDC_AUDIENCE": "access-policy"}
    data = tmp_path / "data"

    done = command_line.access_policy(
        *("serve", "--data", str(data), "--http", "0.0.0.0:0", "--ocpp", "127.0.0.1:0", *mode),
        environment={**os.environ, **issuer},
    )

    assert done.returncode == 1
    assert "without TLS" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not data.exists()


@pytest.mark.parametrize("mode", [(), ("--single-process",)])
def test_serve_for_other_machines_over_tls_with_the_embedded_key_says_how_to_set_an_issuer(
    tmp_path: Path, authority: TestAuthority, mode: tuple[str, ...]
) -> None:
    own = authority.issue("server")
    files = {"ACCESS_POLICY_HTTP_TLS_CERTIFICATE": str(own.certificate), "ACCESS_POLICY_HTTP_TLS_KEY": str(own.key)}

    done = command_line.access_policy(
        *("serve", "--data", str(tmp_path / "data"), "--http", "0.0.0.0:0", "--ocpp", "127.0.0.1:0", *mode),
        environment={**os.environ, **files},
    )

    assert done.returncode == 1
    assert "ACCESS_POLICY_OIDC_ISSUER" in done.stderr
