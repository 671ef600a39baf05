"""A scripted central system, which validates each frame of a charger against the published schemas."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from ocpp.messages import MessageType, get_validator
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.support.chargers import OCPP16, OCPP201

Payload = dict[str, Any]
Answering = Payload | Callable[[Payload], Payload | None]
VERSIONS = {OCPP16: "1.6", OCPP201: "2.0.1"}
NOW = "2026-03-02T08:00:00Z"


class Refuse(Exception):
    """A scripted answer raises it to send a CALLERROR with this code."""


class ScriptedCsms:
    """`answers` by action: a payload, or a function of the request (None: no answer). `calls` has all received CALLs."""

    def __init__(self) -> None:
        self.answers: dict[str, Answering] = {
            "BootNotification": {"status": "Accepted", "currentTime": NOW, "interval": 300},
            "Heartbeat": {"currentTime": NOW},
        }
        self.calls: list[tuple[str, Payload]] = []
        self.ids: list[str] = []
        self.handshakes: list[tuple[str, str | None]] = []
        self.violations: list[str] = []
        self._transactions = 0
        self._changed = asyncio.Condition()
        self._socket: ServerConnection | None = None
        self._waiting: dict[str, tuple[str, asyncio.Future[list[Any]]]] = {}
        self._server: Server | None = None

    async def __aenter__(self) -> ScriptedCsms:
        self._server = await serve(self._serve, "127.0.0.1", 0, subprotocols=[OCPP16, OCPP201])  # type: ignore[list-item]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}/ocpp"

    def came(self, action: str) -> list[Payload]:
        return [payload for name, payload in self.calls if name == action]

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(event["eventType"], event["triggerReason"]) for event in self.came("TransactionEvent")]

    async def until(self, condition: Callable[[], bool], *, timeout_s: float = 5.0) -> None:
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(condition)

    async def ask(self, action: str, payload: Payload | None = None, *, timeout_s: float = 5.0) -> Payload:
        """Return the charger's answer; a CALLERROR is {"error": code}."""
        assert self._socket is not None
        message_id = f"csms-{len(self._waiting)}"
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = (action, answer)
        await self._socket.send(msgspec.json.encode([2, message_id, action, payload or {}]), text=True)
        async with asyncio.timeout(timeout_s):
            frame = await answer
        return frame[2] if frame[0] == 3 else {"error": frame[2]}

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.handshakes.append((socket.request.path, socket.request.headers.get("Authorization")))
        self._socket = socket
        try:
            async for raw in socket:
                await self._receive(socket, msgspec.json.decode(raw))
        except ConnectionClosed:
            pass

    async def _receive(self, socket: ServerConnection, frame: list[Any]) -> None:
        if frame[0] != 2:
            action, waiter = self._waiting[frame[1]]
            if frame[0] == 3:
                self._check(socket, MessageType.CallResult, action, frame[2])
            if not waiter.done():  # nobody waits for a late one
                waiter.set_result(frame)
            return
        _, message_id, action, payload = frame
        self._check(socket, MessageType.Call, action, payload)
        async with self._changed:
            self.calls.append((action, payload))
            self.ids.append(message_id)
            self._changed.notify_all()
        try:
            answer = self._answer(socket, action, payload)
        except Refuse as refusal:
            await socket.send(msgspec.json.encode([4, message_id, str(refusal), "", {}]), text=True)
            return
        if answer is not None:
            await socket.send(msgspec.json.encode([3, message_id, answer]), text=True)

    def _answer(self, socket: ServerConnection, action: str, payload: Payload) -> Payload | None:
        scripted = self.answers.get(action)
        if scripted is None:
            return self._default(str(socket.subprotocol), action, payload)
        return scripted(payload) if callable(scripted) else scripted

    def _default(self, protocol: str, action: str, payload: Payload) -> Payload:
        if action == "StartTransaction":
            self._transactions += 1
            return {"transactionId": self._transactions, "idTagInfo": {"status": "Accepted"}}
        if action == "Authorize":
            info = "idTagInfo" if protocol == OCPP16 else "idTokenInfo"
            return {info: {"status": "Accepted"}}
        if action == "TransactionEvent" and "idToken" in payload:
            return {"idTokenInfo": {"status": "Accepted"}}
        return {"status": "Accepted"} if action == "DataTransfer" else {}

    def _check(self, socket: ServerConnection, kind: MessageType, action: str, payload: Payload) -> None:
        validator = get_validator(kind, action, VERSIONS[str(socket.subprotocol)])
        self.violations += [f"{action}: {error.message}" for error in validator.iter_errors(payload)]
