"""One charger's connection: handles its CALLs in order, and correlates its answers to our own CALLs.

Receiving does not wait for handling. While a CALL is being handled, later ones wait in an inbox; once it is full, the
connection is held until the inbox has room (back-pressure on a peer that, against J16 4.1.1, does not wait for its answers).
An answer to a CALL of the service that is stuck behind them is then read late or not at all, but no wait is endless: a
handler has `handler_timeout_s`, our CALL its own time-out, and a peer that does not read our answers is cut after
`send_timeout_s`.

An idle connection has no task but the one that runs it, and no timer beyond the WebSocket's keepalive. How fast a peer is
read is bounded one layer below, in `inflow`.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from websockets.frames import CloseCode

from access_policy.adapters.ocpp.actions import known_actions, not_handled
from access_policy.adapters.ocpp.errors import InternalError, OcppError, OcppVersion
from access_policy.adapters.ocpp.transport.answers import Answer, Answering, Later
from access_policy.adapters.ocpp.transport.call_failures import CallDisconnected
from access_policy.adapters.ocpp.transport.calls import OutgoingCalls
from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.adapters.ocpp.transport.frames import FrameRing
from access_policy.adapters.ocpp.transport.framing import Call, Unreadable, decode, encode_error, encode_result
from access_policy.adapters.ocpp.transport.inflow import BoundedConnection

logger = logging.getLogger(__name__)

Dispatch = Callable[["ChargerConnection", Call], Answering]
"""Answers a CALL, or raises an `OcppError`."""

ErrorOf = Callable[[Exception], OcppError | None]
"""The error to answer with where a handler failed with an exception of the application; None for a handler's bug."""


