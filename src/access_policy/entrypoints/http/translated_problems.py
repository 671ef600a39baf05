"""Converts problem documents below a path to the errors of another protocol."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from access_policy.entrypoints.http.problems import MEDIA_TYPE


class TranslatedProblems(ABC):
    """When any part of the service answers with a problem document, `translated` decides what is sent instead."""

    prefix: str

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def begun(self, scope: Scope, start: Message) -> None:  # noqa: B027  a hook that a protocol may do without
        """Add headers to the start of any response."""

    @abstractmethod
    def translated(self, scope: Scope, start: Message, document: Mapping[str, Any]) -> bytes:
        """Set the status and the headers of `start`, and return the body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{self.prefix}/"):
            await self._app(scope, receive, send)
            return
        begun: Message | None = None
        body = bytearray()

        async def translating(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                self.begun(scope, message)
                if Headers(raw=message["headers"]).get("content-type") == MEDIA_TYPE:
                    begun = message
                    return
            elif begun is not None and message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if message.get("more_body", False):
                    return
                content = self.translated(scope, begun, json.loads(bytes(body)))
                message = {"type": "http.response.body", "body": content}
                MutableHeaders(raw=begun["headers"])["content-length"] = str(len(content))
                await send(begun)
            await send(message)

        await self._app(scope, receive, translating)
