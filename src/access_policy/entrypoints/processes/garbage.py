"""Tunes the garbage collector of a serving process. A collection stops all decisions, so each must examine few
objects."""

from __future__ import annotations

import asyncio
import gc
import itertools
from typing import Final

# Thresholds. Objects of every attempt live for minutes. The second generation is collected with every second collection
# of the first, so that each collection examines few of them.
COLLECTED: Final = (2_500, 1, 11_000)
SEARCH_EVERY_S: Final = 0.1  # some 3,000 objects of 500 attempts


async def spare_collections() -> None:
    """Exempt the loaded objects from collections: they live until the process ends, and examining them would stop
    everything for 100 ms or more each time."""
    gc.collect(1)
    gc.freeze()


async def search_often(every_s: float = SEARCH_EVERY_S) -> None:
    """Collect the young generations repeatedly until cancelled.

    The thresholds count allocated objects minus freed ones. While as many old objects are freed as new ones are
    allocated, as with a charger's latest frames, the count stays at zero, and the number of young objects that the next
    collection examines is unbounded: measured 34,000 objects and 25 ms after some seconds of 1,800 attempts a second.
    """
    for generation in itertools.cycle((0, 1)):
        await asyncio.sleep(every_s)
        gc.collect(generation)
