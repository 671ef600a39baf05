"""The partner's server and its calls. Every frame is kept."""

from __future__ import annotations

import base64
import json
import re
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from simulated_wire.frames import Frame
from simulated_wire.server import FramedServer, Request, Response

VERSION = "2.3.0"
_PUSH = re.compile(rf"/ocpi/{VERSION}/bookings/([A-Z]{{2}})/([A-Z0-9]{{3}})/([^/]+)")

Answer = tuple[int, dict[str, Any]]


def in_base64(token: str) -> str:
    return base64.b64encode(token.encode()).decode()


class SimulatedPartner(FramedServer):
    """A server, and a client of the operator (CPO).

    `url` is where the application is served, without a path. `pushed` has the bookings that the operator pushed, by id, in
    their latest state. If `refuses` is set, the server answers pushes with this HTTP status. With `plain`, tokens are sent
    unencoded, as implementations before 2.2.1 do.
    """

    def __init__(self, url: str, client: httpx.AsyncClient, party: str = "DE-HUB", *, plain: bool = False) -> None:
        super().__init__(url, "DE-BTF")
        self.country_code, self.party_id = party.split("-")
        self.party = party
        self.pushed: dict[str, dict[str, Any]] = {}
        self.refuses: int | None = None
        self.modules = ("credentials", "Booking", "tokens")
        self.plain = plain
        self.token_for_us = ""  # authenticates this partner at the operator
        self.tokens_for_them: set[str] = set()  # authenticate the operator here
        self.endpoints: dict[str, str] = {}
        self._client = client

    # --- calls to the operator ------------------------------------------------------------------------------------

    async def call(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Frame:
        """Send a request. `headers` replace the default headers of a request; a header with an empty value is omitted."""
        sent = self._headers(self.token_for_us if token is None else token) | dict(headers or {})
        sent = {name: value for name, value in sent.items() if value}
        raw = b"" if body is None else json.dumps(body).encode()
        raw = raw if content is None else content
        if raw:
            sent["Content-Type"] = "application/json"
        answer = await self._client.request(method, url, content=raw or None, headers=sent)
        frame = Frame(
            self.party, method, url, dict(sent), raw, answer.status_code, dict(answer.headers), answer.content
        )
        self.frames.add(frame)
        return frame

    async def discover(self, versions_url: str, token: str) -> None:
        versions = await self.call("GET", versions_url, token=token)
        url = next(each["url"] for each in versions.answered["data"] if each["version"] == VERSION)
        details = await self.call("GET", url, token=token)
        self.endpoints = {each["identifier"]: each["url"] for each in details.answered["data"]["endpoints"]}

    async def register(self, versions_url: str, token_a: str) -> Frame:
        """Discover the operator's endpoints and exchange credentials. `token_a` came from the operator."""
        await self.discover(versions_url, token_a)
        answer = await self.call("POST", self.endpoints["credentials"], self._credentials(), token=token_a)
        if answer.answered["status_code"] == 1000:
            self.token_for_us = answer.answered["data"]["token"]
        return answer

    async def renew(self) -> Frame:
        answer = await self.call("PUT", self.endpoints["credentials"], self._credentials())
        if answer.answered["status_code"] == 1000:
            self.token_for_us = answer.answered["data"]["token"]
        return answer

    def invite(self) -> str:
        """Return a registration token for the operator."""
        token = secrets.token_urlsafe(24)
        self.tokens_for_them.add(token)
        return token

    async def locations(self, query: str = "") -> Frame:
        return await self.call("GET", f"{self.endpoints['Booking']}/booking_locations{query}")

    async def bookings(self, query: str = "") -> Frame:
        return await self.call("GET", f"{self.endpoints['Booking']}{query}")

    async def book(self, request: Any, **how: Any) -> Frame:
        return await self.call("POST", self.endpoints["Booking"], request, **how)

    async def push_token(self, token: dict[str, Any], **how: Any) -> Frame:
        path = f"{token['country_code']}/{token['party_id']}/{token['uid']}?type={token['type']}"
        return await self.call("PUT", f"{self.endpoints['tokens']}/{path}", token, **how)

    def _headers(self, token: str) -> dict[str, str]:
        ids = {"X-Request-ID": str(uuid.uuid4()), "X-Correlation-ID": str(uuid.uuid4())}
        return {"Authorization": f"Token {token if self.plain else in_base64(token)}", **ids}

    def _credentials(self) -> dict[str, Any]:
        token = secrets.token_urlsafe(24)
        self.tokens_for_them.add(token)
        role = {
            "role": "EMSP",
            "business_details": {"name": "Truck hub"},
            "party_id": self.party_id,
            "country_code": self.country_code,
        }
        return {"token": token, "url": f"{self.url}/ocpi/versions", "roles": [role]}

    # --- its own server -------------------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Response:
        status, envelope = await self._answer(request.method, request.path, request.headers, request.body)
        echoed = {
            name: request.headers[name] for name in ("x-request-id", "x-correlation-id") if name in request.headers
        }
        headers = {"content-type": "application/json", **echoed}
        return Response(status, headers, json.dumps(envelope).encode())

    async def _answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if not self._is_known(headers.get("authorization", "")):
            return 401, _envelope(None, 2000, "unknown token")
        match method, path:
            case "GET", "/ocpi/versions":
                return 200, _envelope([{"version": VERSION, "url": f"{self.url}/ocpi/{VERSION}"}])
            case "GET", "/ocpi/2.3.0":
                return 200, _envelope(
                    {"version": VERSION, "endpoints": [self._endpoint(each) for each in self.modules]}
                )
            case "POST", "/ocpi/2.3.0/credentials":
                return await self._registered_by_operator(json.loads(body))
            case "DELETE", "/ocpi/2.3.0/credentials":
                self.tokens_for_them.clear()
                return 200, _envelope(None)
            case "PUT", _ if (found := _PUSH.fullmatch(path)) is not None:
                return self._pushed_by_operator(found[3], json.loads(body))
            case _:
                return 404, _envelope(None, 2000, "nothing here")

    async def _registered_by_operator(self, credentials: dict[str, Any]) -> Answer:
        """Call back with the operator's token, as a receiver of credentials must."""
        self.token_for_us = credentials["token"]
        await self.discover(credentials["url"], self.token_for_us)
        return 200, _envelope(self._credentials())

    def _pushed_by_operator(self, booking_id: str, booking: dict[str, Any]) -> Answer:
        if self.refuses is not None:
            return self.refuses, _envelope(None, 3000, "not now")
        if booking["id"] != booking_id:
            return 200, _envelope(None, 2001, "the ids differ")
        is_new = booking_id not in self.pushed
        self.pushed[booking_id] = booking
        return 201 if is_new else 200, _envelope(None)

    def _endpoint(self, module: str) -> dict[str, str]:
        path = {"credentials": "credentials", "Booking": "bookings", "tokens": "tokens"}[module]
        role = "RECEIVER" if module == "Booking" else "SENDER"
        return {"identifier": module, "role": role, "url": f"{self.url}/ocpi/{VERSION}/{path}"}

    def _is_known(self, authorization: str) -> bool:
        return authorization in {f"Token {in_base64(each)}" for each in self.tokens_for_them}


def _envelope(data: Any, code: int = 1000, message: str = "") -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        **({} if data is None else {"data": data}),
        "status_code": code,
        **({"status_message": message} if message else {}),
        "timestamp": now,
    }
