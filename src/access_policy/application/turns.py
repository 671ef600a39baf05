"""Long work on the event loop, divided into turns: chargers get their answers between two of them.

Work on values that nothing changes meanwhile (a policy, a copy of a registry, rows) may run on a thread instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

_Item = TypeVar("_Item")


async def in_turns(items: Iterable[_Item], *, at_a_time: int = 1) -> AsyncIterator[_Item]:
    """The items in order; after each `at_a_time` of them, and before the first, everyone else on the event loop has a turn.
    What the items were taken from may change meanwhile: pass a copy (`list(…)`) of a collection that does."""
    for number, item in enumerate(items):
        if number % at_a_time == 0:
            await asyncio.sleep(0)
        yield item
