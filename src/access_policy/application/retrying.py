"""A lost race is run again: wraps a handler so that a version conflict loads and decides afresh."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from access_policy.application.backoff import Backoff
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.ports.event_store import VersionConflict

TRIES = 6
PAUSE_S = 0.01  # the span of the first pause; it doubles up to
PAUSE_LONGEST_S = 0.32

Command = TypeVar("Command")
Result = TypeVar("Result")
Handler = Callable[[Context, Command], Awaitable[Result]]


def retrying(handler: Handler[Command, Result]) -> Handler[Command, Result]:
    """Raises `TooBusy` after `TRIES` conflicts. Handlers change nothing before their append, so running one again is safe."""

    async def run(context: Context, command: Command) -> Result:
        backoff = Backoff(PAUSE_S, PAUSE_LONGEST_S)
        for _ in range(TRIES):
            try:
                return await handler(context, command)
            except VersionConflict:
                await asyncio.sleep(backoff.next_s())
        raise TooBusy("the same thing is being changed by others; try again")

    return run
