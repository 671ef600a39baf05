"""Event loops without threads: what is given to an executor is done on the loop, at its next turn.

To hand a call to a thread and its answer back costs more than most calls on files of a test, and a thread for each part and
test costs more still. The order of what happens is the same in each run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

from tests.support.virtual_time import VirtualTimeLoop

Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")


class _Threadless(asyncio.BaseEventLoop):
    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], Answer], *args: *Arguments
    ) -> asyncio.Future[Answer]:
        answer: asyncio.Future[Answer] = self.create_future()
        self.call_soon(_done, answer, func, args)
        return answer


class ThreadlessLoop(_Threadless, asyncio.SelectorEventLoop):
    """For tests in which no call waits for another one; no call can be cancelled once it has begun."""


class ThreadlessVirtualTimeLoop(_Threadless, VirtualTimeLoop):
    """Like `ThreadlessLoop`, for tests that wait for nothing outside the loop: its clock jumps to the next timer."""


def _done(answer: asyncio.Future[Answer], call: Callable[[*Arguments], Answer], arguments: tuple[*Arguments]) -> None:
    if answer.done():
        return  # cancelled before it began
    try:
        answer.set_result(call(*arguments))
    except BaseException as failure:  # noqa: BLE001  raised where the answer is awaited
        answer.set_exception(failure)
