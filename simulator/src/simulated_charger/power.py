"""Boots, heartbeats, reboots and power cuts of one charger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from simulated_charger.calls import CallRefused, ConnectionLost, NoAnswer
from simulated_charger.connector import StopReason
from simulated_charger.dialect import Dialect
from simulated_charger.outbox import Message
from simulated_charger.sessions import Sessions
from simulated_charger.spec import Payload
from simulated_charger.state import ChargerState

BOOT_RETRY_S = 10


class Power:
    __slots__ = ("_boot_reason", "_boot_triggered", "_dialect", "_heartbeat", "_sessions", "_state")

    def __init__(self, state: ChargerState, dialect: Dialect, sessions: Sessions) -> None:
        self._state = state
        self._dialect = dialect
        self._sessions = sessions
        self._boot_reason = "PowerUp"
        self._boot_triggered = False
        self._heartbeat: asyncio.TimerHandle | None = None

    async def connected(self) -> None:
        """Handle a new connection: boot if necessary, send waiting messages, then changed statuses."""
        state = self._state
        first = not state.booted
        if first and not await self._boot():
            return
        state.outbox.open()
        if first and (status := self._dialect.charger_status()) is not None:
            action, payload = status
            state.outbox.put(Message(action, lambda: payload, keep=False))
        for connector in state.connectors.values():
            self._sessions.reports.status(connector, again=first)
        self._arm_heartbeat()
        state.changed()

    def disconnected(self) -> None:
        self._state.outbox.shut()
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        self._state.changed()

    async def reboot(self, *, hard: bool) -> None:
        state = self._state
        reason = StopReason.HARD_RESET if hard else StopReason.SOFT_RESET
        for connector in state.connectors.values():
            await self._sessions.stop(connector, reason)
        state.connection.cut()
        await asyncio.sleep(state.spec.reboot_s)
        self._start_up("RemoteReset")

    async def reboot_when_idle(self) -> None:
        while any(connector.transaction is not None for connector in self._state.connectors.values()):
            await self._state.until(
                lambda: all(connector.transaction is None for connector in self._state.connectors.values()),
                timeout_s=3600.0,
            )
        await self.reboot(hard=False)

    def cut(self) -> None:
        """Cut the power. `restore` ends the transactions that the charger remembers."""
        state = self._state
        state.powered = False
        state.connection.cut()
        for connector in state.connectors.values():
            connector.open_contactor(state.now(), compression=state.spec.time_compression)
            connector.forget_waiting()
            if connector.transaction is not None and connector.transaction.sampler is not None:
                connector.transaction.sampler.cancel()
        if state.spec.behaviour.forgets_queue_at_power_loss:
            state.outbox.forget()
            for connector in state.connectors.values():
                connector.transaction = None

    def restore(self) -> None:
        self._state.powered = True
        for connector in self._state.connectors.values():
            if connector.transaction is not None:
                self._sessions.end(connector, connector.transaction, StopReason.POWER_LOSS)
        self._start_up("PowerUp")

    def set_availability(self, numbers: Iterable[int], *, operative: bool) -> bool:
        """Set the availability of connectors. Return True if a transaction must end first."""
        connectors = [self._state.connectors[number] for number in numbers]
        for connector in connectors:
            connector.operative = operative
            self._sessions.reports.status(connector)
        return not operative and any(connector.transaction is not None for connector in connectors)

    async def send_triggered(self, wanted: str, number: int | None) -> None:
        """Send the message that TriggerMessage requested; statuses and boot notifications even before acceptance."""
        state = self._state
        connectors = [spot for spot in state.connectors.values() if number in (None, 0, spot.id)]
        if wanted == "BootNotification" and not state.booted:
            self._boot_triggered = True
            state.changed()
        elif wanted == "BootNotification":
            await self._try_to_send(*self._dialect.boot("Triggered"))
        elif wanted == "Heartbeat":
            await self._try_to_send("Heartbeat", {})
        elif wanted == "StatusNotification":
            for connector in connectors:
                await self._try_to_send(*self._dialect.connector_status(connector))
        else:
            for connector in connectors:
                if connector.transaction is not None:
                    state.outbox.put(self._dialect.sampled(connector, connector.transaction))

    async def _boot(self) -> bool:
        """Send BootNotification until accepted. Return False if the connection is lost first."""
        state = self._state
        while True:
            retry_s: float = BOOT_RETRY_S
            try:
                answer = await state.connection.call(*self._dialect.boot(self._boot_reason))
            except ConnectionLost:
                return False
            except (NoAnswer, CallRefused):
                answer = {}
            interval = answer.get("interval")
            if isinstance(interval, int) and interval > 0:
                retry_s = interval
                state.heartbeat_s = interval
            if answer.get("status") == "Accepted":
                state.booted = True
                return True
            self._boot_triggered = False
            await state.until(lambda: self._boot_triggered, timeout_s=retry_s)

    def _start_up(self, reason: str) -> None:
        self._boot_reason = reason
        self._state.booted = False
        self._state.settings.boot()
        for connector in self._state.connectors.values():
            connector.reported = None
            connector.forget_waiting()
            if self._state.spec.behaviour.forgets_reservations_at_boot:
                connector.reservation = None
        self._state.connection.allow()

    def _arm_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if self._state.heartbeat_s > 0:
            loop = asyncio.get_running_loop()
            self._heartbeat = loop.call_later(self._state.heartbeat_s, self._beat)

    def _beat(self) -> None:
        if self._state.operational:
            self._state.spawn(self._try_to_send("Heartbeat", {}))
            self._arm_heartbeat()

    async def _try_to_send(self, action: str, payload: Payload) -> None:
        """Send a CALL once and ignore its failure."""
        with suppress(ConnectionLost, NoAnswer, CallRefused):
            await self._state.connection.call(action, payload)
