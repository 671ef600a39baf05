"""An event loop whose clock leaps to the next timer whenever nothing else is to be done: ten minutes pass in a moment.

For what runs on the loop alone: a thread's work takes no time by this clock.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class _LeapingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._leaping = _LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now

    def hold(self, seconds: float) -> None:
        """Work on the loop takes so long: time passes, and nothing else has a turn."""
        self._leaping.now += seconds


def run_in_virtual_time(work: Coroutine[Any, Any, Answer]) -> Answer:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)
