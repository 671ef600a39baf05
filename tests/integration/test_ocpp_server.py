"""The OCPP server over real sockets: handshake, one connection a charger, orderly end."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.transport.admission import AdmissionRefused, Admitted
from access_policy.adapters.ocpp.transport.answers import Answer
from access_policy.adapters.ocpp.transport.connection import ChargerConnection, ConnectionLimits
from access_policy.adapters.ocpp.transport.framing import FRAME_BYTES_MAX, Call
from access_policy.adapters.ocpp.transport.server import OcppServer, ServerLimits
from tests.support.ocpp_pipe import until

pytestmark = pytest.mark.any_frames

RAW_PASSWORD = b"\x00\xff" * 10
PASSWORDS = {"CP1": RAW_PASSWORD, "CP2": b"secret-of-CP2", "RDAM / 123": b"secret"}
QUIET = ServerLimits(ping_interval_s=None, leave_within_s=5, connection=ConnectionLimits(close_timeout_s=1))


class Passwords:
    """Lets in who knows the password; waits at the door while `is_open` is not set."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes | None, str]] = []
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def admit(
        self, charge_point_id: str, password: bytes | None, source: str, certified: frozenset[str] | None
    ) -> Admitted | AdmissionRefused:
        self.asked.append((charge_point_id, password, source))
        await self.is_open.wait()
        if PASSWORDS.get(charge_point_id) != password:
            return AdmissionRefused()
        return Admitted(subject=f"charger {charge_point_id}")


class Everyone:
    async def admit(
        self, charge_point_id: str, password: bytes | None, source: str, certified: frozenset[str] | None
    ) -> Admitted | AdmissionRefused:
        return Admitted()


def who_am_i(connection: ChargerConnection, _: Call) -> Answer:
    return {"epoch": connection.epoch, "subject": connection.admission, "version": connection.version.value}


@asynccontextmanager
async def serving(
    admission: Any = None, handler: Callable[[ChargerConnection, Call], Any] = who_am_i, **options: Any
) -> AsyncIterator[OcppServer]:
    options.setdefault("limits", QUIET)
    server = OcppServer(admission or Everyone(), lambda _: handler, port=0, **options)
    await server.start()
    try:
        yield server
    finally:
        await asyncio.wait_for(server.drain(), 20)


async def charger(
    server: OcppServer,
    identity: str = "CP1",
    password: bytes | None = None,
    *,
    user: str | None = None,
    offers: tuple[str, ...] = ("ocpp1.6",),
    **options: Any,
) -> ClientConnection:
    headers = {}
    if password is not None:
        credentials = (identity if user is None else user).encode() + b":" + password
        headers["Authorization"] = "Basic " + base64.b64encode(credentials).decode()
    path = "".join(f"%{byte:02X}" for byte in identity.encode())
    return await connect(
        f"ws://127.0.0.1:{server.port}/ocpp/{path}",
        subprotocols=list(offers) or None,  # type: ignore[arg-type]
        additional_headers=headers,
        ping_interval=None,
        **options,
    )


async def ask(ws: ClientConnection, message_id: str = "a", action: str = "Heartbeat") -> Any:
    await ws.send(json.dumps([2, message_id, action, {}]))
    return json.loads(await asyncio.wait_for(ws.recv(), 5))


async def refusal(*arguments: Any, **options: Any) -> Response:
    with pytest.raises(InvalidStatus) as refused:
        await charger(*arguments, **options)
    return refused.value.response


async def closed_with(ws: ClientConnection) -> int:
    """The close code that the server sent."""
    async with asyncio.timeout(60):
        with suppress(ConnectionClosed):
            while True:
                await ws.recv()
    assert ws.protocol.close_rcvd is not None
    return ws.protocol.close_rcvd.code


# handshake


async def test_a_charger_is_let_in_by_its_raw_password_and_served() -> None:
    admission = Passwords()
    async with serving(admission) as server:
        async with await charger(server, "CP1", RAW_PASSWORD) as ws:
            assert await ask(ws) == [3, "a", {"epoch": 1, "subject": "charger CP1", "version": "1.6"}]
        assert admission.asked == [("CP1", RAW_PASSWORD, "127.0.0.1")]


