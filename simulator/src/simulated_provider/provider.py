"""The provider's server and its calls. Every frame is kept."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from simulated_provider.forecasts import on_the_wire
from simulated_wire.frames import Frame
from simulated_wire.server import FramedServer, Request, Response

VERSION = "2.0"
BASE = f"/oscp/cp/{VERSION}"
ANSWERED = (
    "register",
    "handshake_acknowledge",
    "heartbeat",
    "group_capacity_compliance_error",
    "update_group_measurements",
)


class SimulatedProvider(FramedServer):
    """A server, and a client of the flexibility provider.

    `received` has the received messages by their path. `refuses` makes the server answer messages to a path with a status.
    """

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        super().__init__(url, "flexibility provider")
        self.received: dict[str, list[Any]] = {path: [] for path in ANSWERED}
        self.refuses: dict[str, int] = {}
        self.their_url = ""
        self.token_for_us = ""  # authenticates this provider there
        self.tokens_for_them: set[str] = set()  # authenticate the other side here
        self._client = client

    @property
    def base_url(self) -> str:
        return f"{self.url}{BASE}"

    # --- calls to the flexibility provider ------------------------------------------------------------------------

    async def call(
        self,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        message_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Frame:
        """Send a request. A header with an empty value is omitted. `content` replaces the body."""
        sent = {
            "Authorization": f"Token {self.token_for_us if token is None else token}",
            "X-Request-ID": message_id or str(uuid.uuid4()),
            "Content-Type": "application/json",
        } | dict(headers or {})
        sent = {name: value for name, value in sent.items() if value}
        raw = json.dumps(body).encode() if content is None else content
        url = f"{self.their_url}/{path}"
        answer = await self._client.post(url, content=raw, headers=sent)
        frame = Frame(
            "capacity provider", "POST", url, sent, raw, answer.status_code, dict(answer.headers), answer.content
        )
        self.frames.add(frame)
        return frame

    async def register(self, their_url: str, token: str, *, versions: tuple[str, ...] = (VERSION,)) -> Frame:
        """Register with the agreed token; the other side registers here in return."""
        self.their_url = their_url
        return await self.call("register", self._registration(versions), token=token)

    async def register_again(self) -> Frame:
        return await self.call("register", self._registration((VERSION,)))

    async def handshake(self, *, heartbeat_interval: int | None = 60, measurements: tuple[str, ...] = ()) -> Frame:
        behaviour: dict[str, Any] = {"measurement_configuration": list(measurements)}
        if heartbeat_interval is not None:
            behaviour["heartbeat_interval"] = heartbeat_interval
        return await self.call("handshake", {"required_behaviour": behaviour})

    async def heartbeat(self, offline_mode_at: datetime) -> Frame:
        return await self.call("heartbeat", {"offline_mode_at": on_the_wire(offline_mode_at)})

    async def forecast(self, body: Mapping[str, Any], **how: Any) -> Frame:
        return await self.call("update_group_capacity_forecast", body, **how)

    def invite(self) -> str:
        """Return a token with which the other side may register."""
        token = secrets.token_urlsafe(24)
        self.tokens_for_them.add(token)
        return token

    def _registration(self, versions: tuple[str, ...]) -> dict[str, Any]:
        urls = [{"version": each, "base_url": f"{self.url}/oscp/cp/{each}"} for each in versions]
        return {"token": self.invite(), "version_url": urls}

    # --- its own server -------------------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        path = request.path.removeprefix(f"{BASE}/")
        if scheme != "Token" or token not in self.tokens_for_them:
            return _error(401, "unknown token")
        if request.method != "POST" or path not in ANSWERED:
            return _error(404, "nothing here")
        if path in self.refuses:
            return _error(self.refuses[path], "not now")
        body = json.loads(request.body)
        self.received[path].append(body)
        if path == "register":
            await self._registered(body, token)
        return Response(204, {})

    async def _registered(self, body: Mapping[str, Any], token: str) -> None:
        """Handle a registration. If this side has not registered yet, it does so before it answers."""
        url = next(each["base_url"] for each in body["version_url"] if each["version"] == VERSION)
        is_return = bool(self.their_url)
        self.their_url, self.token_for_us = url, body["token"]
        if not is_return:
            await self.register_again()


def _error(status: int, message: str) -> Response:
    return Response(status, {"x-error-message": message})
