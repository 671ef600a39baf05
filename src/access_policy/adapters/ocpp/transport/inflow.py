"""The WebSocket of one charger, with limits on how much is read at a time, how fast, how long the charger may be silent, and
how long it may leave our messages unread. Each message is delivered to a callback, so no task waits for the next one.

The library parses everything that the network delivers in one event-loop iteration, and answers every ping into an unlimited
buffer. Here the bytes are parsed in slices, one per iteration. A token bucket counts every frame, including pings and
fragments. Reading from the socket pauses while the bucket is empty, while messages wait to be handled, or while the charger
does not read our answers. TCP then slows the charger down, and the server buffers no more than one read from the network.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Event, State

from access_policy.adapters.ocpp.transport.counters import Counters

log = logging.getLogger(__name__)

SLICE_BYTES: Final = 4096  # parsed in one event-loop iteration: about 40 messages, or 700 empty frames, in 10 ms
EARLY_MAX: Final = 8  # messages that may arrive before they are delivered; then reading pauses
_REFILL_S: Final = 0.1  # what the bucket gains before reading continues, so that a flood costs ten iterations a second


@dataclass(slots=True)
class TokenBucket:
    """A bucket of up to `burst` tokens that gains `per_s` a second. `take` may leave it in debt, which it then earns back."""

    per_s: float
    burst: float
    tokens: float
    at: float  # when `tokens` was exact, in seconds of the loop's clock

    def take(self, count: int, now: float) -> None:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.per_s) - count
        self.at = now

    def empty_for_s(self, now: float) -> float:
        """Return the seconds until one token is available."""
        return max(0.0, (1 - self.tokens) / self.per_s - (now - self.at))


class BoundedConnection(ServerConnection):
    """Replaces the library's `recv`, `send` and keepalive, because any byte from the charger is a sign of life, not only the
    answer to a ping.
    """

    def __init__(
        self, *arguments: Any, per_s: float, burst: int, send_timeout_s: float, counters: Counters, **options: Any
    ) -> None:
        """`ping_interval` and `ping_timeout` are in seconds. A ping is sent every interval, and a charger that is silent for
        the sum of both is disconnected. So is a charger that reads nothing for `send_timeout_s` while the buffer is full.
        """
        super().__init__(*arguments, **options)
        self.label = ""  # the charger's identity, once it is let in
        self.refusal: tuple[int, str] | None = None  # the log level and the reason why its handshake was refused
        self.failure: Exception | None = None  # the service's failure that caused the refusal
        self._has_spoken = False
        self._counters = counters
        now = self.loop.time()
        self._bucket = TokenBucket(per_s, burst, burst, now)
        self._rest: bytearray | None = None  # read from the network but not parsed yet
        self._turn: asyncio.Handle | None = None  # parses the next slice
        self._refill: asyncio.TimerHandle | None = None
        self._receive: Callable[[bytes], None] | None = None
        self._early: list[bytes] = []  # messages that arrived before `deliver`
        self._fragments: bytearray | None = None  # of an incomplete message
        self._is_full = False  # messages wait to be handled
        self._was_throttled = False
        self._heard_at = now
        self._ping_at = 0.0
        self._keepalive: asyncio.TimerHandle | None = None
        self._send_timeout_s = send_timeout_s
        self._stall: asyncio.TimerHandle | None = None  # disconnects the charger if the buffer stays full

    # --- handshake ---------------------------------------------------------------------------------------------------

    async def handshake(self, *arguments: Any, **options: Any) -> None:
        """Log each refused handshake once, with its reason."""
        try:
            await super().handshake(*arguments, **options)
        except asyncio.CancelledError:
            if self._has_spoken:
                self._log_refused(logging.INFO, "it did not complete the handshake in time")
            raise
        if self.state is State.OPEN or not self._has_spoken:
            return
        level, reason = self.refusal or (logging.WARNING, "")
        self._log_refused(level, reason or f"not a WebSocket handshake: {self.protocol.handshake_exc or 'it hung up'}")

    def _log_refused(self, level: int, reason: str) -> None:
        path = "" if self.request is None else self.request.path[:200]
        remote = (self.remote_address or ("an unknown address",))[0]
        status = "" if self.response is None else f" ({self.response.status_code})"
        log.log(level, "handshake for %r from %s refused%s: %s", path, remote, status, reason, exc_info=self.failure)

    # --- reading -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # not used; no cycle keeps the connection in memory
        self.recv_messages.pause = self.recv_messages.resume = _nothing

    def connection_lost(self, exc: Exception | None) -> None:
        for handle in (self._turn, self._refill, self._keepalive, self._stall):
            if handle is not None:
                handle.cancel()
        self._turn = self._refill = self._keepalive = self._stall = self._rest = self._receive = None
        super().connection_lost(exc)

    def deliver(self, receive: Callable[[bytes], None]) -> None:
        """Call `receive` with each message, as bytes, beginning with those that have arrived. While the connection is held,
        only the rest of the slice being parsed is delivered.
        """
        self._receive = receive
        early, self._early = self._early, []
        for message in early:
            receive(message)
        if early:
            self.proceed()

    def hold(self) -> None:
        """Pause reading until `proceed`."""
        if not self._is_full:
            self._is_full = True
            self._regulate()

    def proceed(self) -> None:
        if self._is_full:
            self._is_full = False
            self._regulate()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self.loop.time()
        self._has_spoken = True
        if self._rest is not None:  # TLS delivers data that it decrypted before reading was paused
            self._rest += data
        elif len(data) <= SLICE_BYTES and not self._is_held():
            super().data_received(data)
        else:
            self._rest = bytearray(data)
        self._regulate()

    def process_event(self, event: Event) -> None:
        if type(event) is not Frame:  # the request of the handshake
            super().process_event(event)
            return
        self._bucket.take(1, self.loop.time())
        opcode = event.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if event.fin:
                self._deliver(event.data)  # type: ignore[arg-type]  # bytes, since it is masked
            else:
                self._fragments = bytearray(event.data)
        elif opcode is Opcode.CONT and self._fragments is not None:
            self._fragments += event.data
            if event.fin:
                message, self._fragments = bytes(self._fragments), None
                self._deliver(message)

    def _deliver(self, message: bytes) -> None:
        if self._receive is not None:
            self._receive(message)
        else:
            self._early.append(message)
            if len(self._early) >= EARLY_MAX:
                self.hold()

    def _next_slice(self) -> None:
        self._turn = None
        if self._rest is not None and not self._is_held():
            part = bytes(self._rest[:SLICE_BYTES])
            del self._rest[:SLICE_BYTES]
            if not self._rest:
                self._rest = None
            super().data_received(part)
        self._regulate()

    def _is_held(self) -> bool:
        return self._is_full or self.paused or self._refill is not None

    def _regulate(self) -> None:
        """Read, parse or wait, as the limits allow now."""
        if self._refill is None and (wait_s := self._bucket.empty_for_s(self.loop.time())) > 0:
            self._throttle(wait_s)
        is_held = self._is_held()
        if self._rest is not None and self._turn is None and not is_held:
            self._turn = self.loop.call_soon(self._next_slice)
        if is_held or self._rest is not None:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _throttle(self, wait_s: float) -> None:
        if not self._was_throttled:
            self._was_throttled = True
            self._counters.connections_throttled += 1
            log.warning(
                "charge point %s sends more than %g messages a second; the rest is read at that rate",
                self.label,
                self._bucket.per_s,
            )
        self._refill = self.loop.call_later(max(wait_s, _REFILL_S), self._refilled)

    def _refilled(self) -> None:
        self._refill = None
        self._regulate()

    # --- writing -----------------------------------------------------------------------------------------------------

    def write(self, message: bytes) -> bool:
        """Send a text message without waiting. Return False if the connection is closing, in which case the message is lost.
        While the charger does not read, nothing is read from it, so its pending answers are limited by what was already parsed.
        """
        if self.protocol.state is not State.OPEN:
            return False
        self.protocol.send_text(message)
        self.send_data()
        return True

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(self._send_timeout_s, self._cut_slow_reader)
        self._regulate()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        self._regulate()

    def _cut_slow_reader(self) -> None:
        self._stall = None
        self._counters.slow_readers_cut += 1
        log.warning("charge point %s: disconnected, it did not read for %g s", self.label, self._send_timeout_s)
        self.transport.abort()

    # --- signs of life -----------------------------------------------------------------------------------------------

    def start_keepalive(self) -> None:
        """Start the keepalive. The library calls this when the handshake is complete."""
        if self.ping_interval is not None:
            self._heard_at = self.loop.time()
            self._ping_at = self._heard_at + self.ping_interval
            self._keepalive = self.loop.call_at(self._ping_at, self._keep_alive)

    def _keep_alive(self) -> None:
        self._keepalive = None
        if self.protocol.state is not State.OPEN or self.ping_interval is None:
            return
        now = self.loop.time()
        if self._is_full or self._refill is not None or self._rest is not None:
            self._heard_at = now  # reading is paused, so the charger's silence means nothing
        silent_until = None if self.ping_timeout is None else self._heard_at + self.ping_interval + self.ping_timeout
        if silent_until is not None and now >= silent_until:
            self._cut_silent(now - self._heard_at)
            return
        if now >= self._ping_at:
            self._ping_at = now + self.ping_interval
            if not self.paused:
                self.protocol.send_ping(b"")
                self.send_data()
        following = self._ping_at if silent_until is None else min(self._ping_at, silent_until)
        self._keepalive = self.loop.call_at(following, self._keep_alive)

    def _cut_silent(self, silent_s: float) -> None:
        self._counters.silent_cut += 1
        log.info("charge point %s: disconnected, it sent nothing for %.0f s", self.label, silent_s)
        self.protocol.fail(CloseCode.INTERNAL_ERROR, "keepalive ping timeout")
        self.send_data()
        self.transport.abort()


def _nothing() -> None:
    return
