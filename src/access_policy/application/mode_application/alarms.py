"""Alarms by key: finding the due keys costs nothing for the others."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Hashable, Iterator
from typing import Any, Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Instant = TypeVar("_Instant")  # ordered, all of one type


class Alarms(Generic[_Key, _Instant]):
    """Holds at most one alarm for each key."""

    def __init__(self) -> None:
        self._due: dict[_Key, _Instant] = {}
        self._queue: list[tuple[Any, int, _Key]] = []  # includes entries of dropped and changed alarms
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._due)

    def set(self, key: _Key, due: _Instant) -> None:
        if self._due.get(key) != due:
            self._due[key] = due
            heapq.heappush(self._queue, (due, next(self._numbers), key))

    def drop(self, key: _Key) -> None:
        self._due.pop(key, None)

    def next(self) -> _Instant | None:
        """Return the instant of the next alarm; None if there is none."""
        while self._queue:
            due, _, key = self._queue[0]
            if self._due.get(key) == due:
                return self._due[key]
            heapq.heappop(self._queue)
        return None

    def ring(self, now: _Instant) -> Iterator[_Key]:
        """Yield the keys that are due and drop their alarms."""
        while self._queue and self._queue[0][0] <= now:
            due, _, key = heapq.heappop(self._queue)
            if self._due.get(key) == due:
                del self._due[key]
                yield key
