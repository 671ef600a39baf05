"""Exponential backoff with full jitter, as used by every loop and every retry."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

DOUBLINGS_MAX = 30  # beyond it every span has reached its maximum, and a float must not overflow


def exponential_s(failures: int, *, first_s: float, longest_s: float) -> float:
    """Return the span after `failures` consecutive failures: `first_s` after the first, then doubled up to `longest_s`.
    No jitter."""
    return min(longest_s, first_s * 2.0 ** min(max(failures - 1, 0), DOUBLINGS_MAX))


@dataclass(slots=True)
class Backoff:
    """Delays before the next try: a random share of a span that doubles with each failure (full jitter).

    `random_share` returns a number from 0 to 1. No delay is shorter than `shortest_s`.
    """

    first_s: float
    longest_s: float
    shortest_s: float = 0.0
    random_share: Callable[[], float] = random.random
    failures: int = 0

    def next_s(self) -> float:
        """Count one more failure and return the delay in seconds that follows it."""
        self.failures += 1
        span_s = exponential_s(self.failures, first_s=self.first_s, longest_s=self.longest_s)
        return max(self.shortest_s, span_s * self.random_share())

    def reset(self) -> None:
        """Forget the failures: the next delay starts from `first_s` again."""
        self.failures = 0
