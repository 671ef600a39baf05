"""The meaning of reservations for an attempt at an entrance, in the decision table of a charger behind it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.here import ReservationsHere
from access_policy.domain.reservations.moments import Moment


@dataclass(slots=True)
class ReservationsAtEntrance(ReservationsHere):
    """Like `ReservationsHere`, but for a holder who wants to enter and does not charge yet.

    The holder may enter from `early_entry` before the window, or from the reservation's own early start, even if the
    charger is occupied at that moment: another holder whose window is not over, or visitors at a group, leave in time.
    """

    early_entry: timedelta = timedelta()

    @classmethod
    def of(cls, here: ReservationsHere, early_entry: timedelta) -> Self:
        return cls(here.party, here.version, here.free_among, here.is_required, early_entry)

    def admitting(self, at: datetime) -> Entry | None:
        """Return the holder's reservation that admits at the entrance at `at`; one for which the holder has not come yet
        is preferred.
        """
        open_now = (each for each in self.of_holder if self._enters_from(each) <= at and not each.is_over(at))
        return min(open_now, key=lambda each: not each.is_awaited(at), default=None)

    def _admits(self, moment: Moment) -> bool:
        return moment.since is not None and self.admitting(moment.since) is not None

    def _enters_from(self, entry: Entry) -> datetime:
        reservation = entry.reservation
        return max(min(reservation.begins, reservation.start - self.early_entry), entry.made_at)
