"""Limit the number of wake-ups: the first is sent at once, and those within a window after it are sent together at its end.

Thousands of attempts a second would otherwise cause as many wake-ups for read models, which process their events in batches
anyway. Changes of policy and registry are rare and affect the next decision, so their window is short.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Final

URGENT_WINDOW_S: Final = 0.005
WINDOW_S: Final = 0.05

Send = Callable[[frozenset[str]], None]


class CoalescedWakeUps:
    """Calls `send` on the event loop, for `urgent` types at most every `URGENT_WINDOW_S`, for other types every `WINDOW_S`."""

    def __init__(self, send: Send, urgent: Collection[str]) -> None:
        self._urgent_types = frozenset(urgent)
        self._urgent = _Window(send, URGENT_WINDOW_S)
        self._other = _Window(send, WINDOW_S)

    def add(self, types: frozenset[str]) -> None:
        if urgent := types & self._urgent_types:
            self._urgent.add(urgent)
        if other := types - self._urgent_types:
            self._other.add(other)

    def close(self) -> None:
        self._urgent.close()
        self._other.close()


class _Window:
    def __init__(self, send: Send, window_s: float) -> None:
        self._send = send
        self._window_s = window_s
        self._pending: frozenset[str] = frozenset()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, types: frozenset[str]) -> None:
        self._pending |= types
        if self._timer is None:
            self._flush()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _flush(self) -> None:
        types, self._pending = self._pending, frozenset()
        self._timer = asyncio.get_running_loop().call_later(self._window_s, self._end)
        self._send(types)

    def _end(self) -> None:
        self._timer = None
        if self._pending:
            self._flush()
