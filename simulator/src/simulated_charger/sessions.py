"""What happens at the connectors: cables, cards, admissions, refusals, energy. The same for every protocol version."""

from __future__ import annotations

import asyncio
import uuid

from simulated_charger.admissions import FREE, Admissions
from simulated_charger.connector import (
    Admission,
    Connector,
    Fault,
    StartCause,
    Status,
    StopReason,
    Transaction,
)
from simulated_charger.observed import DecidedBy, Outcome, Verdict
from simulated_charger.outbox import Message
from simulated_charger.reports import Reports
from simulated_charger.spec import Identifier, IdentifierKind, Payload, Vehicle
from simulated_charger.station import Dialect, Station

NO_POWER = Verdict(status="NoPower", decided_by=DecidedBy.NOBODY)


class Sessions:
    __slots__ = ("_admissions", "_dialect", "_station", "reports")

    def __init__(self, station: Station, dialect: Dialect) -> None:
        self._admissions = Admissions(station, dialect)
        self._station = station
        self._dialect = dialect
        self.reports = Reports(station, dialect)

    # the driver

    async def plug_in(self, connector: Connector, vehicle: Vehicle) -> Outcome | None:
        """None: nobody has been asked for or let in yet."""
        if connector.vehicle is not None:
            raise ValueError(f"a vehicle is plugged in at connector {connector.id} already")
        connector.vehicle, connector.finished = vehicle, False
        self._forget_refusal(connector)
        self.reports.status(connector)
        works = self._station.powered and connector.operative and connector.fault is None
        if not works or connector.transaction is not None:
            return None
        waiting = connector.waiting
        shown = vehicle.identifier() if self._station.spec.autocharge else None
        freevend = self._dialect.freevend_identifier() if waiting is None else None
        if freevend is not None and not self._dialect.asks_before_freevend:
            if freevend.kind is IdentifierKind.NONE and shown is not None:
                freevend = shown  # 2.x reports who it is even where nobody needs to be
            return await self._begin(connector, Admission(freevend, FREE, StartCause.FREEVEND))
        if self._dialect.transaction_starts_at_plug_in:
            self._open(connector, StartCause.CABLE)
        if waiting is not None:
            return await self._begin(connector, waiting)
        if (identifier := freevend or shown) is not None:
            return await self.present(connector, identifier)
        return None

    async def unplug(self, connector: Connector) -> None:
        if (transaction := connector.transaction) is not None and self._station.powered:
            if transaction.cause is StartCause.CABLE or self._dialect.stops_when_unplugged():
                await self.stop(connector, StopReason.UNPLUGGED)
            else:
                self._shut_off(connector, transaction)
        connector.vehicle, connector.finished = None, False
        self._forget_refusal(connector)
        self.reports.status(connector)

    async def present(self, connector: Connector, identifier: Identifier) -> Outcome:
        """A card, a code or a vehicle's own id: starts, stops, or is refused."""
        self._forget_refusal(connector)
        if not self._station.powered:
            return self.reports.outcome(connector, NO_POWER, "connector")
        if connector.status in (Status.FAULTED, Status.UNAVAILABLE):
            return self.reports.outcome(
                connector, Verdict(status=connector.status, decided_by=DecidedBy.NOBODY), "connector"
            )
        running = connector.transaction
        if running is not None and running.admission is not None:
            return await self._present_while_running(connector, running, running.admission, identifier)
        verdict = await self._admissions.ask_for(identifier)
        if not verdict.accepted and not self._station.spec.behaviour.ignores_refusal:
            return self._refuse(connector, verdict, at="authorize")
        return await self._begin(connector, Admission(identifier, verdict, StartCause.PRESENTED))

    async def remote_start(self, connector: Connector, identifier: Identifier, remote_start_id: int | None) -> None:
        verdict = Verdict(status="Accepted", decided_by=DecidedBy.REMOTE_START)
        if self._dialect.asks_for_remote_starts():
            verdict = await self._admissions.ask_for(identifier)
        if not verdict.accepted:
            self._refuse(connector, verdict, at="authorize")
        else:
            await self._begin(connector, Admission(identifier, verdict, StartCause.REMOTE, remote_start_id))

    async def stop(self, connector: Connector, reason: StopReason, by: Identifier | None = None) -> None:
        """End the transaction, if there is one, and wait until the report is out or cannot go."""
        if (transaction := connector.transaction) is None:
            return
        stays_open = connector.plugged_in and not self._dialect.ends_with_authorisation()
        if stays_open and reason in (StopReason.LOCAL, StopReason.REMOTE, StopReason.DEAUTHORISED):
            self._shut_off(connector, transaction, reason)
            return
        message = self.end(connector, transaction, reason, by)
        await message.settled.wait()

    # also used by the charger and by answers

    def end(
        self, connector: Connector, transaction: Transaction, reason: StopReason, by: Identifier | None = None
    ) -> Message:
        station = self._station
        connector.open_contactor(station.now(), compression=station.spec.time_compression)
        if transaction.sampler is not None:
            transaction.sampler.cancel()
        transaction.energy_wh = connector.register_wh - transaction.meter_start_wh
        transaction.stopped_because = reason
        message = self._dialect.stopped(connector, transaction, reason, by)
        connector.transaction, connector.last_transaction = None, transaction
        connector.finished = connector.plugged_in
        station.outbox.put(message)
        self.reports.status(connector)
        return message

    # starting

    async def _begin(self, connector: Connector, admission: Admission) -> Outcome:
        connector.forget_waiting()
        if connector.transaction is not None and connector.transaction.admission is not None:
            return self.reports.outcome(connector, admission.verdict)  # somebody was faster
        if not connector.plugged_in:
            self._wait_for_cable(connector, admission)
            return self.reports.outcome(connector, admission.verdict)
        transaction, message = self._enter(connector, admission)
        if message is not None:
            await message.settled.wait()
        verdict = transaction.answer or admission.verdict
        refused = None if verdict.accepted else "start"
        return self.reports.outcome(connector, verdict, refused)

    def _enter(self, connector: Connector, admission: Admission) -> tuple[Transaction, Message | None]:
        station = self._station
        message: Message | None
        if connector.transaction is None:
            connector.flowing_since = station.now()
            transaction, message = self._open(connector, admission.cause, admission)
        else:
            transaction = connector.transaction
            transaction.admission, transaction.cause = admission, admission.cause
            connector.flowing_since = station.now()
            message = self._dialect.authorised(connector, transaction)
            self._send_start(connector, transaction, message)
        transaction.sampler = station.spawn(self._sample(connector, transaction))
        self.reports.status(connector)
        return transaction, message

    def _open(
        self, connector: Connector, cause: StartCause, admission: Admission | None = None
    ) -> tuple[Transaction, Message]:
        station = self._station
        transaction = Transaction(
            key=str(uuid.UUID(int=station.random.getrandbits(128), version=4)),
            connector_id=connector.id,
            started_at=station.now(),
            meter_start_wh=connector.register_wh,
            cause=cause,
            admission=admission,
        )
        connector.transaction = transaction
        message = self._dialect.started(connector, transaction)
        self._send_start(connector, transaction, message)
        return transaction, message

    def _send_start(self, connector: Connector, transaction: Transaction, message: Message | None) -> None:
        if message is not None:
            message.on_answer = lambda answer: self._start_answered(connector, transaction, answer)
            self._station.outbox.put(message)

    def _start_answered(self, connector: Connector, transaction: Transaction, answer: Payload) -> None:
        central_id = answer.get("transactionId")
        transaction.central_id = central_id if isinstance(central_id, int) else None
        admission = transaction.admission
        verdict = self._admissions.heard(admission.identifier, answer) if admission is not None else None
        transaction.answer = verdict
        if verdict is not None and not verdict.accepted and connector.transaction is transaction:
            self._refused_at_start(connector, transaction, verdict)
        self._station.changed()

    def _refused_at_start(self, connector: Connector, transaction: Transaction, verdict: Verdict) -> None:
        if self._station.spec.behaviour.ignores_refusal:
            return
        if self._dialect.stops_on_invalid():
            if self._dialect.ends_with_authorisation():
                self.end(connector, transaction, StopReason.DEAUTHORISED)
            else:
                self._shut_off(connector, transaction, StopReason.DEAUTHORISED)
        elif transaction.cause is not StartCause.FREEVEND:  # MicroOcpp keeps a free session's power on
            self._shut_off(connector, transaction, StopReason.DEAUTHORISED)
        self._refuse(connector, verdict, at="start")

    # refusing, waiting, sampling

    def _refuse(self, connector: Connector, verdict: Verdict, *, at: str) -> Outcome:
        connector.last_refusal = verdict
        self._station.message_to_driver = verdict.message or verdict.status
        if (after := self._station.spec.behaviour.after_refusal) is not None:
            connector.fault = Fault(after.error_code, after.vendor_error_code, after.faulted, after_refusal=True)
            self.reports.status(connector)
            clears_after_s = after.clears_after_s if connector.plugged_in else after.clears_after_s or 0.0
            if clears_after_s is not None:
                self._station.spawn(self._clear_later(connector, connector.fault, clears_after_s))
        self._station.changed()
        return self.reports.outcome(connector, verdict, at)

    def _forget_refusal(self, connector: Connector) -> None:
        connector.last_refusal = None
        if connector.fault is not None and connector.fault.after_refusal:
            connector.fault = None

    async def _clear_later(self, connector: Connector, fault: Fault, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if connector.fault is fault:
            connector.fault = None
            self.reports.status(connector)

    async def _present_while_running(
        self, connector: Connector, running: Transaction, admission: Admission, identifier: Identifier
    ) -> Outcome:
        if self._dialect.key(admission.identifier) == self._dialect.key(identifier):
            await self.stop(connector, StopReason.LOCAL, identifier)
            return self.reports.outcome(connector, admission.verdict)
        verdict = await self._admissions.ask_for(identifier)
        group = (running.answer or admission.verdict).group
        if verdict.accepted and group is not None and verdict.group == group:
            await self.stop(connector, StopReason.LOCAL, identifier)
            return self.reports.outcome(connector, verdict)
        return self.reports.outcome(connector, verdict, None if verdict.accepted else "authorize")

    def _wait_for_cable(self, connector: Connector, admission: Admission) -> None:
        connector.waiting = admission
        connector.waiting_timer = asyncio.get_running_loop().call_later(
            self._dialect.connection_timeout_s(), self._waited_too_long, connector
        )
        self.reports.status(connector)

    def _waited_too_long(self, connector: Connector) -> None:
        connector.forget_waiting()
        self.reports.status(connector)

    def _shut_off(
        self, connector: Connector, transaction: Transaction, reason: StopReason = StopReason.UNPLUGGED
    ) -> None:
        """No more energy, but the transaction stays."""
        connector.open_contactor(self._station.now(), compression=self._station.spec.time_compression)
        transaction.suspended = True
        if (message := self._dialect.suspended(connector, transaction, reason)) is not None:
            self._station.outbox.put(message)
        self.reports.status(connector)

    async def _sample(self, connector: Connector, transaction: Transaction) -> None:
        while connector.transaction is transaction:
            await asyncio.sleep(self._station.spec.sample_every_s)
            self._station.outbox.put(self._dialect.sampled(connector, transaction))
