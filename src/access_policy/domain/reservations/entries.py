"""The entries of a book, indexed by id, request, holder, and place and time."""

from __future__ import annotations

import heapq
import math
from collections.abc import Hashable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from access_policy.domain.identifiers import IdentifierKind, IdentifierRef
from access_policy.domain.ids import ChargerId, ReservationGroupId, ReservationId, VehicleId
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.reservation import Holder, Place

KEPT_FOR: Final = timedelta(days=7)  # a finished reservation, after its end
_HOUR_S: Final = 3600
_NONE: Final[Set[ReservationId]] = frozenset()

PlaceKey = tuple[str, str]  # "charger" or "group", and its id


@dataclass(slots=True)
class Entries:
    """The entries of a book. Entries are indexed by charger and hour, so that a search reads few of them, however many the
    depot has.
    """

    by_id: dict[ReservationId, Entry] = field(default_factory=dict)
    by_request: dict[tuple[str, str], ReservationId] = field(default_factory=dict)
    codes: int = 0  # PINs of holders
    _by_holder: dict[Hashable, set[ReservationId]] = field(default_factory=dict, repr=False)
    _by_place: dict[Hashable, set[ReservationId]] = field(default_factory=dict, repr=False)
    _by_hour: dict[Hashable, set[ReservationId]] = field(default_factory=dict, repr=False)  # of a place
    _changes: int = field(default=0, repr=False, compare=False)
    _changed_at: dict[Hashable, int] = field(default_factory=dict, repr=False, compare=False)  # a place's latest change
    _ends: list[tuple[datetime, ReservationId]] = field(default_factory=list, repr=False, compare=False)  # a heap

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Entries:
        """Return an index over these entries."""
        made = cls()
        for entry in entries:
            made.put(entry)
            if entry.over_at is not None:
                made.keep_for_a_while(entry, entry.over_at)
        return made

    def copy(self) -> Entries:
        """Return an independent copy; both share the entries, which are values."""
        return Entries(
            by_id=dict(self.by_id),
            by_request=dict(self.by_request),
            codes=self.codes,
            _by_holder={key: set(ids) for key, ids in self._by_holder.items()},
            _by_place={key: set(ids) for key, ids in self._by_place.items()},
            _by_hour={key: set(ids) for key, ids in self._by_hour.items()},
            _changes=self._changes,
            _changed_at=dict(self._changed_at),
            _ends=list(self._ends),
        )

    def held_by(self, ref: IdentifierRef | None, vehicle_id: VehicleId | None) -> list[Entry]:
        """Return the entries of the holder who presents this identifier or vehicle, including finished ones, ordered by
        start.
        """
        return self.in_order(self.ids_held_by(ref, vehicle_id))

    def ids_held_by(self, ref: IdentifierRef | None, vehicle_id: VehicleId | None) -> Set[ReservationId]:
        """Return the ids of the entries of `held_by`."""
        of_ref = _NONE if ref is None else self._by_holder.get((ref.kind, ref.pseudonym), _NONE)
        of_vehicle = _NONE if vehicle_id is None else self._by_holder.get(vehicle_id, _NONE)
        return of_ref | of_vehicle if of_ref and of_vehicle else of_ref or of_vehicle

    def ids_at(self, places: Iterable[PlaceKey]) -> frozenset[ReservationId]:
        """Return the ids of the entries that name these chargers or groups, including finished ones."""
        return frozenset[ReservationId]().union(*(self._by_place.get(each, ()) for each in places))

    def is_held_by(self, ref: IdentifierRef) -> bool:
        """Whether a reservation's holder has this identifier."""
        return (ref.kind, ref.pseudonym) in self._by_holder

    def of_holder(self, holder: Holder) -> list[Entry]:
        """Return the entries that share an identifier or the vehicle with this holder, ordered by start."""
        found = set[ReservationId]().union(*(self._by_holder.get(key, ()) for key in keys_of_holder(holder)))
        return self.in_order(found)

    def naming(self, ref: IdentifierRef) -> list[Entry]:
        """Return the entries whose holder has this identifier, withheld or not, ordered by start."""
        keys = ((ref.kind, ref.pseudonym), key_of_withheld(ref))
        return self.in_order(set[ReservationId]().union(*(self._by_holder.get(key, ()) for key in keys)))

    def latest_change(self, places: Iterable[PlaceKey]) -> int:
        """Return a number that grows with each change of a reservation that names these chargers or groups; 0 before the
        first.
        """
        return max((self._changed_at.get(each, 0) for each in places), default=0)

    def at_place(self, key: PlaceKey) -> list[Entry]:
        """Return all entries that name this charger or group, including finished ones, ordered by start."""
        return self.in_order(self._by_place.get(key, ()))

    def at_places(self, keys: Iterable[PlaceKey], start: datetime, end: datetime) -> list[Entry]:
        """Return the entries that name these chargers or groups and whose time overlaps `[start, end)`, including finished
        ones, ordered by start.
        """
        hours = list(_hours(start, end))
        keys = [key for key in keys if key in self._by_place]  # most chargers of a group have none
        found = set().union(*(self._by_hour.get((key, hour), ()) for key in keys for hour in hours))
        near = (self.by_id[each] for each in found)
        return sorted((each for each in near if _meets(each, start, end)), key=_by_start)

    def put(self, entry: Entry) -> None:
        """Add the entry, or replace the entry with its id."""
        reservation = entry.reservation
        if (old := self.by_id.get(reservation.reservation_id)) is not None:
            self.drop(old)
        self.by_id[reservation.reservation_id] = entry
        if reservation.request is not None:
            self.by_request[reservation.request.key] = reservation.reservation_id
        for index, key in self._keys_of(entry):
            index.setdefault(key, set()).add(reservation.reservation_id)
        self.codes += _codes(entry)
        self._mark_changed(reservation.place)

    def drop(self, entry: Entry) -> None:
        reservation = entry.reservation
        del self.by_id[reservation.reservation_id]
        request = reservation.request
        if request is not None and self.by_request.get(request.key) == reservation.reservation_id:
            del self.by_request[request.key]
        self.codes -= _codes(entry)
        for index, key in self._keys_of(entry):
            index[key].discard(reservation.reservation_id)
            if not index[key]:
                del index[key]
        self._mark_changed(reservation.place)

    def _mark_changed(self, place: Place) -> None:
        self._changes += 1
        self._changed_at[key_of_place(place)] = self._changes

    def keep_for_a_while(self, entry: Entry, over_at: datetime) -> None:
        """Schedule a finished entry for removal: `forget_before` drops it a week after the end of its time."""
        forget_at = max(over_at, entry.reservation.clears) + KEPT_FOR
        heapq.heappush(self._ends, (forget_at, entry.reservation.reservation_id))

    def forget_before(self, now: datetime) -> None:
        while self._ends and self._ends[0][0] <= now:
            self.drop(self.by_id[heapq.heappop(self._ends)[1]])

    def _keys_of(self, entry: Entry) -> Iterator[tuple[dict[Hashable, set[ReservationId]], Hashable]]:
        reservation = entry.reservation
        for holder in keys_of_holder(reservation.holder):
            yield self._by_holder, holder
        for withheld in reservation.holder.withheld:
            yield self._by_holder, key_of_withheld(withheld.ref)
        place = key_of_place(reservation.place)
        yield self._by_place, place
        for hour in _hours(reservation.begins, reservation.clears):
            yield self._by_hour, (place, hour)

    def in_order(self, ids: Iterable[ReservationId]) -> list[Entry]:
        """Return the entries ordered by start."""
        return sorted((self.by_id[each] for each in ids), key=_by_start)


