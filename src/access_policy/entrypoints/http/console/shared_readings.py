"""One reading for all consoles that show the same thing: an event reaches twenty of them at once, and each requests an
update."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Request

SEEN: Final = "X-Seen-Position"  # the log position up to which the page has received events
REST_FACTOR: Final = 3.0  # between two readings of the same thing this many times as long as the first took,
GAP_MIN_S: Final = 0.1  # within these bounds
GAP_MAX_S: Final = 1.0
KEPT_S: Final = 5.0
KEPT_MAX: Final = 200

Some = Callable[[Collection[str]], Awaitable[Mapping[str, Any]]]


@dataclass(slots=True)
class Throttle:
    """Spaces out readings of the same thing: the more a reading costs, the longer the gap."""

    next_at: float = float("-inf")

    async def wait(self) -> float:
        """Wait for the next reading; returns the time of the event loop at which it begins."""
        loop = asyncio.get_running_loop()
        if (wait := self.next_at - loop.time()) > 0:
            await asyncio.sleep(wait)
        return loop.time()

    def end(self, began: float) -> None:
        now = asyncio.get_running_loop().time()
        self.next_at = now + min(GAP_MAX_S, max(GAP_MIN_S, REST_FACTOR * (now - began)))


@dataclass(slots=True)
class _Whole:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    throttle: Throttle = field(default_factory=Throttle)
    result: Any = None
    wanted: int = -1  # the highest position that a console has asked for
    includes: int = -1
    at: float = float("-inf")

    async def get(self, seen: int, read: Callable[[], Awaitable[Any]]) -> Any:
        self.wanted = max(self.wanted, seen)
        async with self.lock:
            if self.includes >= seen and asyncio.get_running_loop().time() - self.at < KEPT_S:
                return self.result
            began = await self.throttle.wait()
            includes = self.wanted  # this reading satisfies all that wait
            try:
                self.result = await read()
            finally:
                self.throttle.end(began)
            self.includes, self.at = includes, began
            return self.result


@dataclass(frozen=True, slots=True)
class _Part:
    value: Any
    includes: int
    at: float


@dataclass(slots=True)
class _Parts:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    throttle: Throttle = field(default_factory=Throttle)
    wanted: dict[str, int] = field(default_factory=dict)  # names that the next reading reads, with the highest position
    parts: dict[str, _Part] = field(default_factory=dict)

    async def get(self, names: Collection[str], seen: int, read: Some) -> dict[str, Any]:
        now = asyncio.get_running_loop().time()
        for name in names:
            part = self.parts.get(name)
            if part is None or part.includes < seen or now - part.at >= KEPT_S:
                self._want(name, seen)
        async with self.lock:
            if any(name in self.wanted for name in names):  # no reading has begun since
                await self._read(read)
            return {name: self.parts[name].value for name in names if name in self.parts}

    def _want(self, name: str, seen: int) -> None:
        self.wanted[name] = max(self.wanted.get(name, -1), seen)

    async def _read(self, read: Some) -> None:
        began = await self.throttle.wait()
        wanted, self.wanted = self.wanted, {}
        try:
            found = await read(wanted.keys())
        except BaseException:
            for name, seen in wanted.items():  # waiters whose reading failed: each of them reads anew
                self._want(name, seen)
            raise
        finally:
            self.throttle.end(began)
        for name, seen in wanted.items():
            self.parts.pop(name, None)
            if name in found:
                self.parts[name] = _Part(found[name], seen, began)


Kept = TypeVar("Kept", _Whole, _Parts)


class SharedReadings:
    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    async def get(self, key: Hashable, seen: int, read: Callable[[], Awaitable[Any]]) -> Any:
        """Return the latest reading if it includes everything up to the position `seen`, otherwise a new one.

        `key` holds everything that the reading depends on: above all the tenant and the depots of the visitor.
        """
        kept: _Whole = self._of(key, _Whole)
        return await kept.get(seen, read)

    async def some(self, key: Hashable, names: Collection[str], seen: int, read: Some) -> dict[str, Any]:
        """Like `get`, but for some named parts of a thing; parts that do not exist are left out. One call of `read`
        reads the parts that all waiting consoles lack."""
        kept: _Parts = self._of(key, _Parts)
        return await kept.get(names, seen, read)

    def _of(self, key: Hashable, kind: type[Kept]) -> Kept:
        found: Kept = self._kept.setdefault((kind, key), kind())
        self._kept.move_to_end((kind, key))
        while len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)
        return found


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
