"""An in-memory socket under a real `BoundedConnection`: a test sends the peer's bytes and counts those of the server."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from websockets.frames import Frame, Opcode
from websockets.protocol import Event
from websockets.server import ServerProtocol

from access_policy.adapters.ocpp.transport.counters import Counters
from access_policy.adapters.ocpp.transport.inflow import BoundedConnection

NETWORK_READ_BYTES = 256 * 1024  # what asyncio reads from a socket at a time
HANDSHAKE = (
    b"GET /ocpp/CP1 HTTP/1.1\r\nHost: depot\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Network:
    """A fake asyncio transport. It buffers the peer's bytes while the server does not read; `reads` says whether the peer
    reads."""

    def __init__(self) -> None:
        self.written = 0  # bytes that the server gave away, read by the peer or not
        self.unread = 0  # of them, in the server's memory
        self.reads = True
        self.was_aborted = False
        self._connection: BoundedConnection
        self._high = 2**15
        self._is_reading = True
        self._incoming = bytearray()

    def connect(self, **options: Any) -> SeenConnection:
        self._connection = SeenConnection(ServerProtocol(), cast("Any", _Server()), **options)
        self._connection.connection_made(cast("asyncio.BaseTransport", self))
        self._connection.data_received(HANDSHAKE)
        protocol = self._connection.protocol
        assert self._connection.request is not None
        protocol.send_response(protocol.accept(self._connection.request))
        self._connection.send_data()
        self._connection.start_keepalive()
        return self._connection

    def say(self, *frames: bytes) -> None:
        self._incoming += b"".join(frames)
        self._deliver()

    @property
    def waiting(self) -> int:
        """The number of bytes that the server has not read from the socket."""
        return len(self._incoming)

    def _deliver(self) -> None:
        while self._is_reading and self._incoming:
            part = bytes(self._incoming[:NETWORK_READ_BYTES])
            del self._incoming[:NETWORK_READ_BYTES]
            self._connection.data_received(part)

    # --- what the server calls ---------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self.written += len(data)
        if not self.reads:
            was_below = self.unread <= self._high
            self.unread += len(data)
            if was_below and self.unread > self._high:
                self._connection.pause_writing()

    def read(self) -> None:
        """The peer reads what is in the server's memory, and goes on reading."""
        was_above, self.unread, self.reads = self.unread > self._high, 0, True
        if was_above:
            self._connection.resume_writing()

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            asyncio.get_running_loop().call_soon(self._deliver)

    def set_write_buffer_limits(self, high: int, low: int | None = None) -> None:
        self._high = high

    def is_closing(self) -> bool:
        return self.was_aborted

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        return

    def abort(self) -> None:
        self.was_aborted = True
        asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)


class _Server:
    """The part of the library's server that a connection uses; the test itself is the handler."""

    def __init__(self) -> None:
        self.handler_tasks: set[asyncio.Task[None]] = set()

    async def handler(self, _: object) -> None:
        return


class SeenConnection(BoundedConnection):
    """Counts the frames that it parses, in all and in one iteration of the loop."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        defaults = {"per_s": 50.0, "burst": 500, "send_timeout_s": 30.0, "counters": Counters(), "ping_interval": None}
        options = defaults | options
        self.parsed = 0
        self.most_in_an_iteration = 0
        self._in_this_iteration = 0
        super().__init__(*arguments, **options)

    def process_event(self, event: Event) -> None:
        if self._in_this_iteration == 0:
            self.loop.call_soon(self._turn_ended)
        self._in_this_iteration += 1
        self.parsed += isinstance(event, Frame)
        super().process_event(event)

    def _turn_ended(self) -> None:
        self.most_in_an_iteration = max(self.most_in_an_iteration, self._in_this_iteration)
        self._in_this_iteration = 0


def text(payload: bytes) -> bytes:
    return Frame(Opcode.TEXT, payload).serialize(mask=True)


def ping(payload: bytes = b"") -> bytes:
    return Frame(Opcode.PING, payload).serialize(mask=True)