def key_of_charger(charger_id: ChargerId) -> PlaceKey:
    return "charger", charger_id


def key_of_group(group_id: ReservationGroupId) -> PlaceKey:
    return "group", group_id


def key_of_place(place: Place) -> PlaceKey:
    if place.charger_id is not None:
        return key_of_charger(place.charger_id)
    assert place.group_id is not None, "a checked place names a charger or a group"
    return key_of_group(place.group_id)


def key_of_withheld(ref: IdentifierRef) -> Hashable:
    """Return the key of a withheld identifier, by which no presented identifier is found."""
    return "withheld", ref.kind, ref.pseudonym


def keys_of_holder(holder: Holder) -> set[Hashable]:
    identifiers: set[Hashable] = {(each.ref.kind, each.ref.pseudonym) for each in holder.identifiers}
    return identifiers if holder.vehicle_id is None else identifiers | {holder.vehicle_id}


def _hours(start: datetime, end: datetime) -> range:
    """Return the hours since the epoch that `[start, end)` overlaps."""
    return range(math.floor(start.timestamp() / _HOUR_S), math.ceil(end.timestamp() / _HOUR_S))


def _meets(entry: Entry, start: datetime, end: datetime) -> bool:
    return entry.reservation.begins < end and start < entry.reservation.clears


def _by_start(entry: Entry) -> tuple[datetime, str]:
    return entry.reservation.start, entry.reservation.reservation_id


def _codes(entry: Entry) -> int:
    return sum(each.ref.kind is IdentifierKind.PIN for each in entry.reservation.holder.identifiers)
