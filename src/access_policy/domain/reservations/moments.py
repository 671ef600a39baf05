"""The promises at one charger over time, computed once for many attempts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from access_policy.domain.ids import ReservationGroupId
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.promises import Chargers

ALWAYS_BEFORE: Final = datetime.min.replace(tzinfo=UTC)
ALWAYS_AFTER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """The groups that still owe a charger, one entry per promise, and the chargers that named reservations take from them.
    Equal demands of the same `Moments` are the same object.
    """

    owed: tuple[ReservationGroupId, ...] = ()
    kept: Chargers = frozenset()


@dataclass(slots=True, eq=False)
class Moment:
    """The state from `since` (None: from the beginning) until the next moment. `is_named`: another holder's reservation
    names the charger. `held`: the holder's reservations, outstanding ones first, both parts ordered by start.
    `next_keeping`: the next moment at which others have the charger or a claim to it and the state may turn against the
    party: other reservations begin, or its own end.
    """

    since: datetime | None
    is_named: bool
    demand: Demand
    held: tuple[Entry, ...]
    next_keeping: Moment | None = None


@dataclass(slots=True, eq=False)
class Moments:
    """All moments, and the instants at which they begin: `all[n]` begins at `instants[n - 1]`. `turns_at` are the starts
    of the moments that may turn against the party.
    """

    all: Sequence[Moment]
    instants: Sequence[datetime]
    turns_at: Sequence[datetime]
    _latest: tuple[datetime, datetime, Moment] = field(init=False, repr=False)  # since, until

    def __post_init__(self) -> None:
        self._latest = self._found(ALWAYS_BEFORE)

    def at(self, instant: datetime) -> Moment:
        """Return the moment at `at`. Attempts arrive in order, so the moment of the last attempt usually fits the next
        one.
        """
        since, until, moment = self._latest
        if since <= instant < until:
            return moment
        self._latest = found = self._found(instant)
        return found[2]

    def _found(self, instant: datetime) -> tuple[datetime, datetime, Moment]:
        number = bisect_right(self.instants, instant)
        since = self.instants[number - 1] if number else ALWAYS_BEFORE
        until = self.instants[number] if number < len(self.instants) else ALWAYS_AFTER
        return since, until, self.all[number]

    @staticmethod
    def of(
        of_holder: Sequence[Entry],
        naming_others: Sequence[Entry],
        in_groups: Sequence[Entry],
        naming_in_groups: Sequence[Entry],
    ) -> Moments:
        """See `ReservationsHere` for the four."""
        everyone = (*of_holder, *naming_others, *in_groups, *naming_in_groups)
        begins = {each.begins for each in everyone}
        ends = {each.over_from for each in everyone} | {each.awaited_until for each in everyone}
        instants = sorted(begins | ends)
        named = _throughout(instants, ((each, each.begins, each.over_from) for each in naming_others))
        owed = _throughout(instants, ((each, each.begins, each.awaited_until) for each in in_groups))
        kept = _throughout(instants, ((each, each.begins, each.over_from) for each in naming_in_groups))
        held = _throughout(instants, ((each, each.begins, each.over_from) for each in of_holder))
        demands: dict[tuple[tuple[ReservationGroupId, ...], Chargers], Demand] = {}
        moments = [Moment(None, False, Demand(), ())]
        for number, since in enumerate(instants):
            wanted = _groups(owed[number]), _chargers(kept[number])
            demand = demands.setdefault(wanted, Demand(*wanted))
            holding = sorted(held[number], key=lambda each: not each.is_outstanding(since))
            moments.append(Moment(since, bool(named[number]), demand, tuple(holding)))
        turns = begins | {each.over_from for each in of_holder}
        keeping: Moment | None = None
        for moment in reversed(moments):
            moment.next_keeping = keeping
            if moment.since in turns and (moment.is_named or moment.demand.owed):
                keeping = moment
        return Moments(moments, instants, sorted(turns))


def _throughout(instants: Sequence[datetime], spans: Iterable[tuple[Entry, datetime, datetime]]) -> list[list[Entry]]:
    """Return for each instant the entries whose span `[since, until)` contains it, in their order."""
    found: list[list[Entry]] = [[] for _ in instants]
    for entry, since, until in spans:
        for number in range(bisect_left(instants, since), bisect_left(instants, until)):
            found[number].append(entry)
    return found


def _groups(entries: Iterable[Entry]) -> tuple[ReservationGroupId, ...]:
    group_ids = (each.reservation.place.group_id for each in entries)
    return tuple(sorted(group_id for group_id in group_ids if group_id is not None))


def _chargers(entries: Iterable[Entry]) -> Chargers:
    charger_ids = (each.reservation.place.charger_id for each in entries)
    return frozenset(charger_id for charger_id in charger_ids if charger_id is not None)
