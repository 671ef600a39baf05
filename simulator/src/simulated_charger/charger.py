"""A simulated charging station that speaks OCPP-J over a real WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from random import Random
from types import TracebackType
from typing import Self

from simulated_charger.calls import Job
from simulated_charger.connection import Connection
from simulated_charger.connector import Fault, StopReason
from simulated_charger.factory_settings import factory_settings
from simulated_charger.observable_charger import ObservableCharger
from simulated_charger.observed import AttemptResult, Frame, FrameLog
from simulated_charger.outbox import Outbox
from simulated_charger.power import Power
from simulated_charger.reservations import Reservations
from simulated_charger.sessions import Sessions
from simulated_charger.settings import Settings
from simulated_charger.spec import (
    ChargerSpec,
    Identifier,
    Payload,
    Vehicle,
)
from simulated_charger.state import ChargerState, utc_now
from simulated_charger.versions import version
from simulated_charger.visits import visit

SHARED_RANDOM = Random()  # noqa: S311  # jitter and transaction ids, no secrets


class SimulatedCharger(ObservableCharger):
    """`async with SimulatedCharger(spec) as charger:` powers it up; it connects, boots and reconnects by itself.

    `on_frame` is called with every frame. A driver action returns when its result is known, or when there can be no result.
    """

    __slots__ = ("_runner", "commands", "power", "reservations", "sessions", "spec")

    def __init__(
        self,
        spec: ChargerSpec,
        *,
        now: Callable[[], datetime] = utc_now,
        random: Random = SHARED_RANDOM,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> None:
        self.spec = spec
        self._frames = FrameLog(spec.keep_frames, on_frame)
        self._runner: asyncio.Task[None] | None = None
        self.state = state = ChargerState(
            spec, Settings(factory_settings(spec), spec.behaviour), now=now, random=random
        )
        protocol = version(spec.protocol)
        self.dialect = protocol.dialect(state)
        self.sessions = Sessions(state, self.dialect)
        self.reservations = Reservations(state, self.dialect, self.sessions.reports)
        self.power = Power(state, self.dialect, self.sessions)
        self.commands = protocol.commands(self)
        state.connection = Connection(
            spec,
            handle=self.commands.handle,
            opened=self.power.connected,
            lost=self.power.disconnected,
            observe=self._observe,
            spawn=self._spawn,
            random=random,
        )
        state.outbox = Outbox(state.connection, spawn=self._spawn, retries=self.dialect.retries, emptied=state.changed)

    # start and stop

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Power up, without waiting for the connection (see `until_ready`)."""
        running = asyncio.Event()
        self._runner = asyncio.create_task(self._run(running), name=f"charger {self.spec.charge_point_id}")
        await running.wait()

    async def stop(self) -> None:
        """Close the connection and end all tasks. Raise the error that ended the simulation, if any."""
        if self._runner is None:
            return
        self._runner.cancel()
        await asyncio.wait([self._runner])
        runner, self._runner = self._runner, None
        if not runner.cancelled() and (error := runner.exception()) is not None:
            raise error

    async def until(self, condition: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
        """Wait until the condition on this charger is true. Raise TimeoutError."""
        if not await self.state.until(condition, timeout_s=timeout_s):
            raise TimeoutError(f"{self.spec.charge_point_id}: not reached within {timeout_s} s")

    async def until_ready(self, *, timeout_s: float = 10.0) -> None:
        """Wait until the charger is connected and accepted by the central system."""
        await self.until(lambda: self.ready, timeout_s=timeout_s)

    async def until_all_sent(self, *, timeout_s: float = 10.0) -> None:
        """Wait until the central system has answered every message."""
        await self.until(lambda: not self.unsent, timeout_s=timeout_s)

    def go_offline(self) -> None:
        """Abort the connection and stay offline; everything else continues."""
        self.state.connection.cut()

    def come_online(self) -> None:
        self.state.connection.allow()

    def lose_connection(self) -> None:
        """Abort the connection once; the charger reconnects after the usual pause."""
        self.state.connection.drop()

    async def reboot(self, *, hard: bool = False) -> None:
        await self.power.reboot(hard=hard)

    async def reboot_when_idle(self) -> None:
        await self.power.reboot_when_idle()

    def kill(self) -> None:
        """Cut the power: the charger sends and delivers nothing until `power_up`."""
        self.power.cut()

    def power_up(self) -> None:
        self.power.restore()

    # drivers and technicians

    async def plug_in(self, connector: int = 1, vehicle: Vehicle | None = None) -> AttemptResult | None:
        """Plug in a vehicle. Return None if this starts no transaction and presents no identifier."""
        return await self.sessions.plug_in(self.connector(connector), vehicle or Vehicle())

    async def unplug(self, connector: int = 1) -> None:
        await self.sessions.unplug(self.connector(connector))

    async def present(self, connector: int, identifier: Identifier) -> AttemptResult:
        return await self.sessions.present(self.connector(connector), identifier)

    async def stop_charging(self, connector: int = 1) -> None:
        """Press the stop button."""
        await self.sessions.stop(self.connector(connector), StopReason.LOCAL)

    async def try_to_charge(
        self,
        *,
        connector: int = 1,
        identifier: Identifier | None = None,
        vehicle: Vehicle | None = None,
        for_s: float = 0.0,
        card_first: bool = False,
        patience_s: float = 10.0,
    ) -> AttemptResult:
        """Play a whole visit: plug in, present the identifier, charge for `for_s` seconds, unplug.

        Without an identifier the driver waits at most `patience_s` for the vehicle's own id, freevend or a remote start.
        """
        return await visit(
            self,
            self.connector(connector),
            identifier=identifier,
            vehicle=vehicle or Vehicle(),
            for_s=for_s,
            card_first=card_first,
            patience_s=patience_s,
        )

    async def break_down(self, connector: int = 1, *, error_code: str, vendor_error_code: str | None = None) -> None:
        """Cause a genuine fault, which ends a running session."""
        target = self.connector(connector)
        target.fault = Fault(error_code, vendor_error_code)
        await self.sessions.stop(target, StopReason.FAULT)
        self.reservations.drop(target, "Removed")
        self.sessions.reports.status(target)

    def repair(self, connector: int = 1) -> None:
        target = self.connector(connector)
        target.fault = None
        self.sessions.reports.status(target)

    async def change_setting_on_site(self, name: str, value: str) -> None:
        """Change a setting at the charger, unknown to the central system. Raise KeyError for an unknown name."""
        before = self.settings_in_force
        self.state.settings.write_on_site(name, value)
        await self.commands.notify_changes(before)

    # requests

    async def call(self, action: str, payload: Payload) -> Payload:
        """Send your own CALL. Raises LinkLost, NoAnswer or CallRefused."""
        return await self.state.connection.call(action, payload)

    # internals

    async def _run(self, running: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            self.state.spawn = group.create_task
            running.set()
            await self.state.connection.run()

    def _spawn(self, job: Job) -> asyncio.Task[None]:
        return self.state.spawn(job)

    def _observe(self, sent: bool, raw: bytes) -> None:
        if not self._frames.is_off:
            self._frames.add(Frame(self.state.now(), sent, raw))
            self.state.changed()