async def test_an_unknown_identity_and_a_wrong_password_get_the_same_answer() -> None:
    async with serving(Passwords()) as server:
        answers = [
            await refusal(server, "CP1", b"wrong"),
            await refusal(server, "CP9", b"wrong"),
            await refusal(server, "CP1"),
            await refusal(server, "CP1", PASSWORDS["CP2"], user="CP2"),
            await refusal(server, "cp1", RAW_PASSWORD),
        ]

        assert {answer.status_code for answer in answers} == {401}
        assert {answer.headers["WWW-Authenticate"] for answer in answers} == {'Basic realm="ocpp"'}
        assert len({bytes(answer.body) for answer in answers}) == 1
        assert server.connections == {}


async def test_credentials_of_another_charger_never_reach_the_admission() -> None:
    admission = Passwords()
    async with serving(admission) as server:
        await refusal(server, "CP1", PASSWORDS["CP2"], user="CP2")

        assert admission.asked == []


async def test_a_path_without_identity_is_not_found() -> None:
    async with serving() as server:
        for path in ("/", "/ocpp/", "/ocpp/a/b", "/ocpp/a%00b", "/other/CP1"):
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{server.port}{path}", subprotocols=["ocpp1.6"])  # type: ignore[list-item]
            assert refused.value.response.status_code == 404


async def test_an_identity_may_hold_what_a_path_carries_encoded() -> None:
    async with serving(Passwords()) as server, await charger(server, "RDAM / 123", b"secret") as ws:
        await ask(ws)

        assert list(server.connections) == ["RDAM / 123"]


@pytest.mark.parametrize(
    ("offers", "chosen"),
    [
        (("ocpp2.0.1", "ocpp1.6"), "ocpp2.0.1"),
        (("ocpp1.6", "ocpp2.0.1"), "ocpp1.6"),
        (("ocpp2.1", "ocpp1.5", "ocpp1.6"), "ocpp1.6"),
    ],
)
async def test_the_chargers_preference_decides_among_the_versions(offers: tuple[str, ...], chosen: str) -> None:
    async with serving() as server, await charger(server, offers=offers) as ws:
        assert ws.subprotocol == chosen
        assert (await ask(ws))[2]["version"] == chosen.removeprefix("ocpp")


async def test_version_2_1_is_a_matter_of_configuration() -> None:
    async with serving(versions=list(OcppVersion)) as server, await charger(server, offers=("ocpp2.1",)) as ws:
        assert (await ask(ws))[2]["version"] == "2.1"


@pytest.mark.parametrize("offers", [(), ("ocpp1.5",), ("mqtt", "wamp")])
async def test_without_a_common_subprotocol_the_handshake_is_finished_and_closed(offers: tuple[str, ...]) -> None:
    opened: list[ChargerConnection] = []
    async with serving(on_open=opened.append) as server:
        ws = await charger(server, offers=offers)

        assert ws.subprotocol is None
        assert await closed_with(ws) == 1002
        assert opened == []


async def test_the_first_of_many_is_admitted_and_the_others_are_sent_away_for_a_while() -> None:
    admission = Passwords()
    admission.is_open.clear()
    async with serving(admission, limits=replace(QUIET, admissions_max=1, admissions_waiting_max=0)) as server:
        first = asyncio.create_task(charger(server, "CP1", RAW_PASSWORD))
        await until(lambda: admission.asked)

        answer = await refusal(server, "CP2", PASSWORDS["CP2"])
        admission.is_open.set()

        assert answer.status_code == 503
        assert 5 <= int(answer.headers["Retry-After"]) <= 30
        await (await first).close()


async def test_the_number_of_connections_is_bounded() -> None:
    async with (
        serving(limits=replace(QUIET, connections_max=1)) as server,
        await charger(server, "CP1") as ws,
    ):
        await ask(ws)

        assert (await refusal(server, "CP2")).status_code == 503


async def test_an_admission_that_fails_lets_nobody_in_and_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        async def admit(
            self, charge_point_id: str, password: bytes | None, source: str, certified: frozenset[str] | None
        ) -> Admitted | AdmissionRefused:
            if charge_point_id == "CP1":
                raise OSError("store away")
            return Admitted()

    async with serving(Broken()) as server:
        assert (await refusal(server, "CP1")).status_code == HTTPStatus.INTERNAL_SERVER_ERROR
        async with await charger(server, "CP2") as ws:
            assert (await ask(ws))[0] == 3
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [OSError]


