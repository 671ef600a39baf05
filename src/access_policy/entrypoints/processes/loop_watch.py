"""The loop watch: measures how long work blocks the event loop of this process, and logs long blocks.

While one piece of work blocks the loop, no charger gets an answer. Late timers reveal it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final

from access_policy.application.measurements import Histogram

log = logging.getLogger(__name__)

TICK_S: Final = 0.02  # shorter work is seen only by chance
BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
RECENT_S: Final = 60.0  # the longest lag is kept for this long: at least one scrape interval
WARN_S: Final = 0.5  # a lag worth a line in the log, at most one in each `RECENT_S`


class LoopWatch:
    """Measures while `run` runs, until it is cancelled; `lags_s` and `longest_s` may be read at any time on the same
    event loop."""

    def __init__(self) -> None:
        self.lags_s = Histogram(BOUNDS_S)
        self._recent: deque[tuple[float, float]] = deque()  # (when, lag), lags descending
        self._warned_at = float("-inf")

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            now = loop.time()
            self.seen(max(0.0, now - due), at=now)

    def seen(self, lag_s: float, *, at: float) -> None:
        """Record that a timer ran `lag_s` seconds late, at the time `at` of the loop's clock."""
        self.lags_s.observe(lag_s)
        while self._recent and self._recent[-1][1] <= lag_s:
            self._recent.pop()
        self._recent.append((at, lag_s))
        self._forget(at)
        if lag_s >= WARN_S and at - self._warned_at >= RECENT_S:
            self._warned_at = at
            log.warning("the event loop was blocked for %.2f s; no charger got an answer during that time", lag_s)

    def longest_s(self, at: float) -> float:
        """Return the longest lag of the minute before `at`."""
        self._forget(at)
        return self._recent[0][1] if self._recent else 0.0

    def _forget(self, at: float) -> None:
        while self._recent and self._recent[0][0] < at - RECENT_S:
            self._recent.popleft()
