"""The terms of a reservation. Each reservation has a copy, so that later changes of the depot's defaults do not affect it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from access_policy.domain.reservations.errors import ReservationInvalid

MINUTES_MAX = 31 * 24 * 60  # of any term, and so of any window


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationTerms:
    """Minutes, all of them 0 to `MINUTES_MAX`.

    The holder may start `early_start_min` before the window, and may stay `late_stop_min` after it (None: until the
    window's end). A holder who has not come `no_show_after_min` after the start loses the reservation (None: never).
    `release_on_stop`: the reservation ends with the holder's charge. A partner may change it until `change_until_min`, and
    cancel it until `cancel_until_min`, before the start. The window lasts `shortest_min` to `longest_min`.
    """

    early_start_min: int = 0
    late_stop_min: int | None = None
    no_show_after_min: int | None = None
    release_on_stop: bool = True
    change_until_min: int = 0
    cancel_until_min: int = 0
    shortest_min: int = 1
    longest_min: int = MINUTES_MAX

    @property
    def early_start(self) -> timedelta:
        return timedelta(minutes=self.early_start_min)

    @property
    def late_stop(self) -> timedelta:
        return timedelta(minutes=self.late_stop_min or 0)

    def check(self) -> None:
        """Raises `ReservationInvalid`."""
        for each in fields(self):
            minutes = getattr(self, each.name)
            if each.name.endswith("_min") and minutes is not None and not 0 <= minutes <= MINUTES_MAX:
                raise ReservationInvalid(
                    f"{each.name} must be between 0 and {MINUTES_MAX} minutes.", pointer=f"/terms/{each.name}"
                )
        if self.shortest_min > self.longest_min:
            raise ReservationInvalid(
                "The shortest duration is longer than the longest one; swap them or correct one.",
                pointer="/terms/shortest_min",
            )

    def check_window(self, start: datetime, end: datetime) -> None:
        """Check the length of `[start, end)` in elapsed time, regardless of clock changes. Raises `ReservationInvalid`."""
        if end <= start:
            raise ReservationInvalid("The window ends before it begins; give an end after the start.", pointer="/end")
        lasts = end - start
        if not timedelta(minutes=self.shortest_min) <= lasts <= timedelta(minutes=self.longest_min):
            raise ReservationInvalid(
                f"The window lasts {lasts // timedelta(minutes=1)} minutes; {self.shortest_min} to {self.longest_min} "
                "minutes are possible.",
                pointer="/end",
            )
