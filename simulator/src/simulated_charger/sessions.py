"""Cables, identifiers and transactions at the connectors, for every protocol version."""

from __future__ import annotations

import asyncio
import uuid

from simulated_charger.admissions import FREE, Admissions
from simulated_charger.connector import (
    Admission,
    Connector,
    StartCause,
    Status,
    StopReason,
    Transaction,
)
from simulated_charger.dialect import Dialect
from simulated_charger.observed import AttemptResult, AuthorisationResult, DecidedBy
from simulated_charger.outbox import Message
from simulated_charger.refusals import Refusals
from simulated_charger.reports import Reports
from simulated_charger.spec import Identifier, IdentifierKind, Payload, Vehicle
from simulated_charger.state import ChargerState

NO_POWER = AuthorisationResult(status="NoPower", decided_by=DecidedBy.UNDECIDED)
RESERVED = AuthorisationResult(status="Reserved", decided_by=DecidedBy.RESERVATION)


class Sessions:
    __slots__ = ("_admissions", "_dialect", "_refusals", "_state", "reports")

    def __init__(self, state: ChargerState, dialect: Dialect) -> None:
        self._admissions = Admissions(state, dialect)
        self._state = state
        self._dialect = dialect
        self.reports = Reports(state, dialect)
        self._refusals = Refusals(state, self.reports)

    # the driver

    async def plug_in(self, connector: Connector, vehicle: Vehicle) -> AttemptResult | None:
        """Plug in a vehicle. Return None if this starts no transaction and presents no identifier."""
        if connector.vehicle is not None:
            raise ValueError(f"a vehicle is already plugged in at connector {connector.id}")
        connector.vehicle, connector.finished = vehicle, False
        self._refusals.forget(connector)
        self.reports.status(connector)
        works = self._state.powered and connector.operative and connector.fault is None
        if not works or connector.transaction is not None:
            return None
        waiting = connector.waiting
        shown = vehicle.identifier() if self._state.spec.autocharge else None
        freevend = self._dialect.freevend_identifier() if waiting is None else None
        if freevend is not None and not self._dialect.authorises_freevend:
            if freevend.kind is IdentifierKind.NONE and shown is not None:
                freevend = shown  # 2.x reports the identifier although it is not required
            return await self._begin(connector, Admission(freevend, FREE, StartCause.FREEVEND))
        if self._dialect.transaction_starts_at_plug_in:
            self._open(connector, StartCause.CABLE)
        if waiting is not None:
            return await self._begin(connector, waiting)
        if (identifier := freevend or shown) is not None:
            return await self.present(connector, identifier)
        return None

    async def unplug(self, connector: Connector) -> None:
        if (transaction := connector.transaction) is not None and self._state.powered:
            if transaction.cause is StartCause.CABLE or self._dialect.stops_when_unplugged():
                await self.stop(connector, StopReason.UNPLUGGED)
            else:
                self._shut_off(connector, transaction)
        connector.vehicle, connector.finished = None, False
        self._refusals.forget(connector)
        self.reports.status(connector)

    async def present(self, connector: Connector, identifier: Identifier) -> AttemptResult:
        """Present a card, a code or a vehicle's own id, which starts a session, stops it, or is refused."""
        self._refusals.forget(connector)
        if not self._state.powered:
            return self.reports.result(connector, NO_POWER, "connector")
        if connector.status in (Status.FAULTED, Status.UNAVAILABLE):
            return self.reports.result(
                connector, AuthorisationResult(status=connector.status, decided_by=DecidedBy.UNDECIDED), "connector"
            )
        running = connector.transaction
        if running is not None and running.admission is not None:
            return await self._present_while_running(connector, running, running.admission, identifier)
        if self._is_kept_for_another(connector, identifier):
            return self._refusals.refuse(connector, RESERVED, at="connector")
        authorisation = await self._admissions.authorise(identifier)
        if not authorisation.accepted and not self._state.spec.behaviour.ignores_refusal:
            return self._refusals.refuse(connector, authorisation, at="authorize")
        return await self._begin(connector, Admission(identifier, authorisation, StartCause.PRESENTED))

    async def remote_start(self, connector: Connector, identifier: Identifier, remote_start_id: int | None) -> None:
        authorisation = AuthorisationResult(status="Accepted", decided_by=DecidedBy.REMOTE_START)
        if self._dialect.authorises_remote_starts():
            authorisation = await self._admissions.authorise(identifier)
        if not authorisation.accepted:
            self._refusals.refuse(connector, authorisation, at="authorize")
        else:
            await self._begin(connector, Admission(identifier, authorisation, StartCause.REMOTE, remote_start_id))

    async def stop(self, connector: Connector, reason: StopReason, by: Identifier | None = None) -> None:
        """End the transaction, if any, and wait until its report is answered or cannot be sent now."""
        if (transaction := connector.transaction) is None:
            return
        stays_open = connector.plugged_in and not self._dialect.ends_with_authorisation()
        if stays_open and reason in (StopReason.LOCAL, StopReason.REMOTE, StopReason.DEAUTHORISED):
            self._shut_off(connector, transaction, reason)
            return
        message = self.end(connector, transaction, reason, by)
        await message.settled.wait()

    # ending

    def end(
        self, connector: Connector, transaction: Transaction, reason: StopReason, by: Identifier | None = None
    ) -> Message:
        """End the transaction and queue its report."""
        state = self._state
        connector.open_contactor(state.now(), compression=state.spec.time_compression)
        if transaction.sampler is not None:
            transaction.sampler.cancel()
        transaction.energy_wh = connector.register_wh - transaction.meter_start_wh
        transaction.stopped_because = reason
        message = self._dialect.stopped(connector, transaction, reason, by)
        connector.transaction, connector.last_transaction = None, transaction
        connector.finished = connector.plugged_in
        state.outbox.put(message)
        self.reports.status(connector)
        return message

    # starting

    async def _begin(self, connector: Connector, admission: Admission) -> AttemptResult:
        connector.forget_waiting()
        if connector.transaction is not None and connector.transaction.admission is not None:
            return self.reports.result(connector, admission.authorisation)  # another identifier was faster
        if not connector.plugged_in:
            self._wait_for_cable(connector, admission)
            return self.reports.result(connector, admission.authorisation)
        transaction, message = self._enter(connector, admission)
        if message is not None:
            await message.settled.wait()
        authorisation = transaction.answer or admission.authorisation
        refused = None if authorisation.accepted else "start"
        return self.reports.result(connector, authorisation, refused)

    def _enter(self, connector: Connector, admission: Admission) -> tuple[Transaction, Message | None]:
        state = self._state
        message: Message | None
        if connector.transaction is None:
            connector.flowing_since = state.now()
            transaction, message = self._open(connector, admission.cause, admission)
        else:
            transaction = connector.transaction
            transaction.admission, transaction.cause = admission, admission.cause
            connector.flowing_since = state.now()
            message = self._dialect.authorised(connector, transaction)
            self._send_start(connector, transaction, message)
        transaction.sampler = state.spawn(self._sample(connector, transaction))
        self.reports.status(connector)
        return transaction, message

    def _open(
        self, connector: Connector, cause: StartCause, admission: Admission | None = None
    ) -> tuple[Transaction, Message]:
        state = self._state
        transaction = Transaction(
            key=str(uuid.UUID(int=state.random.getrandbits(128), version=4)),
            connector_id=connector.id,
            started_at=state.now(),
            meter_start_wh=connector.register_wh,
            cause=cause,
            admission=admission,
            reservation=self._use_reservation(connector, admission),
        )
        connector.transaction = transaction
        message = self._dialect.started(connector, transaction)
        self._send_start(connector, transaction, message)
        return transaction, message

    def _use_reservation(self, connector: Connector, admission: Admission | None) -> int | None:
        """Return the number of the holder's reservation, which the start ends."""
        held = connector.reservation
        if held is None or admission is None or held.key != self._dialect.key(admission.identifier):
            return None
        connector.reservation = None
        return held.number

    def _send_start(self, connector: Connector, transaction: Transaction, message: Message | None) -> None:
        if message is not None:
            message.on_answer = lambda answer: self._start_answered(connector, transaction, answer)
            self._state.outbox.put(message)

    def _start_answered(self, connector: Connector, transaction: Transaction, answer: Payload) -> None:
        central_id = answer.get("transactionId")
        transaction.central_id = central_id if isinstance(central_id, int) else None
        admission = transaction.admission
        authorisation = self._admissions.process_answer(admission.identifier, answer) if admission is not None else None
        transaction.answer = authorisation
        if authorisation is not None and not authorisation.accepted and connector.transaction is transaction:
            self._refused_at_start(connector, transaction, authorisation)
        self._state.changed()

    def _refused_at_start(
        self, connector: Connector, transaction: Transaction, authorisation: AuthorisationResult
    ) -> None:
        if self._state.spec.behaviour.ignores_refusal:
            return
        if self._dialect.stops_on_invalid():
            if self._dialect.ends_with_authorisation():
                self.end(connector, transaction, StopReason.DEAUTHORISED)
            else:
                self._shut_off(connector, transaction, StopReason.DEAUTHORISED)
        elif transaction.cause is not StartCause.FREEVEND:  # MicroOcpp keeps a free session's power on
            self._shut_off(connector, transaction, StopReason.DEAUTHORISED)
        self._refusals.refuse(connector, authorisation, at="start")

    def _is_kept_for_another(self, connector: Connector, identifier: Identifier) -> bool:
        return connector.is_kept_for_another(self._dialect.key(identifier)) and not (
            self._state.spec.behaviour.admits_others_when_reserved
        )

    # waiting, sampling

    async def _present_while_running(
        self, connector: Connector, running: Transaction, admission: Admission, identifier: Identifier
    ) -> AttemptResult:
        if self._dialect.key(admission.identifier) == self._dialect.key(identifier):
            await self.stop(connector, StopReason.LOCAL, identifier)
            return self.reports.result(connector, admission.authorisation)
        authorisation = await self._admissions.authorise(identifier)
        group = (running.answer or admission.authorisation).group
        if authorisation.accepted and group is not None and authorisation.group == group:
            await self.stop(connector, StopReason.LOCAL, identifier)
            return self.reports.result(connector, authorisation)
        return self.reports.result(connector, authorisation, None if authorisation.accepted else "authorize")

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
        """Stop the energy, but keep the transaction open."""
        connector.open_contactor(self._state.now(), compression=self._state.spec.time_compression)
        transaction.suspended = True
        if (message := self._dialect.suspended(connector, transaction, reason)) is not None:
            self._state.outbox.put(message)
        self.reports.status(connector)

    async def _sample(self, connector: Connector, transaction: Transaction) -> None:
        while connector.transaction is transaction:
            await asyncio.sleep(self._state.spec.sample_every_s)
            self._state.outbox.put(self._dialect.sampled(connector, transaction))
