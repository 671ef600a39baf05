"""Open live streams, in a separate process: `python -m benchmarks.stream_client HOST PORT TOKEN STREAMS`.

Prints `open` once all streams are open. At the end of its input it prints one JSON line: the delays of attempts in milliseconds
from the decision to the arrival here, sampled from some of the streams, and the bytes of all streams, compressed as browsers
request. It uses raw sockets, so that the clients cost little.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import zlib
from datetime import datetime
from typing import cast

import uvloop

SAMPLED = 5  # streams whose messages are read; the others only receive them
_OCCURRED = re.compile(rb'"occurred_at":"([^"]+)"')


class Body:
    """The body of a response in chunks (RFC 9112, 7.1), decompressed."""

    def __init__(self) -> None:
        self._left = b""
        self._is_body = False
        self._unpacking = zlib.decompressobj()

    def text(self, data: bytes) -> bytes:
        self._left += data
        if not self._is_body:
            _, found, rest = self._left.partition(b"\r\n\r\n")
            if not found:
                return b""
            self._is_body, self._left = True, rest
        text = b""
        while (end := self._left.find(b"\r\n")) >= 0:
            length = int(self._left[:end], 16)
            if len(self._left) < end + 2 + length + 2:
                break
            text += self._unpacking.decompress(self._left[end + 2 : end + 2 + length])
            self._left = self._left[end + 2 + length + 2 :]
        return text


class Stream(asyncio.Protocol):
    def __init__(self, request: bytes, *, is_read: bool) -> None:
        self._request = request
        self._is_read = is_read
        self._body = Body()
        self.bytes = 0
        self.is_cut = False
        self.delays_ms: list[float] = []
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)  # uvloop's transport is not a subclass of asyncio's

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        if self.opened.done() and not self._is_read:
            return
        text = self._body.text(data)
        if not self.opened.done() and b"event: ready" in text:
            self.opened.set_result(None)
        if self._is_read:
            now = time.time()
            self.delays_ms += [
                1000 * (now - datetime.fromisoformat(at.decode()).timestamp()) for at in _OCCURRED.findall(text)
            ]

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_cut = True
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionResetError("refused"))


async def main(host: str, port: int, token: str, count: int) -> None:
    loop = asyncio.get_running_loop()
    request = (
        f"GET /v1/stream?event=attempt HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: deflate\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()
    streams = []
    for number in range(count):
        _, stream = await loop.create_connection(
            lambda number=number: Stream(request, is_read=number < SAMPLED), host, port
        )
        streams.append(stream)
    await asyncio.gather(*(stream.opened for stream in streams))
    print("open", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    delays = [each for stream in streams for each in stream.delays_ms]
    found = {
        "delays_ms": delays,
        "bytes": sum(stream.bytes for stream in streams),
        "cut": sum(stream.is_cut for stream in streams),
    }
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
