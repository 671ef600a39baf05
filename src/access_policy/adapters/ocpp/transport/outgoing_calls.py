"""CALLs of the service on one connection: one in flight, the others waiting by priority. Every CALL ends."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from access_policy.adapters.ocpp.errors import ErrorCode
from access_policy.adapters.ocpp.transport.call_failures import (
    CallAbandoned,
    CallDisconnected,
    CallFailed,
    CallObsolete,
    CallQueueFull,
    CallRejected,
    CallTimedOut,
)
from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.adapters.ocpp.transport.framing import CallError, CallResult, Unreadable, encode_call

_EXPIRED_KEPT: Final = 8  # message ids of timed-out CALLs, which distinguish late answers from unsolicited ones


class Urgency(IntEnum):
    """The order of CALLs that wait for one charger, so that a list of a thousand entries does not delay a switch."""

    CHARGE = 0  # to begin or end a charge
    MODE = 1
    ASK = 2
    SETTINGS = 3
    LIST = 4


@dataclass(slots=True, order=True)
class _Turn:
    priority: int
    sequence: int
    granted: asyncio.Future[CallFailed | None] = field(compare=False)
    obsolete: Callable[[], bool] | None = field(compare=False)


class OutgoingCalls:
    """Sends CALLs. The caller's coroutine itself waits for its turn, sends, and waits for the answer, without a further
    task.
    """

    __slots__ = (
        "_busy",
        "_closed",
        "_counters",
        "_expired",
        "_in_flight",
        "_on_silence",
        "_send",
        "_sequence",
        "_silent",
        "_silent_max",
        "_waiting",
        "_waiting_max",
    )

    def __init__(
        self,
        send: Callable[[bytes], None],
        on_silence: Callable[[], None],
        counters: Counters,
        *,
        waiting_max: int,
        silent_max: int,
    ) -> None:
        """`send` raises `CallDisconnected` on a lost connection. `on_silence` is called when `silent_max` CALLs in a row have
        timed out without even a late answer.
        """
        self._send = send
        self._on_silence = on_silence
        self._counters = counters
        self._waiting_max = waiting_max
        self._silent_max = silent_max
        self._waiting: list[_Turn] = []
        self._sequence = itertools.count()
        self._in_flight: tuple[str, asyncio.Future[CallResult | CallError | Unreadable | None]] | None = None
        self._expired: deque[str] | None = None
        self._busy = False
        self._closed = False
        self._silent = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def call(
        self,
        action: str,
        payload: Mapping[str, Any],
        *,
        timeout_s: float,
        priority: int = 0,
        obsolete: Callable[[], bool] | None = None,
    ) -> dict[str, Any]:
        """See `ChargerConnection.call`."""
        await self._turn(priority, obsolete)
        try:
            return await self._exchange(action, payload, timeout_s)
        finally:
            self._grant_next()

    def take_answer(self, answer: CallResult | CallError | Unreadable) -> None:
        """Pass the answer to its CALL; any other answer is counted and dropped."""
        message_id = answer.message_id
        if self._in_flight is not None and self._in_flight[0] == message_id:
            answered = self._in_flight[1]
            if not answered.done():
                self._silent = 0
                answered.set_result(answer)
                return
        if self._expired is not None and message_id is not None and message_id in self._expired:
            self._expired.remove(message_id)
            self._silent = 0
            self._counters.late_answers += 1
        else:
            self._counters.unsolicited_answers += 1

    def disconnect(self) -> None:
        """End every CALL with `CallDisconnected`, and every later CALL at once."""
        self._closed = True
        if self._in_flight is not None and not self._in_flight[1].done():
            self._in_flight[1].set_result(None)
        for turn in self._waiting:
            if not turn.granted.done():
                turn.granted.set_result(CallDisconnected(sent=False))
        self._waiting.clear()

    def abandon(self) -> None:
        """End the CALL in flight and the waiting ones with `CallAbandoned`; later CALLs are sent."""
        if self._in_flight is not None and not self._in_flight[1].done():
            self._note_expired(self._in_flight[0])
            self._in_flight[1].set_exception(CallAbandoned())
        for turn in self._waiting:
            if not turn.granted.done():
                turn.granted.set_result(CallAbandoned())
        self._waiting.clear()

    async def _turn(self, priority: int, obsolete: Callable[[], bool] | None) -> None:
        if self._closed:
            raise CallDisconnected(sent=False)
        if not self._busy:
            if obsolete is not None and obsolete():
                raise CallObsolete
            self._busy = True
            return
        if len(self._waiting) >= self._waiting_max:
            self._drop_obsolete()
        if len(self._waiting) >= self._waiting_max:
            raise CallQueueFull
        turn = _Turn(priority, next(self._sequence), asyncio.get_running_loop().create_future(), obsolete)
        heapq.heappush(self._waiting, turn)
        try:
            failure = await turn.granted
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
                heapq.heapify(self._waiting)
            elif turn.granted.done() and not turn.granted.cancelled() and turn.granted.result() is None:
                self._grant_next()  # it was granted at the moment of the cancellation
            raise
        if failure is not None:
            raise failure

    async def _exchange(self, action: str, payload: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        message_id = str(
            uuid.uuid4()
        )  # unique over all connections of the identity, as J16E 3.1 and J201 4.1.4 require
        frame = encode_call(message_id, action, payload)
        if self._closed:
            raise CallDisconnected(sent=False)
        answered: asyncio.Future[CallResult | CallError | Unreadable | None]
        answered = asyncio.get_running_loop().create_future()
        self._in_flight = (message_id, answered)
        try:
            async with asyncio.timeout(timeout_s):
                self._send(frame)
                answer = await answered
        except TimeoutError:
            self._expire(message_id)
            raise CallTimedOut(f"no answer to {action} in {timeout_s:g} s") from None
        finally:
            self._in_flight = None
        match answer:
            case CallResult(payload=result):
                return result
            case CallError(code=code, description=description):
                raise CallRejected(code, description)
            case Unreadable():
                raise CallRejected(ErrorCode.FORMAT_VIOLATION, "the answer cannot be read")
            case None:
                raise CallDisconnected(sent=True)

    def _note_expired(self, message_id: str) -> None:
        if self._expired is None:
            self._expired = deque(maxlen=_EXPIRED_KEPT)
        self._expired.append(message_id)

    def _expire(self, message_id: str) -> None:
        self._note_expired(message_id)
        self._silent += 1
        if self._silent == self._silent_max:
            self._on_silence()

    def _grant_next(self) -> None:
        self._busy = False
        while self._waiting and not self._busy:
            turn = heapq.heappop(self._waiting)
            if turn.granted.done():
                continue
            if _is_obsolete(turn):
                turn.granted.set_result(CallObsolete())
            else:
                turn.granted.set_result(None)
                self._busy = True

    def _drop_obsolete(self) -> None:
        kept = []
        for turn in self._waiting:
            if _is_obsolete(turn):
                turn.granted.set_result(CallObsolete())
            else:
                kept.append(turn)
        self._waiting = kept
        heapq.heapify(self._waiting)


def _is_obsolete(turn: _Turn) -> bool:
    return turn.obsolete is not None and not turn.granted.done() and turn.obsolete()
