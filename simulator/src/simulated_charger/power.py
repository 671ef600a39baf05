"""Booting, heartbeats, reboots and power cuts of one charger: what the charger does as a whole, link or no link."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from simulated_charger.connector import StopReason
from simulated_charger.link import CallRefused, LinkLost, NoAnswer
from simulated_charger.outbox import Message
from simulated_charger.sessions import Sessions
from simulated_charger.spec import Payload
from simulated_charger.station import Dialect, Station

BOOT_RETRY_S = 10


class Power:
    __slots__ = ("_boot_asked", "_boot_reason", "_dialect", "_heartbeat", "_sessions", "_station")

    def __init__(self, station: Station, dialect: Dialect, sessions: Sessions) -> None:
        self._station = station
        self._dialect = dialect
        self._sessions = sessions
        self._boot_reason = "PowerUp"
        self._boot_asked = False
        self._heartbeat: asyncio.TimerHandle | None = None

    async def connected(self) -> None:
        """A link is there: boot if that is due, then say what has waited, then what has changed."""
        station = self._station
        first = not station.booted
        if first and not await self._boot():
            return
        station.outbox.open()
        if first and (status := self._dialect.station_status()) is not None:
            action, payload = status
            station.outbox.put(Message(action, lambda: payload, keep=False))
        for connector in station.connectors.values():
            self._sessions.reports.status(connector, again=first)
        self._arm_heartbeat()
        station.changed()

    def disconnected(self) -> None:
        self._station.outbox.shut()
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._station.changed()

    async def reboot(self, *, hard: bool) -> None:
        station = self._station
        reason = StopReason.HARD_RESET if hard else StopReason.SOFT_RESET
        for connector in station.connectors.values():
            await self._sessions.stop(connector, reason)
        station.link.cut()
        await asyncio.sleep(station.spec.reboot_s)
        self._start_up("RemoteReset")

    async def reboot_when_idle(self) -> None:
        while any(connector.transaction is not None for connector in self._station.connectors.values()):
            await self._station.until(
                lambda: all(connector.transaction is None for connector in self._station.connectors.values()),
                timeout_s=3600.0,
            )
        await self.reboot(hard=False)

    def cut(self) -> None:
        """The power is gone. Transactions are ended at `restore`, as far as the charger remembers them."""
        station = self._station
        station.powered = False
        station.link.cut()
        for connector in station.connectors.values():
            connector.open_contactor(station.now(), compression=station.spec.time_compression)
            connector.forget_waiting()
            if connector.transaction is not None and connector.transaction.sampler is not None:
                connector.transaction.sampler.cancel()
        if station.spec.behaviour.forgets_queue_at_power_loss:
            station.outbox.forget()
            for connector in station.connectors.values():
                connector.transaction = None

    def restore(self) -> None:
        self._station.powered = True
        for connector in self._station.connectors.values():
            if connector.transaction is not None:
                self._sessions.end(connector, connector.transaction, StopReason.POWER_LOSS)
        self._start_up("PowerUp")

    def set_availability(self, numbers: Iterable[int], *, operative: bool) -> bool:
        """True if a running transaction has to end first."""
        connectors = [self._station.connectors[number] for number in numbers]
        for connector in connectors:
            connector.operative = operative
            self._sessions.reports.status(connector)
        return not operative and any(connector.transaction is not None for connector in connectors)

    async def send_triggered(self, wanted: str, number: int | None) -> None:
        """What TriggerMessage asked for; statuses and boot notifications also while not accepted yet."""
        station = self._station
        connectors = [spot for spot in station.connectors.values() if number in (None, 0, spot.id)]
        if wanted == "BootNotification" and not station.booted:
            self._boot_asked = True
            station.changed()
        elif wanted == "BootNotification":
            await self._say(*self._dialect.boot("Triggered"))
        elif wanted == "Heartbeat":
            await self._say("Heartbeat", {})
        elif wanted == "StatusNotification":
            for connector in connectors:
                await self._say(*self._dialect.connector_status(connector))
        else:
            for connector in connectors:
                if connector.transaction is not None:
                    station.outbox.put(self._dialect.sampled(connector, connector.transaction))

    async def _boot(self) -> bool:
        """Ask until accepted; False when the link was lost meanwhile."""
        station = self._station
        while True:
            retry_s: float = BOOT_RETRY_S
            try:
                answer = await station.link.call(*self._dialect.boot(self._boot_reason))
            except LinkLost:
                return False
            except (NoAnswer, CallRefused):
                answer = {}
            interval = answer.get("interval")
            if isinstance(interval, int) and interval > 0:
                retry_s = interval
                station.heartbeat_s = interval
            if answer.get("status") == "Accepted":
                station.booted = True
                return True
            self._boot_asked = False
            await station.until(lambda: self._boot_asked, timeout_s=retry_s)

    def _start_up(self, reason: str) -> None:
        self._boot_reason = reason
        self._station.booted = False
        self._station.settings.boot()
        for connector in self._station.connectors.values():
            connector.reported = None
            connector.forget_waiting()
        self._station.link.allow()

    def _arm_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if self._station.heartbeat_s > 0:
            loop = asyncio.get_running_loop()
            self._heartbeat = loop.call_later(self._station.heartbeat_s, self._beat)

    def _beat(self) -> None:
        if self._station.operational:
            self._station.spawn(self._say("Heartbeat", {}))
            self._arm_heartbeat()

    async def _say(self, action: str, payload: Payload) -> None:
        """Once, whether heard or not."""
        with suppress(LinkLost, NoAnswer, CallRefused):
            await self._station.link.call(action, payload)
