"""CALLs of the charger on one connection: handled in order and one at a time, each answered with a result or an error.

Receiving does not wait for handling. While a CALL is being handled, later ones wait in an inbox; once it is full, reading
pauses until the inbox has room (back-pressure on a peer that, contrary to J16 4.1.1, does not wait for its answers).
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Generic, TypeVar

from access_policy.adapters.ocpp.actions import known_actions, not_handled
from access_policy.adapters.ocpp.errors import InternalError, OcppError, OcppVersion
from access_policy.adapters.ocpp.transport.answers import Answer, Answering, Later
from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.adapters.ocpp.transport.framing import Call, encode_error, encode_result
from access_policy.adapters.ocpp.transport.inflow import BoundedConnection

logger = logging.getLogger(__name__)

ErrorOf = Callable[[Exception], OcppError | None]
"""The error to answer with where a handler failed with an exception of the application; None for a handler's bug."""

_Connection = TypeVar("_Connection")


def a_bug(_: Exception) -> OcppError | None:
    """Return None: no exception corresponds to a protocol error."""
    return None


class IncomingCalls(Generic[_Connection]):
    """Handles the CALLs. `dispatch` receives `connection` with each CALL; `name` is the name of the handlers' tasks."""

    __slots__ = (
        "_connection",
        "_context",
        "_counters",
        "_dispatch",
        "_error_of",
        "_handler_check",
        "_handler_timeout_s",
        "_handling_since",
        "_in_progress",
        "_inbox",
        "_inbox_max",
        "_is_closed",
        "_is_overdue",
        "_name",
        "_version",
        "_write",
        "_ws",
        "is_superseded",
    )

    def __init__(
        self,
        connection: _Connection,
        ws: BoundedConnection,
        write: Callable[[bytes], None],
        counters: Counters,
        *,
        name: str,
        version: OcppVersion,
        error_of: ErrorOf,
        inbox_max: int,
        handler_timeout_s: float,
    ) -> None:
        self._connection = connection
        self._ws = ws
        self._write = write
        self._counters = counters
        self._name = name
        self._version = version
        self._error_of = error_of
        self._inbox_max = inbox_max
        self._handler_timeout_s = handler_timeout_s
        self._dispatch: Callable[[_Connection, Call], Answering]
        self._context: contextvars.Context
        self._inbox: deque[Call] | None = None
        self._in_progress: asyncio.Future[Any] | None = None  # a task, or the future of a `Later`
        self._is_closed = False
        self.is_superseded = False
        self._handling_since: float | None = None  # when the task in progress began, by the loop's clock
        self._handler_check: asyncio.TimerHandle | None = None
        self._is_overdue = False

    def serve(self, dispatch: Callable[[_Connection, Call], Answering]) -> None:
        """Begin to serve. Call this before `take`, in the context whose log fields apply to every message."""
        self._dispatch = dispatch
        self._context = contextvars.copy_context()

    # --- the inbox -------------------------------------------------------------------------------------------------------

    def take(self, call: Call) -> None:
        if self._is_closed or self.is_superseded:
            self._counters.calls_dropped += 1
        elif self._in_progress is None:
            self._context.run(self._begin, call)
        else:
            if self._inbox is None:
                self._inbox = deque()
            self._inbox.append(call)
            if len(self._inbox) >= self._inbox_max:
                self._ws.hold()

    def close(self) -> None:
        """Take no further CALL; CALLs in the inbox are still answered."""
        self._is_closed = True

    def supersede(self) -> None:
        """Begin no further CALL, because a newer connection of the charger has replaced this one."""
        self.is_superseded = True

    def drop(self) -> None:
        """Empty the inbox, because the connection has ended."""
        if self._inbox:
            self._counters.calls_dropped += len(self._inbox)
            self._inbox.clear()

    async def finish(self) -> None:
        """Wait for the CALL in progress, but not for CALLs in the inbox."""
        if self._in_progress is not None:
            await asyncio.wait({self._in_progress})

    async def finish_all(self) -> None:
        while self._in_progress is not None:
            await asyncio.wait({self._in_progress})

    async def cancel(self) -> None:
        """Cancel the handler in progress and the timer."""
        if isinstance(self._in_progress, asyncio.Task):
            self._in_progress.cancel()
            await asyncio.wait({self._in_progress})
        if self._handler_check is not None:
            self._handler_check.cancel()

    # --- handling --------------------------------------------------------------------------------------------------------

    def _begin(self, call: Call) -> None:
        """Answer the CALL, or begin to answer it; it is then the CALL in progress."""
        try:
            if call.action not in known_actions(self._version):
                raise not_handled(self._version, call.action)
            answer = self._dispatch(self._connection, call)
        except Exception as error:  # noqa: BLE001  the edge: a handler's bug costs one answer, not the connection
            self._write(self._failure(call, error))
            return
        if type(answer) is Later:
            self._in_progress = answer.future
            answer.future.add_done_callback(partial(self._answer_later, call, answer.answer))
        elif inspect.isawaitable(answer):
            self._in_progress = asyncio.create_task(self._work(call, answer), name=self._name)
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
            self._handler_check = loop.call_later(self._handler_timeout_s, self._check_handler)
        try:
            return self._result(call, await answer)
        except asyncio.CancelledError as cancelled:
            if (task := asyncio.current_task()) is not None and task.cancelling() and not self._is_overdue:
                raise
            if self._is_overdue and task is not None:
                task.uncancel()
                self._is_overdue = False
            return self._failure(call, cancelled)  # the handler waited for something else that was cancelled
        except Exception as error:  # noqa: BLE001  the edge, as in _begin
            return self._failure(call, error)
        finally:
            self._handling_since = None

    def _finished(self) -> None:
        """Continue with the CALLs in the inbox, in order, because the CALL in progress has been answered."""
        self._in_progress = None
        while self._inbox and self._in_progress is None:
            following = self._inbox.popleft()
            if self.is_superseded:
                self._counters.calls_dropped += 1
            else:
                self._context.run(self._begin, following)
        if self._inbox is None or len(self._inbox) < self._inbox_max:
            self._ws.proceed()

    def _check_handler(self) -> None:
        """Check the handler's time with one timer for all CALLs of the connection, because a timer for each would cost as much
        as a decision. Runs at most once per `handler_timeout_s`, and only on a connection that handles CALLs.
        """
        self._handler_check = None
        if self._handling_since is None or not isinstance(self._in_progress, asyncio.Task):
            return
        loop = asyncio.get_running_loop()
        remaining_s = self._handling_since + self._handler_timeout_s - loop.time()
        if remaining_s > 0.001:
            self._handler_check = loop.call_later(remaining_s, self._check_handler)
            return
        self._is_overdue = True
        self._in_progress.cancel()

    # --- answers ---------------------------------------------------------------------------------------------------------

    def _result(self, call: Call, answer: object) -> bytes:
        try:
            if not isinstance(answer, dict):
                raise TypeError(f"a handler answered {type(answer).__name__}, not a dict")
            return encode_result(call.answered_id, answer)
        except (TypeError, ValueError, RecursionError) as error:
            return self._failure(call, error)

    def _failure(self, call: Call, error: BaseException) -> bytes:
        """Return the error that the handler raised, or the error that corresponds to the application's. Anything else is logged
        with its traceback, and answered without its text.
        """
        translated = (
            error if isinstance(error, OcppError) else self._error_of(error) if isinstance(error, Exception) else None
        )
        if translated is not None:
            try:
                return encode_error(
                    call.answered_id, translated.code, self._version, translated.description, translated.details
                )
            except (TypeError, ValueError, RecursionError) as unencodable:
                error = unencodable
        self._counters.handlers_failed += 1
        logger.error("%r: handling %s failed", self._connection, call.action, exc_info=error)
        return encode_error(call.answered_id, InternalError.code, self._version, "the request could not be processed")
