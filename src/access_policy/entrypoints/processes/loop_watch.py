"""The loop watch: for how long work holds the event loop of this process, as metrics and in the log.

While one piece of work holds the loop, no charger gets an answer. A timer that is due and runs late shows it.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import logging
from collections import deque
from collections.abc import Iterable
from typing import Final

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

log = logging.getLogger(__name__)

TICK_S: Final = 0.02  # what is shorter is seen by chance only
BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
RECENT_S: Final = 60.0  # of which the gauge shows the longest lag: as long as a scrape interval at the most
WARN_S: Final = 0.5  # a lag worth a line in the log, one in each `RECENT_S`


class LoopWatch:
    """`run` until cancelled; the metrics may be read at any time on the same event loop."""

    def __init__(self, name: str) -> None:
        """`name`: the metrics' own, as `access_policy_event_loop_lag`."""
        self._name = name
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0
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
        """A timer ran `lag_s` seconds late, at `at` of the loop's clock."""
        self._counts[bisect.bisect_left(BOUNDS_S, lag_s)] += 1
        self._sum_s += lag_s
        while self._recent and self._recent[-1][1] <= lag_s:
            self._recent.pop()
        self._recent.append((at, lag_s))
        self._forget(at)
        if lag_s >= WARN_S and at - self._warned_at >= RECENT_S:
            self._warned_at = at
            log.warning("the event loop was held for %.2f s; chargers had no answer meanwhile", lag_s)

    def longest_s(self, at: float) -> float:
        """The longest lag seen in the last minute before `at`."""
        self._forget(at)
        return self._recent[0][1] if self._recent else 0.0

    def metrics(self, at: float) -> Iterable[Metric]:
        longest = "The longest time for which work held the event loop, in the last minute."
        yield GaugeMetricFamily(f"{self._name}_max_seconds", longest, value=self.longest_s(at))
        histogram = HistogramMetricFamily(f"{self._name}_seconds", "How late timers of the event loop ran.")
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        buckets = list(zip(bounds, itertools.accumulate(self._counts), strict=True))
        histogram.add_metric([], buckets=buckets, sum_value=self._sum_s)
        yield histogram

    def _forget(self, at: float) -> None:
        while self._recent and self._recent[0][0] < at - RECENT_S:
            self._recent.popleft()
