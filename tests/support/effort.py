"""A deterministic bound on work: function calls are counted, time is not measured."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType


class TooMuchWork(AssertionError):
    """The code under test made more calls than its bound allows."""


class Effort:
    calls = 0


class Iterations:
    """`longest`: the most that was done in one iteration: function calls, or what is counted."""

    count = 0
    longest = 0


@contextmanager
def _without_collections() -> Iterator[None]:
    """Free the garbage of earlier tests before the block, and none of it during the block: a collection runs finalizers and
    callbacks of whoever made it, in the middle of the code under test."""
    collected = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


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
    with _without_collections():
        sys.setprofile(counted)
        try:
            yield effort
        finally:
            sys.setprofile(before)


@asynccontextmanager
async def loop_iterations() -> AsyncIterator[Iterations]:
    """Count the function calls made on the event loop between two iterations of a task that does nothing: as long as one
    of them lasts, no charger gets an answer."""
    iterations = Iterations()
    calls = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    async def watch() -> None:
        nonlocal calls
        while True:
            iterations.count += 1
            iterations.longest = max(iterations.longest, calls)
            calls = 0
            await asyncio.sleep(0)

    before = sys.getprofile()
    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    with _without_collections():
        sys.setprofile(counted)
        try:
            yield iterations
            await asyncio.sleep(0)
        finally:
            sys.setprofile(before)
            watching.cancel()


@asynccontextmanager
async def most_in_an_iteration(count: Callable[[], int]) -> AsyncIterator[Iterations]:
    """By how much `count()` grows at the most in one iteration of the event loop: items handled, work begun."""
    iterations = Iterations()

    async def watch() -> None:
        before = count()
        while True:
            await asyncio.sleep(0)
            now = count()
            iterations.count += 1
            iterations.longest = max(iterations.longest, now - before)
            before = now

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    try:
        yield iterations
        await asyncio.sleep(0)
    finally:
        watching.cancel()
