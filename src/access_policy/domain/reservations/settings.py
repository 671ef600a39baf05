"""The settings of a depot's reservations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time

from access_policy.domain.reservations.terms import ReservationTerms


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationSettings:
    """`terms` are the defaults of new reservations. An operating day, by which plans are grouped, begins at the local time
    `day_starts_at`. Lists show the coming `horizon_days` days."""

    terms: ReservationTerms = field(default_factory=ReservationTerms)
    day_starts_at: time = time(3, 0)
    horizon_days: int = 7
