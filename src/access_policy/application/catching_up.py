"""Run a refused command again once this process has read the whole log: the command may name something that another
process recorded a moment ago."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

from access_policy.application.context import Context
from access_policy.application.errors import TooBusy
from access_policy.application.follower import Follower
from access_policy.application.ports.event_store import EventStore
from access_policy.application.retrying import Handler
from access_policy.domain.errors import Refused

WITHIN_S: Final = 5.0

Command = TypeVar("Command")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Wait until the follower has reached the current end of the log. Raises `TooBusy` or `StoreUnavailable`."""

    follower: Follower
    store: EventStore

    async def __call__(self) -> None:
        if not await self.follower.wait_until(await self.store.last_position(), timeout_s=WITHIN_S):
            raise TooBusy("this process has not read all changes yet; try again")


def catching_up(handler: Handler[Command, Result], follower: Follower, store: EventStore) -> Handler[Command, Result]:
    """Run the handler again if it refused a command that names something unknown before `follower` had reached the end
    of the log. A refusal changes nothing, so this is safe.

    Raises what the handler raises, `StoreUnavailable`, or `TooBusy` if the end is not reached within `WITHIN_S`.
    """

    async def run(context: Context, command: Command) -> Result:
        known_to = follower.reached
        try:
            return await handler(context, command)
        except Refused as refusal:
            end = await store.last_position() if refusal.names_unknown else 0
            if end <= known_to:
                raise
        if not await follower.wait_until(end, timeout_s=WITHIN_S):
            raise TooBusy(
                "the command names something that does not exist, or that this process does not know yet; try again"
            )
        return await handler(context, command)

    return run
