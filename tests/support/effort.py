"""A deterministic bound on work: function calls are counted, time is not measured."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooMuchWork(AssertionError):
    """The code under test made more calls than its bound allows."""


class Effort:
    calls = 0


@contextmanager
def at_most(calls: int) -> Iterator[Effort]:
    """Fail as soon as the block makes more than `calls` function calls in this thread, calls of built-in functions and
    resumed generators included. The count depends on the code and its input only."""
    effort = Effort()

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        if event in ("call", "c_call"):
            effort.calls += 1
            if effort.calls > calls:
                sys.setprofile(before)
                raise TooMuchWork(f"more than {calls} function calls")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        yield effort
    finally:
        sys.setprofile(before)
