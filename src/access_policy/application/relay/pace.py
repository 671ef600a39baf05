"""How patient the relay is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from access_policy.application.backoff import Backoff, exponential_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Spans in seconds. Waits have full jitter: a random share of a span that doubles from `first_s` to `longest_s`."""

    entry_tries: int = 4  # of an entry that is not taken while others are; then its stream is held
    first_s: float = 0.1
    longest_s: float = 2.0
    held_first_s: float = 5.0
    held_longest_s: float = 900.0
    look_at_held_s: float = 1.0
    run_max: int = (
        40  # events of one stream in a batch; a longer run leaves apart from the batch, which does not wait for it
    )
    turn: int = 500  # events of a held stream that are published before the others that are due have their turn
    lease_s: float = 15.0  # a relay that was killed is succeeded after this time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random_share: Callable[[], float] = random.random

    def backoff(self) -> Backoff:
        """Delays after tries in which the bus refused entries."""
        return Backoff(self.first_s, self.longest_s, random_share=self.random_share)

    def held_for(self, tries: int) -> timedelta:
        """Without jitter: streams are tried one after the other."""
        return timedelta(seconds=exponential_s(tries, first_s=self.held_first_s, longest_s=self.held_longest_s))
