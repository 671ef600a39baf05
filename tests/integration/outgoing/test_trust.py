"""Requests to servers whose certificate is of the operator's authority: the issuer, peers, and the endpoint of traces."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from access_policy.adapters.identity.issuer import Issuer, IssuerUnreachable
from access_policy.adapters.outgoing.clients import KeptClients
from access_policy.adapters.outgoing.trust import Trust
from access_policy.adapters.tracing.opentelemetry import exporting_traces
from access_policy.application.ports.traces import SpanKind
from tests.support.certificates import TestAuthority
from tests.support.tokens import RSA_KEY, public_jwk


class Server(BaseHTTPRequestHandler):
    """An issuer and a collector of traces; it sets a cookie with each answer."""

    def __init__(self, seen: list[tuple[str, str | None]], *arguments: object) -> None:
        self._seen = seen
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        url = f"https://127.0.0.1:{self.server.server_address[1]}"
        documents = {
            "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
            "/keys": {"keys": [public_jwk(RSA_KEY, "a")]},
        }
        self._answer(json.dumps(documents.get(self.path, {})).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self._seen.append((self.path, self.headers["Cookie"]))
        self.send_response(200)
        self.send_header("Set-Cookie", "session=of-one-caller; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Served:
    def __init__(self, url: str, authority: TestAuthority, seen: list[tuple[str, str | None]]) -> None:
        self.url, self.authority, self.seen = url, authority, seen


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    authority = TestAuthority(tmp_path)
    files = authority.issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    seen: list[tuple[str, str | None]] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, seen)) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Served(f"https://127.0.0.1:{server.server_port}", authority, seen)
        server.shutdown()
        thread.join()


async def test_issuer_with_a_certificate_of_the_ca_file_is_trusted_and_of_no_other(served: Served) -> None:
    assert "a" in await Issuer(served.url, Trust(served.authority.certificate)).signing_keys()
    with pytest.raises(IssuerUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        await Issuer(served.url, Trust()).signing_keys()


async def test_kept_client_trusts_the_ca_file_as_it_is_now(served: Served, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    (tmp_path / "other").mkdir()
    ca.write_bytes(TestAuthority(tmp_path / "other").certificate.read_bytes())
    clients = KeptClients(Trust(ca))
    with pytest.raises(httpx.ConnectError):
        await (await clients.https()).get(f"{served.url}/")

    ca.write_text("not a certificate")
    with pytest.raises(httpx.ConnectError):
        await (await clients.https()).get(f"{served.url}/")
    ca.write_bytes(served.authority.certificate.read_bytes())
    answer = await (await clients.https()).get(f"{served.url}/")

    assert answer.status_code == httpx.codes.OK
    await clients.close()


async def test_kept_client_is_one_client_without_cookies_until_it_is_closed(served: Served) -> None:
    clients = KeptClients(Trust(served.authority.certificate))
    used = [await clients.https() for _ in range(3)]

    for client in used:
        await client.get(f"{served.url}/")
    await clients.close()

    assert len(set(map(id, used))) == 1
    assert used[0].is_closed
    assert served.seen == [("/", None)] * 3


async def test_traces_reach_an_endpoint_with_a_certificate_of_the_ca_file(served: Served) -> None:
    traces = exporting_traces(served.url, instance="a", ratio=1.0, trust=Trust(served.authority.certificate))

    traces.begin("attempt", SpanKind.INTERNAL, {}, parent=None).end()
    await traces.close()

    assert served.seen == [("/v1/traces", None)]
