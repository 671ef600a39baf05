"""The queue of messages to the central system. Transaction messages wait for a connection and are retried."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from simulated_charger.calls import CallRefused, ConnectionLost, NoAnswer, Spawn
from simulated_charger.connection import Connection
from simulated_charger.spec import Payload


@dataclass(slots=True, eq=False)
class Message:
    """A CALL to send. `build` runs at each attempt, because an earlier answer may have assigned the transaction's id.

    If `keep` is False, the message is dropped without a connection or after an error. `settled` is set once the message is
    answered, or when no answer can be expected soon.
    """

    action: str
    build: Callable[[], Payload]
    on_answer: Callable[[Payload], None] | None = None
    keep: bool = True
    attempts: int = 0
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class Outbox:
    """Sends messages in order, one at a time.

    `retries` returns the attempts for a transaction message and the interval in seconds, which grows with each attempt.
    `emptied` is called when the queue becomes empty.
    """

    __slots__ = ("_connection", "_emptied", "_pumping", "_queue", "_retries", "_spawn", "is_open")

    def __init__(
        self,
        connection: Connection,
        *,
        spawn: Spawn,
        retries: Callable[[], tuple[int, float]],
        emptied: Callable[[], None],
    ) -> None:
        self._emptied = emptied
        self._connection = connection
        self._spawn = spawn
        self._retries = retries
        self._queue: deque[Message] | None = None  # created when needed, because most chargers are idle
        self._pumping = False
        self.is_open = False

    @property
    def waiting(self) -> int:
        return len(self._queue or ())

    def put(self, message: Message) -> None:
        if not self.is_open:
            message.settled.set()
            if not message.keep:
                return
        if self._queue is None:
            self._queue = deque()
        self._queue.append(message)
        self._kick()

    def open(self) -> None:
        """Send the waiting messages, because the central system has accepted the charger."""
        self.is_open = True
        self._kick()

    def shut(self) -> None:
        """Stop sending, because the connection is lost. Drop the messages that need not be kept."""
        self.is_open = False
        for message in self._queue or ():
            message.settled.set()
        self._queue = deque(message for message in self._queue or () if message.keep) or None

    def forget(self) -> None:
        """Stop sending and drop all messages."""
        self.shut()
        self._queue = None

    def _kick(self) -> None:
        if self.is_open and self._queue and not self._pumping:
            self._pumping = True
            self._spawn(self._pump())

    async def _pump(self) -> None:
        try:
            while self.is_open and self._queue:
                await self._send(self._queue[0])
        finally:
            self._pumping = False
            if not self._queue:
                self._queue = None
                self._emptied()

    async def _send(self, message: Message) -> None:
        try:
            answer = await self._connection.call(message.action, message.build())
        except ConnectionLost:
            self.shut()
        except (CallRefused, NoAnswer):
            await self._failed(message)
        else:
            self._done(message)
            if message.on_answer is not None:
                message.on_answer(answer)
            message.settled.set()

    async def _failed(self, message: Message) -> None:
        attempts, interval_s = self._retries()
        message.attempts += 1
        message.settled.set()
        if message.keep and message.attempts < attempts:
            await asyncio.sleep(interval_s * message.attempts)
        else:
            self._done(message)

    def _done(self, message: Message) -> None:
        if self._queue and self._queue[0] is message:
            self._queue.popleft()
