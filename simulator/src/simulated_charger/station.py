"""The parts of one charger in one place, and what a protocol version must be able to say about them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Protocol

from simulated_charger.connector import (
    Connector,
    StopReason,
    Transaction,
)
from simulated_charger.link import Link, Spawn
from simulated_charger.local_authorisation import Key, LocalAuthorisation, Rules
from simulated_charger.observed import Verdict
from simulated_charger.outbox import Message, Outbox
from simulated_charger.settings import Settings
from simulated_charger.spec import ChargerSpec, Identifier, IdentifierKind, Payload


def utc_now() -> datetime:
    return datetime.now(UTC)


class Station:
    """State that sessions, protocol and commands share. `booted`: accepted by the central system since power-up."""

    __slots__ = (
        "_now", "_waiters", "authorisation", "booted", "connectors", "display", "heartbeat_s", "link",
        "message_to_driver", "outbox", "powered", "random", "settings", "spawn", "spec",
    )  # fmt: skip

    link: Link
    outbox: Outbox
    spawn: Spawn

    def __init__(self, spec: ChargerSpec, settings: Settings, *, now: Callable[[], datetime], random: Random) -> None:
        self.spec = spec
        self.settings = settings
        self.random = random
        self._now = now
        self._waiters: set[asyncio.Future[None]] | None = None
        self.authorisation = LocalAuthorisation(
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
        """Connected and accepted: the central system can be asked."""
        return self.outbox.is_open

    def now(self) -> datetime:
        return self._now() + timedelta(seconds=self.spec.behaviour.clock_ahead_s)

    def timestamp(self) -> str:
        return spelled(self.now())

    def energy_wh(self, connector: Connector) -> float:
        return connector.energy_wh(self.now(), compression=self.spec.time_compression)

    def tag(self, value: str) -> str:
        """A tag as this charger spells it, defects included."""
        value += self.spec.behaviour.tag_suffix
        return value.lower() if self.spec.behaviour.lower_case_tags else value

    def changed(self) -> None:
        """Something that can be waited for has happened."""
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], bool], *, timeout_s: float) -> bool:
        """Wait for a change that makes the condition true; False when the time is over first."""
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


class Dialect(Protocol):
    """One protocol version: settings by their names there, messages as they are spelled there."""

    @property
    def transaction_starts_at_plug_in(self) -> bool: ...

    @property
    def asks_before_freevend(self) -> bool: ...

    def rules(self) -> Rules: ...

    def key(self, identifier: Identifier) -> Key: ...

    def freevend_identifier(self) -> Identifier | None:
        """Whom a freevend session is charged to; None while freevend is off."""

    def stops_on_invalid(self) -> bool: ...

    def ends_with_authorisation(self) -> bool:
        """False: a transaction whose energy was stopped stays open until the cable is pulled (2.x TxStopPoint)."""

    def stops_when_unplugged(self) -> bool: ...

    def asks_for_remote_starts(self) -> bool: ...

    def connection_timeout_s(self) -> int: ...

    def retries(self) -> tuple[int, float]: ...

    def boot(self, reason: str) -> tuple[str, Payload]: ...

    def station_status(self) -> tuple[str, Payload] | None: ...

    def connector_status(self, connector: Connector) -> tuple[str, Payload]: ...

    def authorize(self, identifier: Identifier) -> tuple[str, Payload]: ...

    def verdict(self, answer: Payload) -> Verdict | None:
        """What an answer says about the identifier, if anything."""

    def started(self, connector: Connector, transaction: Transaction) -> Message: ...

    def authorised(self, connector: Connector, transaction: Transaction) -> Message | None:
        """Somebody was admitted to a transaction that had begun at plug-in."""

    def suspended(self, connector: Connector, transaction: Transaction, reason: StopReason) -> Message | None: ...

    def sampled(self, connector: Connector, transaction: Transaction) -> Message: ...

    def stopped(
        self, connector: Connector, transaction: Transaction, reason: StopReason, by: Identifier | None
    ) -> Message: ...

    def transaction_id(self, transaction: Transaction) -> str | None: ...


def spelled(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parsed(text: object) -> datetime | None:
    """An RFC 3339 instant; None when absent or unreadable. Without an offset it is taken as UTC."""
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant is not None and instant.tzinfo is None else instant


NOBODY = Identifier(IdentifierKind.NONE, "")  # NoAuthorization