@pytest.mark.parametrize("path", ["/ocpp//CP1", "/ocpp/CP1/", "//ocpp//CP1//"])
async def test_slashes_too_many_in_a_path_do_not_keep_a_charger_out(path: str) -> None:
    async with serving() as server:
        url = f"ws://127.0.0.1:{server.port}{path}"
        async with connect(url, subprotocols=["ocpp1.6"], compression=None) as ws:  # type: ignore[list-item]
            assert (await ask(ws))[0] == 3
            assert list(server.connections) == ["CP1"]


def refusals(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]


async def raw(server: OcppServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answered = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answered


async def test_refused_handshake_is_logged_once_with_its_reason(caplog: pytest.LogCaptureFixture) -> None:
    class Verdict:
        async def admit(self, charge_point_id: str, *_: object) -> AdmissionRefused:
            return AdmissionRefused(reason=f"a reason about {charge_point_id}")

    caplog.set_level(logging.INFO, "access_policy.adapters.ocpp")
    async with serving(Verdict()) as server:
        assert (await refusal(server, "CP1")).body == b"Unauthorized\n"
    assert refusals(caplog) == ["handshake for '/ocpp/%43%50%31' from 127.0.0.1 refused (401): a reason about CP1"]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n", "the path is not /ocpp/ and a charge point id"),
        (b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\n\r\n", "not a WebSocket handshake: "),
        (
            b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n",
            "its Authorization is not HTTP Basic",
        ),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not a WebSocket handshake: "),
    ],
)
async def test_request_that_is_not_a_chargers_handshake_is_logged_once_with_its_reason(
    caplog: pytest.LogCaptureFixture, request_: bytes, reason: str
) -> None:
    caplog.set_level(logging.INFO, "access_policy.adapters.ocpp")
    async with serving() as server:
        await raw(server, request_)
        await until(lambda: refusals(caplog))
    (line,) = refusals(caplog)
    assert reason in line


async def test_handshake_that_is_never_completed_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "access_policy.adapters.ocpp")
    async with serving(limits=replace(QUIET, open_timeout_s=0.05)) as server:
        await raw(server, b"GET /ocpp/CP1 HTTP/1.1\r\n")
        await until(lambda: refusals(caplog))
    (line,) = refusals(caplog)
    assert "it did not complete the handshake in time" in line


async def test_probe_that_connects_and_says_nothing_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "access_policy.adapters.ocpp")
    async with serving() as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.close()
        async with await charger(server) as ws:
            await ask(ws)
    assert refusals(caplog) == []


# one connection a charger


async def test_the_newest_connection_of_a_charger_wins() -> None:
    happened: list[tuple[str, int]] = []
    async with serving(
        on_open=lambda connection: happened.append(("open", connection.epoch)),
        on_close=lambda connection: happened.append(("close", connection.epoch)),
    ) as server:
        first = await charger(server)
        assert (await ask(first))[2]["epoch"] == 1
        predecessor = server.connections["CP1"]
        own = asyncio.create_task(predecessor.call("Reset", {}, timeout_s=60))
        assert json.loads(await first.recv())[2] == "Reset"

        second = await charger(server)
        assert (await ask(second))[2]["epoch"] == 2
        assert await closed_with(first) == 1008
        outcome = (await asyncio.gather(own, return_exceptions=True))[0]

        assert type(outcome).__name__ == "CallDisconnected"
        assert not predecessor.is_current
        assert server.connections["CP1"].epoch == 2
        assert server.connections["CP1"].is_current
        assert happened == [("open", 1), ("close", 1), ("open", 2)]

        await second.close()
        await until(lambda: not server.connections)
        assert happened == [("open", 1), ("close", 1), ("open", 2), ("close", 2)]


async def test_a_newcomer_with_a_wrong_password_changes_nothing() -> None:
    async with serving(Passwords()) as server, await charger(server, "CP1", RAW_PASSWORD) as ws:
        await ask(ws)
        await refusal(server, "CP1", b"wrong")

        assert await ask(ws) == [3, "a", {"epoch": 1, "subject": "charger CP1", "version": "1.6"}]


