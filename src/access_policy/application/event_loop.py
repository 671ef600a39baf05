"""Long work on the event loop, divided into slices, so that chargers get their responses in between.

Work on immutable values (a policy, a copy of a registry, rows) may run on a thread instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, TypeVar

FREED_AT_A_TIME: Final = 500

_Item = TypeVar("_Item")


async def cooperatively(items: Iterable[_Item], *, at_a_time: int = 1) -> AsyncIterator[_Item]:
    """Yield the items in order; other tasks of the loop run before the first item and after every `at_a_time` items.

    The collection must not change meanwhile: if it can, pass a copy (`list(…)`).
    """
    for number, item in enumerate(items):
        if number % at_a_time == 0:
            await asyncio.sleep(0)
        yield item


async def release(items: list[Any], *, at_a_time: int = FREED_AT_A_TIME) -> None:
    """Empty a long list in slices: freeing tens of thousands of objects at once would block the event loop and all
    threads."""
    async for _ in cooperatively(range(0, len(items), at_a_time)):
        del items[-at_a_time:]


def release_on_a_thread(items: list[Any]) -> None:
    """Like `release`, on a thread: the event loop runs between two slices."""
    while items:
        del items[-FREED_AT_A_TIME:]
