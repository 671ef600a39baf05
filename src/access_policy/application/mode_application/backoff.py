"""How long to wait before trying a charger again, and how many chargers of a depot to bother a second."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Full jitter: a random share of a span that doubles from `first_s` to `longest_s` seconds with each failure."""

    first_s: float = 1.0
    longest_s: float = 300.0
    random_share: Callable[[], float] = random.random
    failures: int = 0

    def next_s(self) -> float:
        span = min(self.longest_s, self.first_s * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return max(0.05, span * self.random_share())

    def forget(self) -> None:
        self.failures = 0


@dataclass(slots=True)
class RateLimit:
    """A token bucket: `per_s` commands a second, at most `burst` at once. Waiting callers are served in turn."""

    per_s: float
    burst: int
    _tokens: float = field(init=False)
    _seen: float = field(init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._tokens = float(self.burst)
        self._seen = time.monotonic()

    async def take(self) -> None:
        async with self._turn:
            self._fill()
            if self._tokens < 1.0:
                await asyncio.sleep((1.0 - self._tokens) / self.per_s)
                self._fill()
            self._tokens -= 1.0

    def _fill(self) -> None:
        now = time.monotonic()
        self._tokens = min(float(self.burst), self._tokens + (now - self._seen) * self.per_s)
        self._seen = now
