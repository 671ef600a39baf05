"""For how long one callback holds the event loop, and where in the code it was then.

Every callback that the loop runs is timed: by the clock, and by the processor time of the loop's own thread, which other
processes on the same machine do not lengthen. What waits in the callback for a disk or for another thread counts by the
clock only.
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

SEEN_AFTER_S = 0.03  # of a callback that lasts, what it is doing is noted
LOOKS_EVERY_S = 0.005


@dataclass
class Hold:
    """The longest by each measure, in seconds; `doing` is the innermost code of this project in the longest of them."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    doing: str = ""


@dataclass
class Holds:
    """`label` names what is being driven when a callback begins."""

    label: Callable[[], str] = str
    longest: dict[str, Hold] = field(default_factory=dict)
    _since: float = 0.0
    _doing: str = ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """On the thread of the event loop, before it runs anything of interest."""
        run = asyncio.events.Handle._run  # type: ignore[attr-defined]
        here = threading.get_ident()
        over = threading.Event()

        def timed(handle: Any) -> None:
            if threading.get_ident() != here:
                run(handle)
                return
            label, self._doing = self.label(), ""
            self._since = began = time.perf_counter()
            cpu = time.thread_time()
            try:
                run(handle)
            finally:
                cpu_s, wall_s = time.thread_time() - cpu, time.perf_counter() - began
                self._since = 0.0
                self._note(label, wall_s, cpu_s)

        asyncio.events.Handle._run = timed  # type: ignore[attr-defined]
        looking = threading.Thread(target=self._look, args=(here, over), daemon=True)
        looking.start()
        try:
            yield
        finally:
            over.set()
            asyncio.events.Handle._run = run  # type: ignore[attr-defined]

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
