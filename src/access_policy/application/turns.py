"""Long work on the event loop, divided into turns: chargers get their answers between two of them.

Work on values that nothing changes meanwhile (a policy, a copy of a registry, rows) may run on a thread instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, TypeVar

FREED_AT_A_TIME: Final = 500

_Item = TypeVar("_Item")


async def in_turns(items: Iterable[_Item], *, at_a_time: int = 1) -> AsyncIterator[_Item]:
    """The items in order; after each `at_a_time` of them, and before the first, everyone else on the event loop has a turn.
    What the items were taken from may change meanwhile: pass a copy (`list(…)`) of a collection that does."""
    for number, item in enumerate(items):
        if number % at_a_time == 0:
            await asyncio.sleep(0)
        yield item


async def let_go(items: list[Any], *, at_a_time: int = FREED_AT_A_TIME) -> None:
    """Empty a long list whose items nobody else holds, in turns: freeing tens of thousands of objects at once would hold the
    event loop, and every thread with it."""
    async for _ in in_turns(range(0, len(items), at_a_time)):
        del items[-at_a_time:]


def let_go_on_a_thread(items: list[Any]) -> None:
    """As `let_go`: the event loop has its turn between two slices."""
    while items:
        del items[-FREED_AT_A_TIME:]
