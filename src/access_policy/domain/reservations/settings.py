"""The settings of a depot's reservations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from typing import Final

from access_policy.domain.reservations.errors import ReservationInvalid
from access_policy.domain.reservations.terms import ReservationTerms

HORIZON_DAYS_MAX: Final = 92


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationSettings:
    """`terms` are the defaults of new reservations. An operating day, by which plans are grouped, begins at the local time
    `day_starts_at`. Lists show the next `horizon_days` days, 1 to `HORIZON_DAYS_MAX`.
    """

    terms: ReservationTerms = field(default_factory=ReservationTerms)
    day_starts_at: time = time(3, 0)
    horizon_days: int = 7

    def check(self) -> None:
        """Raises `ReservationInvalid`."""
        self.terms.check()
        if not 1 <= self.horizon_days <= HORIZON_DAYS_MAX:
            raise ReservationInvalid(f"horizon_days must be between 1 and {HORIZON_DAYS_MAX}.", pointer="/horizon_days")
