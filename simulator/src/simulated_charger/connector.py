"""One connector: its vehicle, authorisation, transaction and energy. Its status is derived from them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from simulated_charger.local_authorisation import Key
from simulated_charger.observed import AuthorisationResult
from simulated_charger.spec import Identifier, Vehicle


class Status(StrEnum):
    """The states of OCPP 1.6; 2.x knows only Available, Occupied, Unavailable and Faulted (and Reserved)."""

    AVAILABLE = "Available"
    RESERVED = "Reserved"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class StartCause(StrEnum):
    CABLE = "cable"  # 2.x, TxStartPoint EVConnected: no identifier is authorised yet
    PRESENTED = "presented"
    REMOTE = "remote"
    FREEVEND = "freevend"


class StopReason(StrEnum):
    LOCAL = "local"
    REMOTE = "remote"
    DEAUTHORISED = "deauthorised"
    UNPLUGGED = "unplugged"
    SOFT_RESET = "soft_reset"
    HARD_RESET = "hard_reset"
    POWER_LOSS = "power_loss"
    UNLOCKED = "unlocked"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Fault:
    """An error status. If `faulted` is False, it is sent with the connector's normal status. `after_refusal`: nothing is
    broken.
    """

    error_code: str
    vendor_error_code: str | None = None
    faulted: bool = True
    after_refusal: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """An identifier that may start a transaction, with its authorisation and its cause."""

    identifier: Identifier
    authorisation: AuthorisationResult
    cause: StartCause
    remote_start_id: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectorReservation:
    """The connector is kept for the holder of `key` until `until`, exclusive."""

    number: int
    key: Key
    until: datetime


@dataclass(slots=True, eq=False)
class Transaction:
    key: str  # the charger's own id, which is the transactionId of 2.x
    connector_id: int
    started_at: datetime
    meter_start_wh: float
    cause: StartCause
    admission: Admission | None = None
    reservation: int | None = None  # the number of the reservation that it used
    central_id: int | None = None  # the transactionId of 1.6, once the central system has assigned it
    next_seq_no: int = 0
    answer: AuthorisationResult | None = None  # the central system's answer to the start
    suspended: bool = False
    energy_wh: float = 0.0  # set when it has ended
    stopped_because: StopReason | None = None
    sampler: asyncio.Task[None] | None = None

    def take_seq_no(self) -> int:
        self.next_seq_no += 1
        return self.next_seq_no - 1


@dataclass(slots=True, eq=False)
class Connector:
    id: int
    vehicle: Vehicle | None = None
    waiting: Admission | None = None  # authorised, waiting for the cable
    waiting_timer: asyncio.TimerHandle | None = field(default=None, repr=False)
    transaction: Transaction | None = None
    last_transaction: Transaction | None = None
    last_refusal: AuthorisationResult | None = None
    finished: bool = False  # a transaction ended and the cable is still plugged in
    operative: bool = True
    fault: Fault | None = None
    reported: object = None
    reservation: ConnectorReservation | None = None
    register_wh: float = 0.0
    flowing_since: datetime | None = None

    @property
    def plugged_in(self) -> bool:
        return self.vehicle is not None

    @property
    def power_w(self) -> float:
        """The power that the vehicle draws now, in watts."""
        return self.vehicle.power_w if self.charging and self.vehicle is not None else 0.0

    @property
    def charging(self) -> bool:
        return self.flowing_since is not None

    @property
    def can_start(self) -> bool:
        """True if a transaction may start here."""
        taken = self.transaction is not None and self.transaction.admission is not None
        return self.operative and not taken and (self.fault is None or self.fault.after_refusal)

    @property
    def status(self) -> Status:
        if self.fault is not None and self.fault.faulted:
            return Status.FAULTED
        if self.transaction is not None and self.transaction.cause is not StartCause.CABLE:
            return Status.CHARGING if self.charging else Status.SUSPENDED_EVSE
        if not self.operative:
            return Status.UNAVAILABLE
        if self.plugged_in:
            return Status.FINISHING if self.finished else Status.PREPARING
        if self.waiting is not None:
            return Status.PREPARING
        return Status.AVAILABLE if self.reservation is None else Status.RESERVED

    def is_kept_for_another(self, key: Key) -> bool:
        return self.reservation is not None and self.reservation.key != key

    def energy_wh(self, now: datetime, *, compression: float) -> float:
        """Return the meter's register, which only rises."""
        if self.flowing_since is None or self.vehicle is None:
            return self.register_wh
        hours = max(0.0, (now - self.flowing_since).total_seconds()) / 3600
        return self.register_wh + self.vehicle.power_w * hours * compression

    def open_contactor(self, now: datetime, *, compression: float) -> None:
        """Stop the energy and add the energy until `now` to the register."""
        self.register_wh = self.energy_wh(now, compression=compression)
        self.flowing_since = None

    def forget_waiting(self) -> None:
        self.waiting = None
        if self.waiting_timer is not None:
            self.waiting_timer.cancel()
            self.waiting_timer = None
