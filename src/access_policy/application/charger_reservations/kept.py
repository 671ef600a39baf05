"""The reservations on one charger, as this process knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from access_policy.application.backoff import Backoff
from access_policy.application.charger_reservations.desired import Slot
from access_policy.application.ports.charger_reservations import Reserved, ReserveStatus
from access_policy.domain.charger_condition.events import ReservationOnCharger, ReservationState
from access_policy.domain.ids import ReservationId

TRY_AGAIN_S = 5.0  # doubled for each further failure, up to
LONGEST_S = 300.0
RESENT_MAX = 3  # times on one connection, to a connector that reports itself available

Sent = tuple[datetime, str]
"""The end and the pseudonym of the holder's identifier."""

_STATES = {
    ReserveStatus.ACCEPTED: ReservationState.RESERVED,
    ReserveStatus.OCCUPIED: ReservationState.WAITING,
    ReserveStatus.OUT_OF_SERVICE: ReservationState.WAITING,
    ReserveStatus.REFUSED: ReservationState.REFUSED,
}


@dataclass(slots=True)
class KeptSlot:
    """One reservation on the charger. `answered` is the request that the charger answered on this connection, if any;
    `due` is when the request may be repeated. `may_be_on_charger`: the charger may have the reservation. `resent` counts
    repetitions because the connector reported itself available. `recorded` is the state, detail and end on record."""

    reservation_id: ReservationId
    connector_id: int
    until: datetime
    state: ReservationState
    detail: str
    answered: Sent | None = None
    due: datetime | None = None
    may_be_on_charger: bool = False
    resent: int = 0
    recorded: tuple[ReservationState, str, datetime] | None = None
    backoff: Backoff = field(default_factory=lambda: Backoff(TRY_AGAIN_S, LONGEST_S, shortest_s=1.0))

    @classmethod
    def new(cls, slot: Slot) -> KeptSlot:
        return cls(slot.reservation_id, slot.connector_id, slot.until, ReservationState.WAITING, "")

    @classmethod
    def of_record(cls, recorded: ReservationOnCharger) -> KeptSlot:
        kept = cls(recorded.reservation_id, recorded.connector_id, recorded.until, recorded.state, recorded.detail)
        kept.may_be_on_charger = recorded.state is not ReservationState.GONE
        kept.recorded = kept.to_record
        return kept

    @property
    def to_record(self) -> tuple[ReservationState, str, datetime]:
        return self.state, self.detail, self.until

    @property
    def is_recorded(self) -> bool:
        """True if there is nothing to record, including when nothing has happened yet."""
        return not self.detail or self.recorded == self.to_record

    def needs(self, request: Sent, now: datetime) -> bool:
        """Return whether to send the request now."""
        if self.due is not None:
            return self.due <= now
        return self.answered != request

    def take(self, request: Sent, reserved: Reserved, now: datetime) -> None:
        """Apply the charger's answer to the request."""
        self.until, self.answered = request[0], request
        self.state, self.detail = _STATES[reserved.status], reserved.detail
        self.may_be_on_charger = reserved.status is ReserveStatus.ACCEPTED
        if self.state is ReservationState.WAITING:
            self.try_later(now)
        else:
            self.due = None
        if self.state is ReservationState.RESERVED:
            self.backoff.reset()

    def refuse(self, request: Sent, why: str) -> None:
        """Refuse the reservation without sending it to the charger."""
        self.until, self.answered, self.due = request[0], request, None
        self.state, self.detail = ReservationState.REFUSED, why

    def wait(self, why: str, now: datetime) -> None:
        """Wait and try later: the request had no answer, or cannot be made yet."""
        self.state, self.detail = ReservationState.WAITING, why
        self.try_later(now)

    def freed(self, now: datetime) -> None:
        """Handle a connector that reports itself available instead of reserved. Some chargers always report that."""
        if self.due is not None:
            self.due = now
        elif self.state is ReservationState.RESERVED and self.resent < RESENT_MAX:
            self.resent += 1
            self.try_later(now)

    def end(self, why: str) -> None:
        self.state, self.detail = ReservationState.GONE, why
        self.answered = self.due = None
        self.may_be_on_charger = False

    def try_later(self, now: datetime) -> None:
        self.answered = None
        self.due = now + timedelta(seconds=self.backoff.next_s())


@dataclass(slots=True)
class KeptReservations:
    """The reservations by number. `supported` is the charger's report on this connection; None: it has not reported yet."""

    epoch: int
    slots: dict[int, KeptSlot] = field(default_factory=dict)
    supported: bool | None = None

    def connected(self, epoch: int, on_record: Mapping[int, ReservationOnCharger]) -> None:
        """Start a new connection, on which every reservation is sent again. The record also has the work of other
        gateways; unrecorded states belong to this process."""
        unrecorded = {number: kept for number, kept in self.slots.items() if not kept.is_recorded}
        self.slots = {number: KeptSlot.of_record(each) for number, each in on_record.items()} | unrecorded
        for kept in self.slots.values():
            kept.answered = kept.due = None
            kept.resent = 0
        self.epoch, self.supported = epoch, None

    def forget_over(self, now: datetime) -> None:
        """Drop recorded states of reservations whose time is over."""
        self.slots = {
            number: kept
            for number, kept in self.slots.items()
            if kept.until > now or kept.may_be_on_charger or not kept.is_recorded
        }
