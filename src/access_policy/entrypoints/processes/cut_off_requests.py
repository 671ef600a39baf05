"""Requests that are still under way when the HTTP listener stops."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from access_policy.entrypoints.http.problems import problem

log = logging.getLogger(__name__)

RETRY_AFTER: Final = {"Retry-After": "1"}


class CutOffRequests:
    """Answers 503 to a request that uvicorn cancels, instead of a traceback in the log.

    Uvicorn cancels the requests that have not ended within its stop timeout; nothing else cancels requests. A response
    that has begun is left incomplete, so that the client notices.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:
            if scope["type"] != "http":
                raise
            log.warning("%s %s was cut off: the service is stopping", scope["method"], scope["path"])
            if not has_begun:
                detail = (
                    "The service is stopping and may have executed the request. "
                    "Send it again with the same Idempotency-Key."
                )
                await problem(503, "stopping", detail, headers=RETRY_AFTER)(scope, receive, send)
