"""Values that several chargers share, computed once for all concurrent callers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar, cast

_Answer = TypeVar("_Answer")


class Shared:
    """Results by key, until `forget`. Callers that request a result while it is being computed wait for it; if the
    computation fails or is cancelled, the next waiting caller computes it."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[asyncio.Lock, list[Any]]] = {}

    async def of(self, key: Hashable, work_out: Callable[[], Awaitable[_Answer]]) -> _Answer:
        lock, answer = self._known.setdefault(key, (asyncio.Lock(), []))
        async with lock:
            if not answer:
                answer.append(await work_out())
        return cast("_Answer", answer[0])

    def forget(self) -> None:
        """Forget all results: later callers compute new ones, and waiting callers still get the current ones."""
        self._known.clear()
