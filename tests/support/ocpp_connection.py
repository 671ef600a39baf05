"""A charger's connection over a pipe, with a handler of the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from access_policy.adapters.ocpp.errors import OcppVersion
from access_policy.adapters.ocpp.transport.answers import Answer
from access_policy.adapters.ocpp.transport.connection import ChargerConnection, ConnectionLimits
from access_policy.adapters.ocpp.transport.framing import Call
from access_policy.adapters.ocpp.transport.incoming_calls import ErrorOf, a_bug
from tests.support.ocpp_pipe import Pipe, until

Handler = Callable[[ChargerConnection, Call], Any]


def heartbeat(_: ChargerConnection, __: Call) -> Answer:
    return {"currentTime": "2026-01-01T00:00:00Z"}


class Handling:
    """A handler that answers a CALL when `finish` is called."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._may_finish: dict[str, asyncio.Future[Answer]] = {}

    def __call__(self, _: ChargerConnection, call: Call) -> Awaitable[Answer]:
        self.begun.append(call.message_id)
        return self._may_finish.setdefault(call.message_id, asyncio.get_running_loop().create_future())

    def finish(self, message_id: str) -> None:
        self._may_finish.setdefault(message_id, asyncio.get_running_loop().create_future()).set_result({})


@asynccontextmanager
async def connected(
    handler: Handler = heartbeat,
    version: OcppVersion = OcppVersion.V16,
    error_of: ErrorOf = a_bug,
    **limits: Any,
) -> AsyncIterator[tuple[ChargerConnection, Pipe]]:
    pipe = Pipe()
    connection = ChargerConnection(
        pipe,  # type: ignore[arg-type]
        charge_point_id="CP1",
        version=version,
        epoch=1,
        remote="127.0.0.1",
        error_of=error_of,
        limits=ConnectionLimits(**limits),
    )
    running = asyncio.create_task(connection.run(handler))
    try:
        yield connection, pipe
        assert pipe.is_closed or not running.done()
    finally:
        pipe.hang_up()
        await asyncio.wait_for(running, 60)


def ids_heard(pipe: Pipe) -> list[str]:
    return [frame[1] for frame in pipe.heard]


async def asked(pipe: Pipe, number: int = 1) -> str:
    """The message id of the `number`-th CALL that the charger received."""
    await until(lambda: len(calls_heard(pipe)) >= number)
    return str(calls_heard(pipe)[number - 1][1])


def calls_heard(pipe: Pipe) -> list[list[Any]]:
    return [frame for frame in pipe.heard if frame[0] == 2]
