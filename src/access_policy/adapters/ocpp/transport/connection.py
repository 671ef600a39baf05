"""One charger's connection. It passes on the charger's CALLs and its answers to our CALLs, and writes our messages.

An answer to our CALL that is stuck behind CALLs of the charger (`incoming_calls`) is read late or not at all. But every wait is
limited: a handler has `handler_timeout_s`, our CALL has a timeout, and a peer that does not read our answers is disconnected
after `send_timeout_s`.

An idle connection has only the task that runs it, and only the timer of the WebSocket's keepalive. `inflow`, one layer below,
limits how fast a peer is read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from websockets.frames import CloseCode

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.transport.answers import Answering
from access_policy.adapters.ocpp.transport.call_failures import CallDisconnected
from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.adapters.ocpp.transport.frames import FrameRing
from access_policy.adapters.ocpp.transport.framing import Call, Unreadable, decode, encode_error
from access_policy.adapters.ocpp.transport.incoming_calls import ErrorOf, IncomingCalls, a_bug
from access_policy.adapters.ocpp.transport.inflow import BoundedConnection
from access_policy.adapters.ocpp.transport.outgoing_calls import OutgoingCalls

logger = logging.getLogger(__name__)

Dispatch = Callable[["ChargerConnection", Call], Answering]
"""Answers a CALL, or raises an `OcppError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    inbox_max: int = 16
    calls_waiting_max: int = 64
    silent_calls_max: int = 3  # unanswered CALLs in a row after which the socket is closed; 0 = never
    handler_timeout_s: float = 60.0
    send_timeout_s: float = 30.0  # how long a peer may leave our messages unread before it is disconnected
    close_timeout_s: float = 10.0


class ChargerConnection:
    """A connection. `epoch` rises with every connection of the server; `admission` is the subject of the handshake's admission;
    `frames` has the charger's latest frames.
    """

    __slots__ = (
        "__weakref__",
        "_closing",
        "_incoming",
        "_limits",
        "_outgoing",
        "_ws",
        "absent_keys",
        "admission",
        "charge_point_id",
        "counters",
        "epoch",
        "frames",
        "keys_at_once",
        "remote",
        "version",
    )

    def __init__(
        self,
        ws: BoundedConnection,
        *,
        charge_point_id: str,
        version: OcppVersion,
        epoch: int,
        remote: str,
        admission: object = None,
        error_of: ErrorOf = a_bug,
        limits: ConnectionLimits | None = None,
        counters: Counters | None = None,
    ) -> None:
        self.charge_point_id = charge_point_id
        self.version = version
        self.epoch = epoch
        self.remote = remote
        self.admission = admission
        self.counters = counters or Counters()
        self.frames = FrameRing()
        self.keys_at_once = 0  # configuration keys that the charger accepts in one message; 0: no limit known
        # configuration keys that the charger lacks but does not name as unknown
        self.absent_keys: frozenset[str] | None = None
        self._ws = ws
        self._limits = limits or ConnectionLimits()
        self._incoming = IncomingCalls(
            self,
            ws,
            self._write,
            self.counters,
            name=f"ocpp {charge_point_id}",
            version=version,
            error_of=error_of,
            inbox_max=self._limits.inbox_max,
            handler_timeout_s=self._limits.handler_timeout_s,
        )
        self._outgoing = OutgoingCalls(
            self._send_call,
            self._close_silent,
            self.counters,
            waiting_max=self._limits.calls_waiting_max,
            silent_max=self._limits.silent_calls_max,
        )
        self._closing: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<ChargerConnection {self.charge_point_id!r} OCPP {self.version.value} epoch {self.epoch}>"

    @property
    def is_current(self) -> bool:
        """False once a newer connection of the same charger has replaced this one, which must then have no further effect."""
        return not self._incoming.is_superseded

    async def call(
        self,
        action: str,
        payload: Mapping[str, Any],
        *,
        timeout_s: float,
        priority: int = 0,
        obsolete: Callable[[], bool] | None = None,
    ) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT.

        One CALL is in flight at a time. Of the waiting CALLs, the one with the lowest `priority` is sent first, and the
        earliest of equals. `obsolete` is called right before sending. `timeout_s` counts from sending.

        Raises `CallRejected`, `CallTimedOut`, `CallDisconnected`, `CallAbandoned`, `CallQueueFull`, `CallObsolete` (all
        `CallFailed`), and TypeError or ValueError for a payload that is not JSON.
        """
        return await self._outgoing.call(action, payload, timeout_s=timeout_s, priority=priority, obsolete=obsolete)

    def abandon_calls(self) -> None:
        """End every waiting CALL, and the one in flight, with `CallAbandoned`, because the charger has booted."""
        self._outgoing.abandon()

    async def run(self, dispatch: Dispatch) -> None:
        """Serve until the connection ends for any reason; a handler that is then in progress may finish."""
        self._incoming.serve(dispatch)
        try:
            self._ws.deliver(self._receive)
            await self._ws.wait_closed()
            self._end()
            await self._incoming.finish()
        finally:
            self._end()
            await self._incoming.cancel()
            if self._closing is not None:
                await asyncio.wait({self._closing})

    def supersede(self) -> None:
        """Stop handling CALLs and end our own CALLs at once, because a newer connection has replaced this one."""
        self._incoming.supersede()
        self._outgoing.disconnect()

    async def leave(self, code: CloseCode, reason: str, *, within_s: float) -> None:
        """Begin no further work, wait at most `within_s` until received CALLs are answered, then close."""
        self._incoming.close()
        try:
            async with asyncio.timeout(within_s):
                await self._incoming.finish_all()
        except TimeoutError:
            pass
        await self.close(code, reason)

    async def close(self, code: CloseCode, reason: str) -> None:
        """Close the connection. Returns once the TCP connection has ended, by the closing handshake or without it."""
        try:
            async with asyncio.timeout(self._limits.close_timeout_s + 1):
                await self._ws.close(code, reason)
        except TimeoutError:  # the closing frame waits behind messages that the peer does not read
            self._ws.transport.abort()

    # receiving

    def _receive(self, raw: bytes) -> None:
        self.frames.note(raw, False)
        message = decode(raw, self.version)
        if isinstance(message, Call):
            self._incoming.take(message)
        elif isinstance(message, Unreadable):
            self._take_unreadable(message)
        else:
            self._outgoing.take_answer(message)

    def _take_unreadable(self, message: Unreadable) -> None:
        self.counters.unreadable_frames += 1
        logger.debug("%r: unreadable frame: %s", self, message.why)
        if message.answer is not None and message.message_id is not None:
            self._write(encode_error(message.message_id, message.answer, self.version, message.why))
        elif message.message_id is not None:
            self._outgoing.take_answer(message)

    # writing

    def _write(self, frame: bytes) -> None:
        self.frames.note(frame, True)
        if not self._ws.write(frame):
            self._incoming.close()  # the connection is closing: received CALLs not yet begun are dropped
            self._end()

    def _send_call(self, frame: bytes) -> None:
        self.frames.note(frame, True)
        if not self._ws.write(frame):
            raise CallDisconnected(sent=True)

    # ending

    def _close_silent(self) -> None:
        logger.warning("%r: closed, %d CALLs in a row had no answer", self, self._limits.silent_calls_max)
        self._outgoing.disconnect()
        if self._closing is None:
            self._closing = asyncio.create_task(self.close(CloseCode.POLICY_VIOLATION, "no answers"))

    def _end(self) -> None:
        self._outgoing.disconnect()
        self._incoming.drop()
