"""Timings and limits of the relay."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from access_policy.application.backoff import Backoff, exponential_s


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayTimings:
    """Spans are in seconds. Delays have full jitter: a random share of a span that doubles from `first_s` to `longest_s`."""

    entry_tries: int = 4  # of an entry that the bus refuses while it accepts others; then its stream is held
    first_s: float = 0.1
    longest_s: float = 2.0
    held_first_s: float = 5.0
    held_longest_s: float = 900.0
    look_at_held_s: float = 1.0
    run_max: int = 40  # events of one stream in a batch; a longer run is published separately, and the batch continues
    turn: int = 500  # events of a held stream that are published before the next due stream
    lease_s: float = 15.0  # another relay takes over this long after one was killed
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random_share: Callable[[], float] = random.random

    def backoff(self) -> Backoff:
        """Return the delays after tries in which the bus refused entries."""
        return Backoff(self.first_s, self.longest_s, random_share=self.random_share)

    def held_for(self, tries: int) -> timedelta:
        """Return the delay before the next try, without jitter, because streams are retried one after the other."""
        return timedelta(seconds=exponential_s(tries, first_s=self.held_first_s, longest_s=self.held_longest_s))
