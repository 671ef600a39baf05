"""The meaning of reservations for an attempt at one charger (design.md 3.3, rows 7 to 10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import ChargerId, ReservationGroupId, VehicleId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entries import key_of_charger, key_of_group
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.promises import Chargers, can_each_have_one


@dataclass(slots=True, kw_only=True)
class ReservationsHere:
    """The reservations that matter to one attempt at one charger, each list by the start.

    `of_holder`: those of the party that presents itself, of this charger or of a group with it, over or not.
    `naming_others`: those of other holders that name this charger, or the connector. `in_groups`: those of other holders in the
    groups of this charger, and in groups that share chargers with those. `free`: the chargers of each such group that are
    free, without this one. `is_required`: the charger is usable with a reservation only. `version` is the book's.
    """

    charger_id: ChargerId
    version: int
    of_holder: tuple[Entry, ...] = ()
    naming_others: tuple[Entry, ...] = ()
    in_groups: tuple[Entry, ...] = ()
    free: Mapping[ReservationGroupId, Chargers] = field(default_factory=dict)
    groups_of_charger: frozenset[ReservationGroupId] = frozenset()
    is_required: bool = False

    def admitting(self, at: datetime) -> Entry | None:
        """The holder's reservation that admits here at `at`.

        One of a group does not where another holder's names the charger, and where this charger is owed to another group
        while the holder's own group has a free one that is not. A holder of several comes for one that is still open first.
        """
        holding = [each for each in self.of_holder if each.holds(at)]
        holding.sort(key=lambda each: not each.is_outstanding(at))
        by_name = (each for each in holding if each.reservation.place.charger_id is not None)
        if (named := next(by_name, None)) is not None or self._is_named_for_another(at):
            return named
        return next((each for each in holding if not self._should_take_another(each, at)), None)

    def keeps_others_out(self, at: datetime) -> bool:
        """Another holder has the charger, or the groups would have fewer free chargers than they still owe."""
        return self._is_named_for_another(at) or not self._can_do_without_this(at)

    def earliest_start(self, at: datetime) -> datetime | None:
        """When the holder's next reservation here admits; None without one after `at`."""
        return _earliest(self.of_holder, at)

    def instants(self) -> Iterator[datetime]:
        """The instants at which one of the answers above may change."""
        for entry in (*self.of_holder, *self.naming_others, *self.in_groups):
            yield entry.begins
            yield entry.reservation.end
            if (lost := entry.lost_at) is not None:
                yield lost

    def _is_named_for_another(self, at: datetime) -> bool:
        return any(each.holds(at) for each in self.naming_others)

    def _can_do_without_this(self, at: datetime) -> bool:
        return can_each_have_one([self.free[group_id] for group_id in self._owed(at)])

    def _should_take_another(self, entry: Entry, at: datetime) -> bool:
        """The holder of this reservation of a group: if all can be served, but not with the holder here."""
        group_id = entry.reservation.place.group_id
        if group_id is None or self._can_do_without_this(at):
            return False
        here = {each: frozenset({self.charger_id}) for each in self.groups_of_charger}
        others = [self.free[each] | here.get(each, frozenset()) for each in self._owed(at)]
        return can_each_have_one([*others, self.free[group_id]])

    def _owed(self, at: datetime) -> list[ReservationGroupId]:
        """The groups of the reservations whose holders may come and have not yet, one for each."""
        owed = (each.reservation.place.group_id for each in self.in_groups if each.is_outstanding(at))
        return [group_id for group_id in owed if group_id is not None]


def reservations_here(
    book: ReservationBook,
    charger_id: ChargerId,
    connector_id: int | None,
    ref: IdentifierRef | None,
    vehicle_id: VehicleId | None,
    *,
    at: datetime,
    horizon: timedelta,
    is_busy: Callable[[ChargerId], bool],
    is_required: bool = False,
) -> ReservationsHere:
    """Those from `at` to the horizon. `is_busy`: nobody can start at this charger of the depot now.

    A charger at a place without a connector (OCPP 1.6 Authorize names none) is reserved for another holder only if its
    reservation names the whole charger: the start names the connector and is decided again.
    """
    own = [each for each in book.entries.held_by(ref, vehicle_id) if is_here(book, each, charger_id, connector_id)]
    mine = {each.reservation.reservation_id for each in own}
    named = book.entries.at_places([key_of_charger(charger_id)], at, at + horizon)
    groups = book.groups_with(frozenset({charger_id}))
    promised = book.entries.at_places([key_of_group(group.group_id) for group in groups], at, at + horizon)
    chargers = frozenset[ChargerId]().union(*(group.charger_ids for group in groups if promised))
    gone = {charger_id}.union(each for each in chargers if is_busy(each))
    return ReservationsHere(
        charger_id=charger_id,
        version=book.version,
        of_holder=tuple(own),
        naming_others=tuple(
            each
            for each in named
            if each.reservation.reservation_id not in mine
            and each.reservation.place.connector_id in (None, connector_id)
        ),
        in_groups=tuple(each for each in promised if each.reservation.reservation_id not in mine),
        free={group.group_id: group.charger_ids - gone for group in groups},
        groups_of_charger=frozenset(group.group_id for group in groups if charger_id in group.charger_ids),
        is_required=is_required,
    )


def earliest_start(
    book: ReservationBook, charger_id: ChargerId, ref: IdentifierRef | None, vehicle_id: VehicleId | None, at: datetime
) -> datetime | None:
    """When the holder's next reservation at this charger admits; None without one after `at`."""
    return _earliest(
        (each for each in book.entries.held_by(ref, vehicle_id) if is_here(book, each, charger_id, None)), at
    )


def _earliest(entries: Iterable[Entry], at: datetime) -> datetime | None:
    ahead = (each.reservation.begins for each in entries if each.over_at is None and at < each.reservation.begins)
    return min(ahead, default=None)


def is_here(book: ReservationBook, entry: Entry, charger_id: ChargerId, connector_id: int | None) -> bool:
    """The reservation is of this place; a connector that is not known (None) is any."""
    place = entry.reservation.place
    if place.group_id is not None:
        return charger_id in book.groups[place.group_id].charger_ids
    return place.charger_id == charger_id and (
        place.connector_id is None or connector_id is None or place.connector_id == connector_id
    )
