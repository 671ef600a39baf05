"""Repeat a request that did not find something while this process had not read the end of the log.

An office follows the log and may be slightly behind another office, so it may not know yet what a client has just
written there. It must not answer for that reason that a thing does not exist. Other refusals are passed on: commands
decide them by the stored aggregate, and some are the answer of a charger or a partner, which must not be called twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import NOT_FOUND
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from access_policy.application.ports.event_store import StoreUnavailable
from access_policy.application.ports.identity import Identity
from access_policy.entrypoints.http.dependencies import ServingProcess
from access_policy.entrypoints.http.problems import NAMES_UNKNOWN, not_caught_up

WITHHELD: Final = frozenset({404, 422})
READS: Final = frozenset({"GET", "HEAD"})


class CatchUpRetry:
    """Run a request that names an unknown thing again, once, when this process has caught up. Such a request (404, or
    422 if a field of the body names the thing) has changed nothing. If the process does not catch up in time, it
    answers 503. The log is read only for callers with a token. While the store is down, reads are answered from what is
    known."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        process: ServingProcess = scope["app"].state.process
        known_to, as_received = process.known_to(), dict(scope)
        body = _Body(receive)
        answer = _Answer(send)
        await self._app(scope, body.receive, answer.send)
        if not answer.withheld or not _names_unknown(answer.status, scope.get("state", {})):
            await answer.release()
            return
        newer = await _end_beyond(process, known_to, is_read=scope["method"] in READS)
        if newer is None:
            await answer.release()
        elif await process.settled(newer):
            scope.clear()
            scope.update(as_received)
            await self._app(scope, body.again, send)
        else:
            detail = "What the request names is not known here yet, or does not exist; send it again in a moment."
            await not_caught_up(detail)(scope, receive, send)


def _names_unknown(status: int, state: Mapping[str, Any]) -> bool:
    return isinstance(state.get("caller"), Identity) and (status == NOT_FOUND or state.get(NAMES_UNKNOWN, False))


async def _end_beyond(process: ServingProcess, known_to: int, *, is_read: bool) -> int | None:
    """Return the log's end, if it is beyond what was known."""
    try:
        end = await process.log_end()
    except StoreUnavailable:
        if not is_read:
            raise
        return None
    return end if end > known_to else None


@dataclass(slots=True)
class _Body:
    """The messages of the request, kept for a second run."""

    _receive: Receive
    _kept: list[Message] = field(default_factory=list)

    async def receive(self) -> Message:
        message = await self._receive()
        self._kept.append(message)
        return message

    async def again(self) -> Message:
        return self._kept.pop(0) if self._kept else await self._receive()


@dataclass(slots=True)
class _Answer:
    """Forwards the response, unless its status is one of `WITHHELD`."""

    _send: Send
    withheld: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        status: int = self.withheld[0]["status"]
        return status

    async def send(self, message: Message) -> None:
        begins_refusal = message["type"] == "http.response.start" and message["status"] in WITHHELD
        if begins_refusal or self.withheld:
            self.withheld.append(message)
        else:
            await self._send(message)

    async def release(self) -> None:
        for message in self.withheld:
            await self._send(message)
