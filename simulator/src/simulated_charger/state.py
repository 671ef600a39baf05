"""The state of one charger, which sessions, protocol and command handlers share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from simulated_charger.calls import Spawn
from simulated_charger.connection import Connection
from simulated_charger.connector import Connector
from simulated_charger.instants import rfc3339
from simulated_charger.local_authorisation import LocalAuthorisation
from simulated_charger.outbox import Outbox
from simulated_charger.settings import Settings
from simulated_charger.spec import ChargerSpec, Payload


def utc_now() -> datetime:
    return datetime.now(UTC)


class ChargerState:
    """The parts of one charger. `booted`: the central system has accepted it since power-up."""

    __slots__ = (
        "_now", "_waiters", "booted", "connection", "connectors", "display", "heartbeat_s",
        "local_authorisation", "message_to_driver", "outbox", "powered", "random", "settings", "spawn", "spec",
    )  # fmt: skip

    connection: Connection
    outbox: Outbox
    spawn: Spawn

    def __init__(self, spec: ChargerSpec, settings: Settings, *, now: Callable[[], datetime], random: Random) -> None:
        self.spec = spec
        self.settings = settings
        self.random = random
        self._now = now
        self._waiters: set[asyncio.Future[None]] | None = None
        self.local_authorisation = LocalAuthorisation(
            capacity=spec.local_list_capacity, per_message=spec.local_list_per_message
        )
        self.connectors = {number: Connector(number) for number in range(1, spec.connectors + 1)}
        self.powered = True
        self.booted = False
        self.heartbeat_s = 0
        self.message_to_driver: str | None = None
        self.display: dict[int, Payload] | None = None  # messages set by the central system, by id

    @property
    def operational(self) -> bool:
        """True while connected and accepted by the central system."""
        return self.outbox.is_open

    def now(self) -> datetime:
        return self._now() + timedelta(seconds=self.spec.behaviour.clock_ahead_s)

    def timestamp(self) -> str:
        return rfc3339(self.now())

    def energy_wh(self, connector: Connector) -> float:
        return connector.energy_wh(self.now(), compression=self.spec.time_compression)

    def tag(self, value: str) -> str:
        """Return a tag as this charger sends it, including its defects."""
        value += self.spec.behaviour.tag_suffix
        return value.lower() if self.spec.behaviour.lower_case_tags else value

    def changed(self) -> None:
        """Wake the tasks in `until`."""
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], bool], *, timeout_s: float) -> bool:
        """Wait until the condition is true. Return False if the timeout comes first."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while not condition():
            if self._waiters is None:
                self._waiters = set()
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                async with asyncio.timeout_at(deadline):
                    await waiter
            except TimeoutError:
                return condition()
        return True