def a_bug(_: Exception) -> OcppError | None:
    """No exception stands for an error of the protocol."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    inbox_max: int = 16
    calls_waiting_max: int = 64
    silent_calls_max: int = 3  # CALLs in a row without answer after which the socket is closed; 0 = never
    handler_timeout_s: float = 60.0
    send_timeout_s: float = 30.0  # how long a peer may leave our messages unread before it is cut
    close_timeout_s: float = 10.0


class ChargerConnection:
    """`epoch` grows with every connection of the server; `admission` is the subject of the handshake's admission;
    `frames` are the latest ones of the charger."""

    __slots__ = (
        "__weakref__",
        "_calls",
        "_closing",
        "_context",
        "_dispatch",
        "_error_of",
        "_handler_check",
        "_handling_since",
        "_in_progress",
        "_inbox",
        "_is_current",
        "_is_leaving",
        "_is_overdue",
        "_limits",
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
        self.keys_at_once = 0  # configuration keys that the charger accepts in a message; 0: not known to be few
        self.absent_keys: frozenset[str] | None = None  # configuration keys that it lacks without saying so
        self._ws = ws
        self._error_of = error_of
        self._limits = limits or ConnectionLimits()
        self._calls = OutgoingCalls(
            self._send_call,
            self._close_silent,
            self.counters,
            waiting_max=self._limits.calls_waiting_max,
            silent_max=self._limits.silent_calls_max,
        )
        self._dispatch: Dispatch
        self._context: contextvars.Context  # of `run`: its log fields are those of every message
        self._inbox: deque[Call] | None = None
        self._in_progress: asyncio.Future[Any] | None = (
            None  # the CALL being handled: a task, or the future of a `Later`
        )
        self._closing: asyncio.Task[None] | None = None
        self._is_current = True
        self._is_leaving = False
        self._handling_since: float | None = None  # when the task in progress began, by the loop's clock
        self._handler_check: asyncio.TimerHandle | None = None
        self._is_overdue = False

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
        self._context = contextvars.copy_context()
        try:
            self._ws.deliver(self._receive)
            await self._ws.wait_closed()
            self._end()
            if self._in_progress is not None:
                await asyncio.wait({self._in_progress})
        finally:
            self._end()
            if isinstance(self._in_progress, asyncio.Task):
                self._in_progress.cancel()
                await asyncio.wait({self._in_progress})
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
        try:
            async with asyncio.timeout(within_s):
                while self._in_progress is not None:
                    await asyncio.wait({self._in_progress})
        except TimeoutError:
            pass
        await self.close(code, reason)

    async def close(self, code: CloseCode, reason: str) -> None:
        """Returns once the TCP connection is gone: by the closing handshake, or else without it."""
        try:
            async with asyncio.timeout(self._limits.close_timeout_s + 1):
                await self._ws.close(code, reason)
        except TimeoutError:  # the closing frame waits behind what the peer does not read
            self._ws.transport.abort()

    # receiving

    def _receive(self, raw: bytes) -> None:
        self.frames.note(raw, False)
        message = decode(raw, self.version)
        if isinstance(message, Call):
            self._take(message)
        elif isinstance(message, Unreadable):
            self._take_unreadable(message)
        else:
            self._calls.take_answer(message)

    def _take_unreadable(self, message: Unreadable) -> None:
        self.counters.unreadable_frames += 1
        logger.debug("%r: unreadable frame: %s", self, message.why)
        if message.answer is not None and message.message_id is not None:
            self._write(encode_error(message.message_id, message.answer, self.version, message.why))
        elif message.message_id is not None:
            self._calls.take_answer(message)

    def _take(self, call: Call) -> None:
        if self._is_leaving or not self._is_current:
            self.counters.calls_dropped += 1
        elif self._in_progress is None:
            self._context.run(self._begin, call)
        else:
            if self._inbox is None:
                self._inbox = deque()
            self._inbox.append(call)
            if len(self._inbox) >= self._limits.inbox_max:
                self._ws.hold()

    # handling

    def _begin(self, call: Call) -> None:
        """Answer the CALL, or begin to: it is then the one in progress."""
        try:
            if call.action not in known_actions(self.version):
                raise not_handled(self.version, call.action)
            answer = self._dispatch(self, call)
        except Exception as error:  # noqa: BLE001  the edge: a handler's bug costs one answer, not the connection
            self._write(self._failure(call, error))
            return
        if type(answer) is Later:
            self._in_progress = answer.future
            answer.future.add_done_callback(partial(self._answer_later, call, answer.answer))
        elif inspect.isawaitable(answer):
            self._in_progress = asyncio.create_task(self._work(call, answer), name=f"ocpp {self.charge_point_id}")
        else:
            self._write(self._result(call, answer))

    def _answer_later(self, call: Call, answer: Callable[[Any], Answer], future: asyncio.Future[Any]) -> None:
        try:
            frame = self._result(call, answer(future.result()))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  the edge, as in _begin
            frame = self._failure(call, error)
        self._write(frame)
        self._finished()

    async def _work(self, call: Call, answer: Awaitable[Answer]) -> None:
        try:
            self._write(await self._outcome(call, answer))
        finally:
            self._finished()

    async def _outcome(self, call: Call, answer: Awaitable[Answer]) -> bytes:
        loop = asyncio.get_running_loop()
        self._handling_since = loop.time()
        if self._handler_check is None:
            self._handler_check = loop.call_later(self._limits.handler_timeout_s, self._check_handler)
        try:
            return self._result(call, await answer)
        except asyncio.CancelledError as cancelled:
            if (task := asyncio.current_task()) is not None and task.cancelling() and not self._is_overdue:
                raise
            if self._is_overdue and task is not None:
                task.uncancel()
                self._is_overdue = False
            return self._failure(call, cancelled)  # the handler waited for something that was cancelled: its own affair
        except Exception as error:  # noqa: BLE001  the edge, as in _begin
            return self._failure(call, error)
        finally:
            self._handling_since = None

    def _finished(self) -> None:
        """The CALL in progress is answered: go on with those that came in meanwhile, in order."""
        self._in_progress = None
        while self._inbox and self._in_progress is None:
            following = self._inbox.popleft()
            if self._is_current:
                self._context.run(self._begin, following)
            else:
                self.counters.calls_dropped += 1
        if self._inbox is None or len(self._inbox) < self._limits.inbox_max:
            self._ws.proceed()

    def _check_handler(self) -> None:
        """One timer for all CALLs of the connection: a timer for each would cost as much as a decision. Runs at most once in
        `handler_timeout_s`, and only on a connection that handles CALLs."""
        self._handler_check = None
        if self._handling_since is None or not isinstance(self._in_progress, asyncio.Task):
            return
        loop = asyncio.get_running_loop()
        remaining_s = self._handling_since + self._limits.handler_timeout_s - loop.time()
        if remaining_s > 0.001:
            self._handler_check = loop.call_later(remaining_s, self._check_handler)
            return
        self._is_overdue = True
        self._in_progress.cancel()

    def _result(self, call: Call, answer: object) -> bytes:
        try:
            if not isinstance(answer, dict):
                raise TypeError(f"a handler answered {type(answer).__name__}, not a dict")
            return encode_result(call.answered_id, answer)
        except (TypeError, ValueError, RecursionError) as error:
            return self._failure(call, error)

    def _failure(self, call: Call, error: BaseException) -> bytes:
        """The error that the handler raised, or that stands for the application's. Anything else is logged, with its
        traceback, and answered without its text."""
        translated = (
            error if isinstance(error, OcppError) else self._error_of(error) if isinstance(error, Exception) else None
        )
        if translated is not None:
            try:
                return encode_error(
                    call.answered_id, translated.code, self.version, translated.description, translated.details
                )
            except (TypeError, ValueError, RecursionError) as unencodable:
                error = unencodable
        self.counters.handlers_failed += 1
        logger.error("%r: handling %s failed", self, call.action, exc_info=error)
        return encode_error(call.answered_id, InternalError.code, self.version, "the request could not be processed")

    # writing

    def _write(self, frame: bytes) -> None:
        self.frames.note(frame, True)
        if not self._ws.write(frame):
            self._is_leaving = True  # the connection is closing: received CALLs that have not begun are dropped
            self._end()

    def _send_call(self, frame: bytes) -> None:
        self.frames.note(frame, True)
        if not self._ws.write(frame):
            raise CallDisconnected(sent=True)

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
