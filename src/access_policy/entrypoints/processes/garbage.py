"""How the garbage collector of a serving process works: a search stops all decisions, so that each must look at few objects."""

from __future__ import annotations

import asyncio
import gc
import itertools
from typing import Final

# Thresholds. Every attempt leaves objects for minutes: the second generation is searched with each second collection of the
# first, so that a search covers few of them.
COLLECTED: Final = (2_500, 1, 11_000)
SEARCH_EVERY_S: Final = 0.1  # some 3,000 objects of 500 attempts


async def spare_collections() -> None:
    """Loaded objects stay until the end: searching them for garbage stops everything for 100 ms and more each time."""
    gc.collect(1)
    gc.freeze()


async def search_often(every_s: float = SEARCH_EVERY_S) -> None:
    """Search the young objects again and again, until cancelled.

    The thresholds count objects that came less those that went. While as many old ones go as new ones come, such as a
    charger's latest frames, the count stays at nothing, and the young objects that the next search looks at have no bound:
    measured 34,000 objects and 25 ms after some seconds of 1,800 attempts a second.
    """
    for generation in itertools.cycle((0, 1)):
        await asyncio.sleep(every_s)
        gc.collect(generation)