async def test_a_half_open_predecessor_does_not_keep_the_newcomer_out() -> None:
    async with serving() as server:
        dead = await charger(server)
        await ask(dead)
        dead.transport.pause_reading()  # neither reads nor closes: the closing handshake will not be answered

        async with await charger(server) as ws:
            assert (await ask(ws))[2]["epoch"] == 2
        dead.transport.abort()


async def test_a_hundred_rapid_duplicates_leave_one_connection() -> None:
    opened: list[int] = []
    closed: list[int] = []
    async with serving(
        on_open=lambda connection: opened.append(connection.epoch),
        on_close=lambda connection: closed.append(connection.epoch),
    ) as server:
        sockets = await asyncio.gather(*(charger(server) for _ in range(100)), return_exceptions=True)
        connected = [ws for ws in sockets if not isinstance(ws, BaseException)]
        await until(lambda: len(closed) == len(opened) - 1)

        assert len(connected) >= 1
        assert opened == sorted(opened)
        assert server.connections["CP1"].epoch == max(opened)
        for ws in connected:
            await ws.close()
    assert sorted(opened) == sorted(closed)


async def test_a_callback_that_fails_is_logged_and_the_charger_served(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: ChargerConnection) -> None:
        raise LookupError

    async with serving(on_open=fails, on_close=fails) as server, await charger(server) as ws:
        assert (await ask(ws))[0] == 3
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 2


# what the socket itself may carry


async def test_bytes_that_are_not_utf8_cost_one_answer_and_not_the_connection() -> None:
    async with serving() as server, await charger(server) as ws:
        await ws.send(b'[2,"x","Heartbeat",{"a":"\xff"}]', text=True)
        assert json.loads(await ws.recv())[:3] == [4, "x", "FormationViolation"]
        assert (await ask(ws))[0] == 3


async def test_binary_and_fragmented_messages_are_read() -> None:
    async with serving() as server, await charger(server) as ws:
        await ws.send(b'[2,"x","Heartbeat",{}]')
        assert json.loads(await ws.recv())[:2] == [3, "x"]
        await ws.send(['[2,"y"', ',"Heart', 'beat",{}]'])
        assert json.loads(await ws.recv())[:2] == [3, "y"]


async def test_a_frame_beyond_the_limit_ends_its_own_connection_only() -> None:
    async with serving() as server, await charger(server, "CP1") as large, await charger(server, "CP2") as ws:
        await large.send("[" + "1" * FRAME_BYTES_MAX + "]")
        assert await closed_with(large) == 1009
        assert (await ask(ws))[0] == 3


async def test_compression_is_not_spoken() -> None:
    async with serving() as server, await charger(server, compression="deflate") as ws:
        assert ws.protocol.extensions == []


async def test_a_charger_that_never_reads_is_cut_and_others_are_served() -> None:
    limits = replace(QUIET, connection=ConnectionLimits(send_timeout_s=0.2, close_timeout_s=1))

    def much(_: ChargerConnection, call: Call) -> Answer:
        return {"x": "y" * 200_000} if call.action == "DataTransfer" else {}

    async with serving(handler=much, limits=limits) as server, await charger(server, "CP2") as ws:
        deaf = socket.create_connection(("127.0.0.1", server.port))
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with await charger(server, "CP1", sock=deaf) as silent:
            silent.transport.pause_reading()
            for number in range(100):
                await silent.send(f'[2,"{number}","DataTransfer",{{}}]')
            await until(lambda: server.counters.slow_readers_cut == 1, 10)
            await until(lambda: "CP1" not in server.connections)
            assert (await ask(ws))[0] == 3
            silent.transport.abort()


# the end


async def test_draining_answers_what_is_under_way_and_listens_no_more() -> None:
    may_answer = asyncio.Event()

    async def slow(_: ChargerConnection, call: Call) -> Answer:
        if call.action == "Authorize":
            await may_answer.wait()
        return {}

    async with serving(handler=slow) as server:
        busy, idle = await charger(server, "CP1"), await charger(server, "CP2")
        await ask(idle)
        await busy.send('[2,"a","Authorize",{}]')
        await ask(idle, "b")

        draining = asyncio.create_task(server.drain(over_s=0.05))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=1)
        assert await closed_with(idle) == 1012

        may_answer.set()
        assert json.loads(await busy.recv()) == [3, "a", {}]
        assert await closed_with(busy) == 1012
        await draining

        assert server.connections == {}
