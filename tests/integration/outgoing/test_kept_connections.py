"""Requests that keep their connection for the next one: to one server only, and only while its address passes the check."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from access_policy.adapters.outgoing.checked import Answer, CheckedRequests, RequestFailed
from access_policy.adapters.outgoing.trust import Trust
from tests.support.certificates import Files, TestAuthority
from tests.support.ocpi import LOOPBACK
from tests.support.webhook_receiver import WebhookReceiver, webhook_receiver

HOST = "partner.example"


class Names:
    """A name server whose answer is changed by the test."""

    def __init__(self, *addresses: str) -> None:
        self.addresses: Sequence[str] = addresses

    def __call__(self, host: str, port: int) -> Sequence[str]:
        return self.addresses


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path)


@pytest.fixture
async def receiver(authority: TestAuthority) -> AsyncIterator[WebhookReceiver]:
    async with webhook_receiver(authority.issue("partner", host=HOST)) as made:
        yield made


@asynccontextmanager
async def requests_with(names: Names, ca: Path) -> AsyncIterator[CheckedRequests]:
    made = CheckedRequests(LOOPBACK, Trust(ca), lookup=names)
    yield made
    await made.close()


async def put(requests: CheckedRequests, url: str) -> Answer:
    return await requests.send("PUT", url, {}, b"{}", read_max=100, keeps=True)


def connections(receiver: WebhookReceiver) -> int:
    return len({each.connection for each in receiver.received})


async def test_requests_to_one_server_use_one_connection(authority: TestAuthority, receiver: WebhookReceiver) -> None:
    async with requests_with(Names("127.0.0.1"), authority.certificate) as requests:
        for _ in range(5):
            assert (await put(requests, receiver.url(HOST))).is_success
        apart = await requests.send("PUT", receiver.url(HOST), {}, b"{}", read_max=100)

    assert apart.is_success
    assert len(receiver.received) == 6
    assert connections(receiver) == 2, "the one that keeps nothing has its own"


async def test_kept_connection_is_not_used_once_the_name_has_an_address_that_is_refused(
    authority: TestAuthority, receiver: WebhookReceiver
) -> None:
    names = Names("127.0.0.1")
    async with requests_with(names, authority.certificate) as requests:
        await put(requests, receiver.url(HOST))
        names.addresses = ["10.0.0.1"]
        with pytest.raises(RequestFailed, match=r"10\.0\.0\.1 is not a public address"):
            await put(requests, receiver.url(HOST))
        names.addresses = ["127.0.0.1", "10.0.0.1"]
        with pytest.raises(RequestFailed, match=r"10\.0\.0\.1 is not a public address"):
            await put(requests, receiver.url(HOST))

    assert len(receiver.received) == 1


async def test_kept_connection_is_not_used_once_the_name_has_moved(
    authority: TestAuthority, receiver: WebhookReceiver
) -> None:
    names = Names("127.0.0.1")
    async with requests_with(names, authority.certificate) as requests:
        await put(requests, receiver.url(HOST))
        names.addresses = ["127.0.0.2"]  # where nobody listens
        with pytest.raises(RequestFailed, match="ConnectError"):
            await put(requests, receiver.url(HOST))

    assert len(receiver.received) == 1


async def test_kept_connection_serves_no_other_name_at_the_same_address(
    authority: TestAuthority, receiver: WebhookReceiver
) -> None:
    async with requests_with(Names("127.0.0.1"), authority.certificate) as requests:
        await put(requests, receiver.url(HOST))
        with pytest.raises(RequestFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await put(requests, receiver.url("other.example"))

    assert len(receiver.received) == 1


async def test_kept_connection_ends_with_the_authorities_that_were_trusted(
    authority: TestAuthority, receiver: WebhookReceiver, tmp_path: Path
) -> None:
    ca, other = tmp_path / "trusted.pem", tmp_path / "other"
    other.mkdir()
    ca.write_bytes(authority.certificate.read_bytes())
    async with requests_with(Names("127.0.0.1"), ca) as requests:
        await put(requests, receiver.url(HOST))
        ca.write_bytes(TestAuthority(other, "Another CA").certificate.read_bytes())
        with pytest.raises(RequestFailed, match="CERTIFICATE_VERIFY_FAILED"):
            await put(requests, receiver.url(HOST))

    assert len(receiver.received) == 1


async def test_request_on_a_connection_that_the_server_ends_is_sent_again_on_a_new_one(
    authority: TestAuthority,
) -> None:
    answers = [[True, False], [True]]  # of each connection, for each of its requests; False: it ends instead
    async with (
        abrupt(authority.issue("partner", host=HOST), answers) as port,
        requests_with(Names("127.0.0.1"), authority.certificate) as requests,
    ):
        first = await put(requests, f"https://{HOST}:{port}/")
        second = await put(requests, f"https://{HOST}:{port}/")

    assert (first.status, second.status) == (204, 204)
    assert answers == []


async def test_request_on_a_new_connection_that_the_server_ends_is_not_sent_again(authority: TestAuthority) -> None:
    answers = [[False], [True]]
    async with (
        abrupt(authority.issue("partner", host=HOST), answers) as port,
        requests_with(Names("127.0.0.1"), authority.certificate) as requests,
    ):
        with pytest.raises(RequestFailed, match="RemoteProtocolError"):
            await put(requests, f"https://{HOST}:{port}/")

    assert answers == [[True]]


@asynccontextmanager
async def abrupt(certificate: Files, answers: list[list[bool]]) -> AsyncIterator[int]:
    """A server that answers a connection's requests as the next list says, and then ends the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for is_answered in answers.pop(0):
            await reader.readuntil(b"\r\n\r\n{}")
            if is_answered:
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_close_with_a_request_under_way_lets_it_finish_and_closes_its_connection(
    authority: TestAuthority, receiver: WebhookReceiver
) -> None:
    requests = CheckedRequests(LOOPBACK, Trust(authority.certificate), lookup=Names("127.0.0.1"))
    sending = asyncio.create_task(put(requests, receiver.url(HOST)))
    await receiver.until(lambda: receiver.received)

    await requests.close()

    assert (await sending).is_success
