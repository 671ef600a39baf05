"""What a charger has to say, in order: transaction messages wait for the link and are retried, statuses are not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from simulated_charger.link import CallRefused, Link, LinkLost, NoAnswer, Spawn
from simulated_charger.spec import Payload


@dataclass(slots=True, eq=False)
class Message:
    """`build` is called at each sending, since an answer that came meanwhile may have given the transaction's id.

    `keep` False: dropped when the link is down or the answer an error. `settled` is set once there is an answer, or
    it is clear that none will come soon.
    """

    action: str
    build: Callable[[], Payload]
    on_answer: Callable[[Payload], None] | None = None
    keep: bool = True
    attempts: int = 0
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class Outbox:
    """`retries` gives the attempts for a transaction message and the interval in seconds, which grows with each.
    `emptied` is called when nothing waits any more."""

    __slots__ = ("_emptied", "_link", "_pumping", "_queue", "_retries", "_spawn", "is_open")

    def __init__(
        self,
        link: Link,
        *,
        spawn: Spawn,
        retries: Callable[[], tuple[int, float]],
        emptied: Callable[[], None],
    ) -> None:
        self._emptied = emptied
        self._link = link
        self._spawn = spawn
        self._retries = retries
        self._queue: deque[Message] | None = None  # made when needed: most chargers are idle
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
        """The central system has accepted us: send what has waited, in order."""
        self.is_open = True
        self._kick()

    def shut(self) -> None:
        """The link is gone: nobody waits any longer, and what need not be kept goes."""
        self.is_open = False
        for message in self._queue or ():
            message.settled.set()
        self._queue = deque(message for message in self._queue or () if message.keep) or None

    def forget(self) -> None:
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
            answer = await self._link.call(message.action, message.build())
        except LinkLost:
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
