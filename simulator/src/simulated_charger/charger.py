"""A simulated charging station that speaks OCPP-J over a real WebSocket and shares no code with the server."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from random import Random
from types import TracebackType
from typing import Self

from simulated_charger.connector import Connector, Fault, StopReason
from simulated_charger.factory_settings import factory_settings
from simulated_charger.link import Job, Link
from simulated_charger.observed import Frame, Outcome
from simulated_charger.outbox import Outbox
from simulated_charger.power import Power
from simulated_charger.sessions import Sessions
from simulated_charger.settings import Settings
from simulated_charger.spec import (
    ChargerSpec,
    Identifier,
    Payload,
    Vehicle,
)
from simulated_charger.station import Station, parsed, utc_now
from simulated_charger.versions import version
from simulated_charger.visits import visit

SHARED_RANDOM = Random()  # noqa: S311  # jitter and transaction ids, no secrets


class SimulatedCharger:
    """`async with SimulatedCharger(spec) as charger:` powers it up; it connects and boots by itself, again and again.

    `on_frame` sees every frame. Driver actions return when their outcome is known (or it is clear that none will come).
    """

    __slots__ = ("_on_frame", "_runner", "commands", "dialect", "frames", "power", "sessions", "spec", "station")

    def __init__(
        self,
        spec: ChargerSpec,
        *,
        now: Callable[[], datetime] = utc_now,
        random: Random = SHARED_RANDOM,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> None:
        self.spec = spec
        self._on_frame = on_frame
        self._runner: asyncio.Task[None] | None = None
        self.frames: deque[Frame] | tuple[()] = deque(maxlen=spec.keep_frames) if spec.keep_frames else ()
        self.station = station = Station(spec, Settings(factory_settings(spec), spec.behaviour), now=now, random=random)
        speaks = version(spec.protocol)
        self.dialect = speaks.dialect(station)
        self.sessions = Sessions(station, self.dialect)
        self.power = Power(station, self.dialect, self.sessions)
        self.commands = speaks.commands(self)
        station.link = Link(
            spec,
            handle=self.commands.handle,
            opened=self.power.connected,
            lost=self.power.disconnected,
            observe=self._observe,
            spawn=self._spawn,
            random=random,
        )
        station.outbox = Outbox(station.link, spawn=self._spawn, retries=self.dialect.retries, emptied=station.changed)

    # life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Power up. Does not wait for the connection: see `until_ready`."""
        running = asyncio.Event()
        self._runner = asyncio.create_task(self._run(running), name=f"charger {self.spec.charge_point_id}")
        await running.wait()

    async def stop(self) -> None:
        """Close the link and end all tasks. Raises what broke the simulation, if anything did."""
        if self._runner is None:
            return
        self._runner.cancel()
        await asyncio.wait([self._runner])
        runner, self._runner = self._runner, None
        if not runner.cancelled() and (error := runner.exception()) is not None:
            raise error

    async def until(self, condition: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
        """Wait for a state of this charger. Raises TimeoutError."""
        if not await self.station.until(condition, timeout_s=timeout_s):
            raise TimeoutError(f"{self.spec.charge_point_id}: not reached within {timeout_s} s")

    async def until_ready(self, *, timeout_s: float = 10.0) -> None:
        """Connected, and accepted by the central system."""
        await self.until(lambda: self.ready, timeout_s=timeout_s)

    async def until_all_sent(self, *, timeout_s: float = 10.0) -> None:
        """Nothing waits for the link or for an answer."""
        await self.until(lambda: not self.unsent, timeout_s=timeout_s)

    def go_offline(self) -> None:
        """Lose the link, without a word, and stay away; everything else goes on."""
        self.station.link.cut()

    def come_online(self) -> None:
        self.station.link.allow()

    def lose_link(self) -> None:
        """Lose the link once; it comes back after the usual pause."""
        self.station.link.drop()

    async def reboot(self, *, hard: bool = False) -> None:
        await self.power.reboot(hard=hard)

    async def reboot_when_idle(self) -> None:
        await self.power.reboot_when_idle()

    def kill(self) -> None:
        """Cut the power: nothing more is said or delivered until `power_up`."""
        self.power.cut()

    def power_up(self) -> None:
        self.power.restore()

    # drivers and technicians

    async def plug_in(self, connector: int = 1, vehicle: Vehicle | None = None) -> Outcome | None:
        """None when plugging in starts nothing and presents nothing."""
        return await self.sessions.plug_in(self.connector(connector), vehicle or Vehicle())

    async def unplug(self, connector: int = 1) -> None:
        await self.sessions.unplug(self.connector(connector))

    async def present(self, connector: int, identifier: Identifier) -> Outcome:
        return await self.sessions.present(self.connector(connector), identifier)

    async def stop_charging(self, connector: int = 1) -> None:
        """The stop button."""
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
    ) -> Outcome:
        """A whole visit: come, plug in, present, charge for `for_s` seconds, unplug. Without an identifier the driver
        waits `patience_s` for the vehicle's own id, freevend or a remote start to do it."""
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
        """A genuine fault; ends a running session."""
        spot = self.connector(connector)
        spot.fault = Fault(error_code, vendor_error_code)
        await self.sessions.stop(spot, StopReason.FAULT)
        self.sessions.reports.status(spot)

    def repair(self, connector: int = 1) -> None:
        spot = self.connector(connector)
        spot.fault = None
        self.sessions.reports.status(spot)

    async def change_setting_on_site(self, name: str, value: str) -> None:
        """A technician changes a setting behind the central system's back. Raises KeyError for an unknown name."""
        before = self.settings_in_force
        self.station.settings.write_on_site(name, value)
        await self.commands.notify_changes(before)

    # talking

    async def call(self, action: str, payload: Payload) -> Payload:
        """A CALL of your own. Raises LinkLost, NoAnswer or CallRefused."""
        return await self.station.link.call(action, payload)

    # seeing

    def connector(self, number: int = 1) -> Connector:
        return self.station.connectors[number]

    def energy_wh(self, connector: int = 1) -> float:
        """The meter's register now."""
        return self.station.energy_wh(self.connector(connector))

    @property
    def online(self) -> bool:
        return self.station.link.online

    @property
    def ready(self) -> bool:
        return self.station.operational

    @property
    def connects(self) -> int:
        return self.station.link.connects

    @property
    def last_link_error(self) -> Exception | None:
        return self.station.link.last_error

    @property
    def freevend_active(self) -> bool:
        return self.dialect.freevend_identifier() is not None

    @property
    def settings_in_force(self) -> dict[str, str]:
        return self.station.settings.values_in_force()

    @property
    def last_message_to_driver(self) -> str | None:
        return self.station.message_to_driver

    @property
    def display_messages(self) -> dict[int, Payload]:
        """What stands on the display now, by id: a text goes at its end (2.0.1, O01.FR.07)."""
        now = self.station.now()
        shown = (self.station.display or {}).items()
        ends = {number: parsed(message.get("endDateTime")) for number, message in shown}
        return {number: message for number, message in shown if (end := ends[number]) is None or now < end}

    @property
    def unsent(self) -> int:
        """Messages that wait for the link or an answer."""
        return self.station.outbox.waiting

    def sent(self, action: str) -> Iterable[Payload]:
        """Payloads of the remembered CALLs of ours with this action, oldest first."""
        return [frame.message[3] for frame in self.frames if frame.sent and frame.action == action]

    # inside

    async def _run(self, running: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            self.station.spawn = group.create_task
            running.set()
            await self.station.link.run()

    def _spawn(self, job: Job) -> asyncio.Task[None]:
        return self.station.spawn(job)

    def _observe(self, sent: bool, raw: bytes) -> None:
        if not self.spec.keep_frames and self._on_frame is None:
            return
        frame = Frame(self.station.now(), sent, raw)
        if isinstance(self.frames, deque):
            self.frames.append(frame)
        if self._on_frame is not None:
            self._on_frame(frame)
        self.station.changed()
