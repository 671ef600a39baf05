"""The meaning of reservations for an attempt at an entrance: the table's rows are those of a charger behind it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Self

from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.here import ReservationsHere


@dataclass(slots=True, kw_only=True)
class ReservationsAtEntrance(ReservationsHere):
    """As `ReservationsHere`, for a holder who wants to enter and does not charge yet.

    The holder may enter from `early_entry` before the window on, or from the reservation's own early start on, and whatever
    is at the charger at that moment: another holder whose window is not over, or the visitors of a group, leave in time.
    """

    early_entry: timedelta

    @classmethod
    def of(cls, here: ReservationsHere, early_entry: timedelta) -> Self:
        given = {each.name: getattr(here, each.name) for each in fields(here) if each.init}
        return cls(**given, moments=here._moments, early_entry=early_entry)

    def admitting(self, at: datetime) -> Entry | None:
        """The holder's reservation that admits at the entrance at `at`; one that the holder still comes for first."""
        open_now = (each for each in self.of_holder if self._enters_from(each) <= at and not each.is_over(at))
        return min(open_now, key=lambda each: not each.is_awaited(at), default=None)

    def first_that_keeps_out(self, after: datetime, until: datetime) -> datetime | None:
        for moment in self._moments.keeping_between(after, until):
            since = moment.since
            if since is not None and self._keeps_others_out(moment) and self.admitting(since) is None:
                return since
        return None

    def _enters_from(self, entry: Entry) -> datetime:
        reservation = entry.reservation
        return max(min(reservation.begins, reservation.start - self.early_entry), entry.made_at)
