"""One reading for all consoles that look at the same thing: an event reaches twenty of them at once, and each asks again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import Depends, Request

SEEN: Final = "X-Seen-Position"  # the log position up to which the page has received events
APART_S: Final = 1.0  # between two readings of the same thing
KEPT_S: Final = 5.0
KEPT_MAX: Final = 200


@dataclass(slots=True)
class _Kept:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    result: Any = None
    wanted: int = -1  # the highest position that a console has asked for
    includes: int = -1
    at: float = float("-inf")


class SharedReadings:
    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def get(self, key: Hashable, seen: int, read: Callable[[], Awaitable[Any]]) -> Any:
        """The latest reading if it includes everything up to the position `seen`, otherwise a new one, at most one a second."""
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        kept.wanted = max(kept.wanted, seen)
        loop = asyncio.get_running_loop()
        async with kept.lock:
            if kept.includes >= seen and loop.time() - kept.at < KEPT_S:
                return kept.result
            if (wait := kept.at + APART_S - loop.time()) > 0:
                await asyncio.sleep(wait)
            began, includes = loop.time(), kept.wanted  # all that wait are satisfied by this reading
            kept.result = await read()
            kept.includes, kept.at = includes, began
            return kept.result


def _shared(request: Request) -> SharedReadings:
    state = request.app.state
    if not hasattr(state, "shared_readings"):
        state.shared_readings = SharedReadings()
    found: SharedReadings = state.shared_readings
    return found


async def _dependency(request: Request) -> SharedReadings:
    return _shared(request)


Shared = Annotated[SharedReadings, Depends(_dependency)]


def seen_by(request: Request) -> int:
    text = request.headers.get(SEEN, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0
