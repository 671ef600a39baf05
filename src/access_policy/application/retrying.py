"""Retry commands that lose a race: after a version conflict the handler loads and decides again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from access_policy.application.backoff import Backoff
from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.ports.event_store import VersionConflict

TRIES = 6
PAUSE_S = 0.01  # the span of the first pause; doubled for each further one, up to
PAUSE_LONGEST_S = 0.32

Command = TypeVar("Command")
Result = TypeVar("Result")
Handler = Callable[[Context, Command], Awaitable[Result]]


def retrying(handler: Handler[Command, Result]) -> Handler[Command, Result]:
    """Run the handler again after a version conflict. Handlers change nothing before their append, so this is safe.

    Raises `TooBusy` after `TRIES` conflicts.
    """

    async def run(context: Context, command: Command) -> Result:
        backoff = Backoff(PAUSE_S, PAUSE_LONGEST_S)
        for _ in range(TRIES):
            try:
                return await handler(context, command)
            except VersionConflict:
                await asyncio.sleep(backoff.next_s())
        raise TooBusy("others are changing the same object; try again")

    return run
