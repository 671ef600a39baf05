"""The WebSocket connection of one charger, with its OCPP-J framing."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any
from urllib.parse import quote

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, NegotiationError

from simulated_charger.calls import CallRefused, ConnectionLost, Job, NoAnswer, Response, Spawn
from simulated_charger.spec import ChargerSpec, Payload

CLOSE_TIMEOUT_S = 1.0
QUEUED_FRAMES_MAX = 4

_log = logging.getLogger(__name__)
# All chargers share one logger for the websockets library, whose debug lines are off by default.
_socket_log = logging.getLogger(f"{__name__}.socket")
_socket_log.setLevel(logging.WARNING)


class Connection:
    """Connects and reconnects, sends one CALL at a time, and answers incoming CALLs.

    `handle` answers an action or raises CallRefused. `opened` runs at each new connection and is cancelled with it.
    """

    __slots__ = (
        "_handle", "_ids", "_observe", "_on_lost", "_one_call", "_opened", "_pending", "_prefix",
        "_random", "_socket", "_spawn", "_spec", "_wanted", "connects", "last_error",
    )  # fmt: skip

    def __init__(
        self,
        spec: ChargerSpec,
        *,
        handle: Callable[[str, Payload], Response],
        opened: Callable[[], Job],
        lost: Callable[[], None],
        observe: Callable[[bool, bytes], None],
        spawn: Spawn,
        random: Random,
    ) -> None:
        self._spec = spec
        self._handle = handle
        self._opened = opened
        self._on_lost = lost
        self._observe = observe
        self._spawn = spawn
        self._random = random
        self._prefix = f"{random.getrandbits(40):010x}-"
        self._ids = 0
        self._one_call = asyncio.Lock()
        self._pending: tuple[str, asyncio.Future[Payload]] | None = None
        self._socket: ClientConnection | None = None
        self._wanted = asyncio.Event()
        self._wanted.set()
        self.connects = 0
        self.last_error: Exception | None = None

    @property
    def online(self) -> bool:
        return self._socket is not None

    async def run(self) -> None:
        """Stay connected until cancelled; reconnect with exponential backoff and jitter."""
        failures = 0
        while True:
            await self._wanted.wait()
            before = self.connects
            try:
                await self._connect_and_serve()
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
                self.last_error = error
                _log.debug("%s lost its connection: %r", self._spec.charge_point_id, error)
            failures = 0 if self.connects > before else failures + 1
            if self._wanted.is_set():
                await asyncio.sleep(self._pause_s(failures))

    def cut(self) -> None:
        """Abort the connection without a closing frame and stay offline until `allow`."""
        self._wanted.clear()
        self.drop()

    def drop(self) -> None:
        """Abort the connection without a closing frame; the charger reconnects after the usual pause."""
        if self._socket is not None:
            self._socket.transport.abort()
            self._lost()

    def allow(self) -> None:
        self._wanted.set()

    async def call(self, action: str, payload: Payload) -> Payload:
        """Send a CALL and return the payload of its answer. Raise ConnectionLost, NoAnswer or CallRefused."""
        async with self._one_call:
            socket = self._socket
            if socket is None:
                raise ConnectionLost(action)
            message_id = self._next_id()
            answer: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
            self._pending = (message_id, answer)
            try:
                await self._send(socket, [2, message_id, action, {**payload, **self._spec.behaviour.extra_fields}])
                async with asyncio.timeout(self._spec.call_timeout_s):
                    return await answer
            except TimeoutError:
                raise NoAnswer(action) from None
            except ConnectionClosed:
                raise ConnectionLost(action) from None
            finally:
                self._pending = None

    async def _connect_and_serve(self) -> None:
        socket = await connect(
            f"{self._spec.url.rstrip('/')}/{quote(self._spec.charge_point_id, safe='')}",
            subprotocols=[self._spec.protocol],  # type: ignore[list-item]  # a NewType of str
            additional_headers=self._headers(),
            compression=None,
            ping_interval=None,
            close_timeout=CLOSE_TIMEOUT_S,
            max_queue=QUEUED_FRAMES_MAX,
            user_agent_header=None,
            proxy=None,
            logger=_socket_log,
        )
        try:
            if not self._wanted.is_set():
                return  # `cut` was called during the handshake
            if socket.subprotocol != self._spec.protocol:
                raise NegotiationError(f"{self._spec.protocol} was not accepted by the central system")
            await self._serve(socket)
        finally:
            self._lost()
            await socket.close()

    async def _serve(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.connects += 1
        self.last_error = None
        opened = self._spawn(self._opened())
        try:
            while True:
                await self._receive(socket, await socket.recv(decode=False))
        finally:
            opened.cancel()

    async def _receive(self, socket: ClientConnection, raw: bytes) -> None:
        self._observe(False, raw)
        match _decoded(raw):
            case [2, str(message_id), str(action), dict(payload)]:
                if not self._spec.behaviour.is_silent_on(action):
                    await self._answer(socket, message_id, action, payload)
            case [3, message_id, dict(payload)]:
                if (waiter := self._waiter(message_id)) is not None:
                    waiter.set_result(payload)
            case [4, message_id, str(code), description, *_]:
                if (waiter := self._waiter(message_id)) is not None:
                    waiter.set_exception(CallRefused(code, str(description)))
            case _:
                _log.debug("%s cannot read %r", self._spec.charge_point_id, raw[:200])

    async def _answer(self, socket: ClientConnection, message_id: str, action: str, payload: Payload) -> None:
        if self._spec.behaviour.answer_delay_s > 0:
            self._spawn(self._answer_late(socket, message_id, action, payload))
            return
        if (then := await self._answer_now(socket, message_id, action, payload)) is not None:
            self._spawn(then())

    async def _answer_late(self, socket: ClientConnection, message_id: str, action: str, payload: Payload) -> None:
        await asyncio.sleep(self._spec.behaviour.answer_delay_s)
        with suppress(ConnectionClosed):
            if (then := await self._answer_now(socket, message_id, action, payload)) is not None:
                await then()

    async def _answer_now(
        self, socket: ClientConnection, message_id: str, action: str, payload: Payload
    ) -> Callable[[], Job] | None:
        """Answer the CALL and return the job to run afterwards, if any."""
        try:
            answer = self._handle(action, payload)
        except CallRefused as refusal:
            await self._send(socket, [4, message_id, refusal.code, refusal.description, {}])
            return None
        await self._send(socket, [3, message_id, {**answer.payload, **self._spec.behaviour.extra_fields}])
        return answer.then

    async def _send(self, socket: ClientConnection, message: list[Any]) -> None:
        raw = msgspec.json.encode(message)
        self._observe(True, raw)
        await socket.send(raw, text=True)

    def _waiter(self, message_id: object) -> asyncio.Future[Payload] | None:
        if self._pending is None or self._pending[0] != message_id or self._pending[1].done():
            return None
        return self._pending[1]

    def _next_id(self) -> str:
        self._ids += 1
        return str(self._ids % 3) if self._spec.behaviour.reuses_message_ids else f"{self._prefix}{self._ids}"

    def _lost(self) -> None:
        if self._socket is None:
            return
        self._socket = None
        if self._pending is not None and not self._pending[1].done():
            self._pending[1].set_exception(ConnectionLost())
        self._on_lost()

    def _pause_s(self, failures: int) -> float:
        longest: float = min(self._spec.reconnect_max_s, self._spec.reconnect_min_s * 2.0 ** min(failures, 16))
        return longest * self._random.uniform(0.5, 1.0)

    def _headers(self) -> dict[str, str]:
        password = self._spec.password
        if password is None:
            return {}
        secret = password.encode() if isinstance(password, str) else password
        token = base64.b64encode(self._spec.charge_point_id.encode() + b":" + secret).decode()
        return {"Authorization": f"Basic {token}"}


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
