"""How long one iteration of the event loop lasts, and which code ran then.

An iteration is everything that the loop does between two polls of its sockets and timers; while it lasts, no charger gets an
answer. It is timed by the clock, and by the processor time of the loop's thread, which other processes on the same machine do
not lengthen. Time spent waiting for a disk or for another thread counts only by the clock.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

SEEN_AFTER_S = 0.03  # of an iteration; after this, its current code is noted
LOOKS_EVERY_S = 0.005


@dataclass
class Hold:
    """The longest by each measure, in seconds. `doing` is the innermost code of this project in the longest iteration."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    doing: str = ""


@dataclass
class Holds:
    """Holds by label. `label` names the operation that is driven when an iteration begins."""

    label: Callable[[], str] = str
    longest: dict[str, Hold] = field(default_factory=dict)
    _since: float = 0.0
    _doing: str = ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the running event loop."""
        selector: Any = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
        select = selector.select
        over = threading.Event()
        label, began, cpu = "", 0.0, 0.0

        def timed(timeout: float | None = None) -> Any:
            nonlocal label, began, cpu
            if began:
                self._since = 0.0
                self._note(label, time.perf_counter() - began, time.thread_time() - cpu)
            ready = select(timeout)
            label, self._doing = self.label(), ""
            self._since = began = time.perf_counter()
            cpu = time.thread_time()
            return ready

        selector.select = timed
        looking = threading.Thread(target=self._look, args=(threading.get_ident(), over), daemon=True)
        looking.start()
        try:
            yield
        finally:
            over.set()
            selector.select = select

    def _note(self, label: str, wall_s: float, cpu_s: float) -> None:
        hold = self.longest.setdefault(label, Hold())
        hold.cpu_s = max(hold.cpu_s, cpu_s)
        if wall_s > hold.wall_s:
            hold.wall_s, hold.doing = wall_s, self._doing

    def _look(self, thread: int, over: threading.Event) -> None:
        while not over.wait(LOOKS_EVERY_S):
            if self._since and not self._doing and time.perf_counter() - self._since > SEEN_AFTER_S:
                frame = sys._current_frames().get(thread)
                self._doing = "" if frame is None else _innermost(traceback.extract_stack(frame))


def _innermost(stack: traceback.StackSummary) -> str:
    ours = [each for each in stack if "access_policy" in each.filename]
    shown = ours[-1] if ours else stack[-1]
    return f"{shown.filename.rpartition('access_policy/')[2]}:{shown.lineno} {shown.name}"
