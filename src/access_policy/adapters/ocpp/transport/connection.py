"""One charger's connection: reads frames, has CALLs handled in order, correlates the answers to our own CALLs.

Reading does not wait for handling. While a CALL is being handled, later ones wait in an inbox; once it is full, reading
stops until the handler is done (back-pressure on a peer that, against J16 4.1.1, does not wait for its answers). An
answer to a CALL of the service that is stuck behind them is then read late or not at all, but no wait is endless: a handler
has `handler_timeout_s`, our CALL its own time-out, and a peer that does not read our answers is cut after
`send_timeout_s`.

An idle connection has no task but the one that runs it, and no timer beyond the WebSocket's keepalive. How fast a peer is
read is bounded one layer below, in `inflow`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from access_policy.adapters.ocpp.actions import known_actions, not_handled
from access_policy.adapters.ocpp.errors import InternalError, OcppError, OcppVersion
from access_policy.adapters.ocpp.transport.call_failures import CallDisconnected
from access_policy.adapters.ocpp.transport.calls import OutgoingCalls
from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.adapters.ocpp.transport.framing import Call, Unreadable, decode, encode_error, encode_result
from access_policy.adapters.ocpp.transport.sending import FrameSender

logger = logging.getLogger(__name__)

Answer = dict[str, Any]
Dispatch = Callable[["ChargerConnection", Call], Answer | Awaitable[Answer]]
"""Answers a CALL: with a payload, at once or awaited, or by raising an `OcppError`."""

_FRAMES_PER_TURN: Final = 16  # of one connection before the others get theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    inbox_max: int = 16
    calls_waiting_max: int = 64
    silent_calls_max: int = 3  # CALLs in a row without answer after which the socket is closed; 0 = never
    handler_timeout_s: float = 60.0
    send_timeout_s: float = 30.0
    close_timeout_s: float = 10.0


class ChargerConnection:
    """`epoch` grows with every connection of the server; `admission` is the subject of the handshake's admission."""

    __slots__ = (
        "__weakref__",
        "_calls",
        "_closing",
        "_dispatch",
        "_handler_check",
        "_handling_since",
        "_inbox",
        "_is_current",
        "_is_leaving",
        "_is_overdue",
        "_limits",
        "_room",
        "_send",
        "_sender",
        "_worker",
        "_ws",
        "absent_keys",
        "admission",
        "charge_point_id",
        "counters",
        "epoch",
        "keys_at_once",
        "remote",
        "version",
    )

    def __init__(
        self,
        ws: ServerConnection,
        *,
        charge_point_id: str,
        version: OcppVersion,
        epoch: int,
        remote: str,
        admission: object = None,
        limits: ConnectionLimits | None = None,
        counters: Counters | None = None,
    ) -> None:
        self.charge_point_id = charge_point_id
        self.version = version
        self.epoch = epoch
        self.remote = remote
        self.admission = admission
        self.counters = counters or Counters()
        self.keys_at_once = 0  # configuration keys that the charger accepts in a message; 0: not known to be few
        self.absent_keys: frozenset[str] | None = None  # configuration keys that it lacks without saying so
        self._ws = ws
        self._limits = limits or ConnectionLimits()
        self._calls = OutgoingCalls(
            self._send_call,
            self._close_silent,
            self.counters,
            waiting_max=self._limits.calls_waiting_max,
            silent_max=self._limits.silent_calls_max,
        )
        self._dispatch: Dispatch
        self._inbox: deque[Call] | None = None
        self._room: asyncio.Future[None] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._is_current = True
        self._is_leaving = False
        self._handling_since: float | None = None  # when the CALL under way began, by the loop's clock
        self._handler_check: asyncio.TimerHandle | None = None
        self._is_overdue = False
        self._sender = FrameSender(ws, self._limits.send_timeout_s, self._cut)
        self._send = self._sender.send

    def __repr__(self) -> str:
        return f"<ChargerConnection {self.charge_point_id!r} OCPP {self.version.value} epoch {self.epoch}>"

    @property
    def is_current(self) -> bool:
        """False once a newer connection of the same charger took over: what happens on this one must change nothing."""
        return self._is_current

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

        One CALL is in flight at a time; of those that wait the lowest `priority` goes first, equals in order of asking.
        `obsolete` is asked right before sending. `timeout_s` counts from sending.

        Raises `CallRejected`, `CallTimedOut`, `CallDisconnected`, `CallAbandoned`, `CallQueueFull`, `CallObsolete` (all
        `CallFailed`), and TypeError or ValueError for a payload that is not JSON.
        """
        return await self._calls.call(action, payload, timeout_s=timeout_s, priority=priority, obsolete=obsolete)

    def abandon_calls(self) -> None:
        """The charger has booted: end every CALL of ours that waits or is in flight, with `CallAbandoned`."""
        self._calls.abandon()

    async def run(self, dispatch: Dispatch) -> None:
        """Serve until the connection ends, however it ends; a handler that is under way then may finish."""
        self._dispatch = dispatch
        try:
            try:
                await self._read()
            except ConnectionClosed:
                self._end()
            if self._worker is not None:
                await asyncio.wait({self._worker})
        finally:
            self._end()
            if self._worker is not None:
                self._worker.cancel()
                await asyncio.wait({self._worker})
            if self._handler_check is not None:
                self._handler_check.cancel()
            if self._closing is not None:
                await asyncio.wait({self._closing})

    def supersede(self) -> None:
        """A newer connection took over: this one handles no further CALL, and its own CALLs end at once."""
        self._is_current = False
        self._calls.disconnect()

    async def leave(self, code: CloseCode, reason: str, *, within_s: float) -> None:
        """Begin nothing new, let what was received be answered for at most `within_s`, then close."""
        self._is_leaving = True
        if self._worker is not None:
            await asyncio.wait({self._worker}, timeout=within_s)
        await self.close(code, reason)

    async def close(self, code: CloseCode, reason: str) -> None:
        """Returns once the TCP connection is gone: by the closing handshake, or else without it."""
        try:
            async with asyncio.timeout(self._limits.close_timeout_s + 1):
                await self._ws.close(code, reason)
        except TimeoutError:  # the closing frame waits behind what the peer does not read
            self._ws.transport.abort()

    # reading

    async def _read(self) -> None:
        frames = 0
        while True:
            message = decode(await self._ws.recv(decode=False), self.version)
            if isinstance(message, Call):
                await self._take(message)
            elif isinstance(message, Unreadable):
                await self._take_unreadable(message)
            else:
                self._calls.take_answer(message)
            frames += 1
            if frames == _FRAMES_PER_TURN:
                frames = 0
                await asyncio.sleep(0)

    async def _take_unreadable(self, message: Unreadable) -> None:
        self.counters.unreadable_frames += 1
        logger.debug("%r: unreadable frame: %s", self, message.why)
        if message.answer is not None and message.message_id is not None:
            await self._send(encode_error(message.message_id, message.answer, self.version, message.why))
        elif message.message_id is not None:
            self._calls.take_answer(message)

    async def _take(self, call: Call) -> None:
        while self._worker is not None and self._inbox is not None and len(self._inbox) >= self._limits.inbox_max:
            self._room = asyncio.get_running_loop().create_future()
            await self._room
        if self._is_leaving or not self._is_current:
            self.counters.calls_dropped += 1
        elif self._worker is None:
            answer = self._begin(call)
            if type(answer) is bytes:
                await self._send(answer)
            else:
                self._worker = asyncio.create_task(self._work(call, answer), name=f"ocpp {self.charge_point_id}")
        else:
            if self._inbox is None:
                self._inbox = deque()
            self._inbox.append(call)

    # handling

    def _begin(self, call: Call) -> Any:
        """The frame to answer with, or what to await for the answer."""
        if call.action not in known_actions(self.version):
            return self._error(call, not_handled(self.version, call.action))
        try:
            answer = self._dispatch(self, call)
        except OcppError as error:
            return self._error(call, error)
        except Exception:  # noqa: BLE001  the edge: a handler's bug costs one answer, not the connection
            return self._failed(call)
        return answer if inspect.isawaitable(answer) else self._result(call, answer)

    async def _work(self, call: Call, answer: Awaitable[Answer]) -> None:
        """Finishes `call`, then whatever came in meanwhile, in order."""
        try:
            await self._send(await self._outcome(call, answer))
            while self._inbox:
                following = self._inbox.popleft()
                self._wake_reader()
                if not self._is_current:
                    self.counters.calls_dropped += 1
                    continue
                begun = self._begin(following)
                await self._send(begun if type(begun) is bytes else await self._outcome(following, begun))
        except ConnectionClosed:
            self._is_leaving = True  # what was read and is not begun yet must not overtake what waits
            self._end()
        finally:
            self._worker = None
            self._wake_reader()

    async def _outcome(self, call: Call, answer: Awaitable[Answer]) -> bytes:
        loop = asyncio.get_running_loop()
        self._handling_since = loop.time()
        if self._handler_check is None:
            self._handler_check = loop.call_later(self._limits.handler_timeout_s, self._check_handler)
        try:
            return self._result(call, await answer)
        except OcppError as error:
            return self._error(call, error)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling() and not self._is_overdue:
                raise
            if self._is_overdue and task is not None:
                task.uncancel()
                self._is_overdue = False
            return self._failed(call)  # the handler waited for something that was cancelled, which is its own affair
        except Exception:  # noqa: BLE001  the edge, as in _begin
            return self._failed(call)
        finally:
            self._handling_since = None

    def _check_handler(self) -> None:
        """One timer for all CALLs of the connection: a timer for each would cost as much as a decision. Runs at most once in
        `handler_timeout_s`, and only on a connection that handles CALLs."""
        self._handler_check = None
        if self._handling_since is None or self._worker is None:
            return
        loop = asyncio.get_running_loop()
        remaining_s = self._handling_since + self._limits.handler_timeout_s - loop.time()
        if remaining_s > 0.001:
            self._handler_check = loop.call_later(remaining_s, self._check_handler)
            return
        self._is_overdue = True
        self._worker.cancel()

    def _result(self, call: Call, answer: object) -> bytes:
        try:
            if not isinstance(answer, dict):
                raise TypeError(f"a handler answered {type(answer).__name__}, not a dict")
            return encode_result(call.answered_id, answer)
        except (TypeError, ValueError, RecursionError):
            return self._failed(call)

    def _error(self, call: Call, error: OcppError) -> bytes:
        try:
            return encode_error(call.answered_id, error.code, self.version, error.description, error.details)
        except (TypeError, ValueError, RecursionError):
            return self._failed(call)

    def _failed(self, call: Call) -> bytes:
        """Log the exception being handled, with its traceback, and answer without its text."""
        self.counters.handlers_failed += 1
        logger.exception("%r: handling %s failed", self, call.action)
        return encode_error(call.answered_id, InternalError.code, self.version, "the request could not be processed")

    def _wake_reader(self) -> None:
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._room = None

    # writing

    async def _send_call(self, frame: bytes) -> None:
        try:
            await self._send(frame)
        except ConnectionClosed:
            raise CallDisconnected(sent=True) from None

    def _cut(self) -> None:
        self.counters.slow_readers_cut += 1
        logger.warning("%r: cut, it did not read for %g s", self, self._limits.send_timeout_s)
        self._ws.transport.abort()

    # ending

    def _close_silent(self) -> None:
        logger.warning("%r: closed, %d CALLs in a row had no answer", self, self._limits.silent_calls_max)
        self._calls.disconnect()
        if self._closing is None:
            self._closing = asyncio.create_task(self.close(CloseCode.POLICY_VIOLATION, "no answers"))

    def _end(self) -> None:
        self._calls.disconnect()
        if self._inbox:
            self.counters.calls_dropped += len(self._inbox)
            self._inbox.clear()
        self._sender.stop()
