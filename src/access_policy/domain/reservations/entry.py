"""A reservation in the book, with its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from access_policy.domain.ids import AttemptId, ChargerId, ReservationId
from access_policy.domain.mode_schedule.timeline import ReservedWindow
from access_policy.domain.reservations.events import ConflictKind
from access_policy.domain.reservations.reservation import Reservation


class Outcome(StrEnum):
    """How a reservation ended."""

    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    ENDED = "ended"  # its window is over, or the holder's charge ended and released it


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A reservation in the book. `made_at`: when it was recorded.

    `changed_at` is the book's version at the entry's last change, for optimistic concurrency (ADR 0011). `charger_id` is
    the charger at which the holder charged, and `attempt_id` the charge that fulfilled the reservation. `outcome` and
    `over_at` are None while the reservation is live.
    """

    reservation: Reservation
    made_at: datetime
    changed_at: int
    fulfilled_at: datetime | None = None
    charger_id: ChargerId | None = None
    attempt_id: AttemptId | None = None
    outcome: Outcome | None = None
    over_at: datetime | None = None
    charges_on: bool = False  # the holder's charge was running when the window ended
    reason: str = ""  # of a cancellation
    replaced_by: ReservationId | None = None
    conflicts: frozenset[tuple[ConflictKind, str]] = frozenset()

    @property
    def begins(self) -> datetime:
        """The instant from which the holder may start and others may not; not before the reservation was made."""
        return max(self.reservation.begins, self.made_at)

    @property
    def lost_at(self) -> datetime | None:
        """The instant at which a holder who has not come loses the reservation; None: never, or the holder came."""
        reservation = self.reservation
        if self.fulfilled_at is not None or reservation.terms.no_show_after_min is None:
            return None
        return min(reservation.start + timedelta(minutes=reservation.terms.no_show_after_min), reservation.end)

    @property
    def over_from(self) -> datetime:
        """The instant from which the reservation is over: by the recorded outcome, or by time alone, because the outcome
        may be recorded later.
        """
        ends = (self.reservation.end, self.over_at, self.lost_at)
        return min(each for each in ends if each is not None)

    @property
    def awaited_until(self) -> datetime:
        """The instant until which the holder may still come."""
        return self.over_from if self.fulfilled_at is None else min(self.over_from, self.fulfilled_at)

    @property
    def window(self) -> ReservedWindow | None:
        """The window in which a charger that it names is managed; None if the reservation was over before it began."""
        reservation = self.reservation
        ends_at = reservation.end if self.over_at is None else min(reservation.end, self.over_at)
        if ends_at <= self.begins:
            return None
        return ReservedWindow(
            reservation_id=reservation.reservation_id,
            starts_at=self.begins,
            ends_at=ends_at,
            made_at=self.made_at,
            lost_at=self.lost_at,
        )

    def is_over(self, at: datetime) -> bool:
        """Whether the reservation is over, by the recorded outcome or by time alone: the outcome may be recorded later."""
        if self.over_at is not None and self.over_at <= at:
            return True
        return at >= self.reservation.end or ((lost := self.lost_at) is not None and lost <= at)

    def holds(self, at: datetime) -> bool:
        """Whether the holder may start a charge at `at`, and others may not take the place."""
        return self.begins <= at and not self.is_over(at)

    def is_outstanding(self, at: datetime) -> bool:
        """Whether the holder may come now and has not come yet."""
        return self.begins <= at and self.is_awaited(at)

    def is_awaited(self, at: datetime) -> bool:
        """Whether the holder has not come, and may still come."""
        return not self.is_over(at) and (self.fulfilled_at is None or self.fulfilled_at > at)

    def is_promised(self, at: datetime) -> bool:
        """Whether the place cannot be promised to another holder, as far as is known at `at`."""
        if self.over_at is not None:
            return self.charges_on and at < self.reservation.clears
        return at < self.reservation.clears if self.fulfilled_at is not None else not self.is_over(at)
