"""Open live streams beside full Authorize load: the delay of a message, and the cost of the streams for decisions.

`serve` runs in two processes, as in production; load and streams are separate processes. Runs without and with streams take
turns.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from benchmarks.propagation import LOADED, clients, load, prepared, serving, share_of

STREAMS = 200
ROUNDS = 3


@dataclass
class Streams:
    """One decision p99 and rate per round, without and with streams. `cut` counts streams that the service ended."""

    without_p99_ms: list[float] = field(default_factory=list)
    with_p99_ms: list[float] = field(default_factory=list)
    without_per_second: list[float] = field(default_factory=list)
    with_per_second: list[float] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    mib: float = 0.0
    cut: int = 0

    def __str__(self) -> str:
        rates = f"{median(self.without_per_second):,.0f} and {median(self.with_per_second):,.0f} decisions a second"
        tails = f"p99 {median(self.without_p99_ms):.1f} and {median(self.with_p99_ms):.1f} ms"
        if not self.delays_ms:
            return f"{rates}, {tails}; no message arrived"
        late = f"p50 {share_of(self.delays_ms, 0.5):.0f} ms, p95 {share_of(self.delays_ms, 0.95):.0f} ms"
        return (
            f"without and with {STREAMS} streams: {rates}, {tails}; delay of a message {late}; "
            f"{self.mib:,.0f} MiB sent; {self.cut} streams cut"
        )


def measure(seconds: float, per_second: float | None = None) -> Streams:
    """Measure. With `per_second`, the attempts follow a schedule; without it, each answer is followed by the next attempt at
    once.
    """
    return asyncio.run(_measure(seconds, per_second))


async def _measure(seconds: float, per_second: float | None) -> Streams:
    found = Streams()
    with tempfile.TemporaryDirectory(prefix="stream-") as directory:
        token = await prepared(Path(directory))
        async with serving(Path(directory)) as (http, ocpp):
            for _ in range(ROUNDS):
                plain = await load(ocpp, LOADED, seconds, per_second)
                found.without_p99_ms.append(plain["p99_ms"])
                found.without_per_second.append(plain["per_second"])
                async with _streams(http, token, found):
                    beside = await load(ocpp, LOADED, seconds, per_second)
                found.with_p99_ms.append(beside["p99_ms"])
                found.with_per_second.append(beside["per_second"])
    return found


@asynccontextmanager
async def _streams(http: str, token: str, found: Streams) -> AsyncIterator[None]:
    address = urlsplit(http)
    async with clients("stream_client", str(address.hostname), str(address.port), token, str(STREAMS)) as figures:
        yield
        told = await figures()
        found.delays_ms += told["delays_ms"]
        found.mib += told["bytes"] / 2**20
        found.cut += told["cut"]
