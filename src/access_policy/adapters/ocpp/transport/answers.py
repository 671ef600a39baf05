"""Answers to CALLs: at once, awaited in a task, or made from a future of the application without a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

Answer = dict[str, Any]
"""The payload of a CALLRESULT."""


@dataclass(slots=True)
class Later:
    """`answer` makes the payload from the result of `future`. For messages that come by the thousand: a task and its
    coroutines cost more than the decision that they wait for."""

    future: asyncio.Future[Any]
    answer: Callable[[Any], Answer]

    def __await__(self) -> Generator[Any, None, Answer]:
        return self.answer((yield from self.future.__await__()))


Answering = Answer | Awaitable[Answer]
