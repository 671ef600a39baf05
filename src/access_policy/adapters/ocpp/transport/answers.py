"""Answers to CALLs: given at once, awaited in a task, or built from a future of the application without a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

Answer = dict[str, Any]
"""The payload of a CALLRESULT."""


@dataclass(slots=True)
class Later:
    """An answer that `answer` builds from the result of `future`. It is for messages that come by the thousand, where a task
    and its coroutines would cost more than the decision for which they wait.
    """

    future: asyncio.Future[Any]
    answer: Callable[[Any], Answer]

    def __await__(self) -> Generator[Any, None, Answer]:
        return self.answer((yield from self.future.__await__()))


Answering = Answer | Awaitable[Answer]
