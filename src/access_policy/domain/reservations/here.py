"""The meaning of reservations for an attempt at one charger (design.md 3.3, rows 7 to 10)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import ChargerId, ReservationGroupId, ReservationId, VehicleId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entries import PlaceKey, key_of_charger, key_of_group
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.moments import Demand, Moment, Moments
from access_policy.domain.reservations.promises import Chargers, can_each_have_one

FreeAmong = Callable[
    [Chargers], Chargers
]  # returns those of the given chargers of the depot that are free to start now


def all_of(chargers: Chargers) -> Chargers:
    return chargers


@dataclass(slots=True, kw_only=True)
class PartyHere:
    """The reservations that concern one party at one charger. All attempts of the party share one value.

    `of_holder`: the party's reservations for this charger or a group with it, including finished ones, ordered by start.
    `naming_others`: other holders' reservations that name this charger or the connector. `in_groups`: other holders'
    reservations in the groups of this charger, and in groups that share chargers with those. `naming_in_groups`:
    reservations that name another charger of the groups. `groups`: the chargers of each such group, without this one.
    """

    charger_id: ChargerId
    of_holder: tuple[Entry, ...] = ()
    naming_others: tuple[Entry, ...] = ()
    in_groups: tuple[Entry, ...] = ()
    naming_in_groups: tuple[Entry, ...] = ()
    groups: Mapping[ReservationGroupId, Chargers] = field(default_factory=dict)
    groups_of_charger: frozenset[ReservationGroupId] = frozenset()
    moments: Moments = field(init=False, repr=False, compare=False)
    _could_meet: dict[Demand, bool] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.moments = Moments.of(self.of_holder, self.naming_others, self.in_groups, self.naming_in_groups)

    def could_meet(self, demand: Demand) -> bool:
        """Whether the groups could keep their promises without this charger if all other chargers were free."""
        if demand not in self._could_meet:
            self._could_meet[demand] = self.can_meet(demand, all_of)
        return self._could_meet[demand]

    def can_meet(self, demand: Demand, free_among: FreeAmong) -> bool:
        """Whether chargers are owed and the groups can keep their promises without this charger."""
        if demand.owed[0] == demand.owed[-1]:  # they are ordered, so there is only one group
            return len(demand.owed) <= len(free_among(self.groups[demand.owed[0]]).difference(demand.kept))
        left = {each: free_among(self.groups[each]).difference(demand.kept) for each in set(demand.owed)}
        return can_each_have_one([left[each] for each in demand.owed])

    def can_meet_with_this(self, demand: Demand, group_id: ReservationGroupId, free_among: FreeAmong) -> bool:
        """Like `can_meet`, but with one more charger owed to the group, while this charger is left to the others."""
        here = {each: frozenset({self.charger_id}) for each in self.groups_of_charger}
        left = {each: free_among(self.groups[each]).difference(demand.kept) for each in {*demand.owed, group_id}}
        others = [left[each] | here.get(each, frozenset()) for each in demand.owed]
        return can_each_have_one([*others, left[group_id]])


@dataclass(slots=True)
class ReservationsHere:
    """The reservations that matter to one attempt at one charger.

    An authorisation whose charge has not started does not occupy a free charger, and each start is decided again (ADR
    0047). `is_required`: the charger requires a reservation. `version` is the book's version.
    """

    party: PartyHere
    version: int
    free_among: FreeAmong = all_of
    is_required: bool = False

    @property
    def of_holder(self) -> tuple[Entry, ...]:
        return self.party.of_holder

    def admitting(self, at: datetime) -> Entry | None:
        """Return the holder's reservation that admits here at `at`.

        A group's reservation does not admit if another holder's reservation names the charger, or if this charger is owed
        to another group while the holder's own group has a free charger that is not. If a holder has several, one that is
        still outstanding is preferred.
        """
        return self._admitting(self.party.moments.at(at)) if self.party.of_holder else None

    def keeps_others_out(self, at: datetime) -> bool:
        """Whether another holder has the charger, or the groups would have fewer free chargers than they still owe."""
        return self._keeps_others_out(self.party.moments.at(at))

    def first_that_keeps_out(self, after: datetime, until: datetime) -> datetime | None:
        """Return the first instant in `(after, until)` at which the party has no admitting reservation and is kept out;
        None without one.
        """
        moment = self.party.moments.at(after).next_keeping
        while moment is not None and moment.since is not None and moment.since < until:
            if self._keeps_others_out(moment) and not self._admits(moment):
                return moment.since
            moment = moment.next_keeping
        return None

    def earliest_start(self, at: datetime) -> datetime | None:
        """Return the instant from which the holder's next reservation here admits; None without one after `at`."""
        return _earliest(self.party.of_holder, at)

    def instants(self) -> Sequence[datetime]:
        """Return the instants at which one of the answers above may turn against the party: other reservations begin, or
        its own end.
        """
        return self.party.moments.turns_at

    def _admits(self, moment: Moment) -> bool:
        return self._admitting(moment) is not None

    def _admitting(self, moment: Moment) -> Entry | None:
        for each in moment.held:
            if each.reservation.place.charger_id is not None:
                return each
        if moment.is_named:
            return None
        for each in moment.held:
            if not self._should_take_another(each, moment.demand):
                return each
        return None

    def _keeps_others_out(self, moment: Moment) -> bool:
        if moment.is_named or not moment.demand.owed:
            return moment.is_named
        return not self._can_do_without_this(moment.demand)

    def _can_do_without_this(self, demand: Demand) -> bool:
        """Whether the groups can keep their promises without this charger. Looks up free chargers only if the answer
        depends on them.
        """
        if not demand.owed:
            return True
        return self.party.could_meet(demand) and self.party.can_meet(demand, self.free_among)

    def _should_take_another(self, entry: Entry, demand: Demand) -> bool:
        """Whether the holder of this group reservation should use another charger: all holders can be served, but not with
        this holder here.
        """
        group_id = entry.reservation.place.group_id
        if group_id is None or self._can_do_without_this(demand):
            return False
        return self.party.can_meet_with_this(demand, group_id, self.free_among)


@dataclass(slots=True, kw_only=True)
class PromisesHere:
    """The promises that matter at one charger in `[since, until)` for any party, computed once for many attempts.

    `named` are the promises that name the charger, and `in_groups` those of `groups`, which share chargers with this one
    or with a group that does. `named_in_groups` name another charger of `groups`. `version` is the version of the book up
    to which these `places` and the depot's groups are unchanged.
    """

    charger_id: ChargerId
    version: int
    since: datetime
    until: datetime
    named: tuple[Entry, ...]
    in_groups: tuple[Entry, ...]
    named_in_groups: tuple[Entry, ...]
    groups: Mapping[ReservationGroupId, Chargers]  # without this charger
    own_groups: frozenset[ReservationGroupId]  # of this charger
    ids: frozenset[ReservationId]  # all that name this charger or its own groups, at any time
    places: tuple[PlaceKey, ...]
    _book: ReservationBook = field(repr=False, compare=False)
    _latest_change: tuple[int, int] = field(repr=False, compare=False)
    _parties: dict[Hashable, PartyHere] = field(default_factory=dict, repr=False, compare=False)

    @staticmethod
    def of(book: ReservationBook, charger_id: ChargerId, since: datetime, until: datetime) -> PromisesHere:
        groups = book.groups_with(frozenset({charger_id}))
        of_charger, of_groups = key_of_charger(charger_id), [key_of_group(group.group_id) for group in groups]
        named = book.entries.at_places([of_charger], since, until)
        in_groups = book.entries.at_places(of_groups, since, until)
        others = frozenset[ChargerId]().union(*(group.charger_ids for group in groups if in_groups)) - {charger_id}
        of_others = [key_of_charger(each) for each in others]
        named_in_groups = book.entries.at_places(of_others, since, until)
        own_groups = frozenset(group.group_id for group in groups if charger_id in group.charger_ids)
        places = (of_charger, *of_groups, *of_others)
        return PromisesHere(
            charger_id=charger_id,
            version=book.version,
            since=since,
            until=until,
            named=tuple(named),
            in_groups=tuple(in_groups),
            named_in_groups=tuple(named_in_groups),
            groups={group.group_id: group.charger_ids - {charger_id} for group in groups},
            own_groups=own_groups,
            ids=book.entries.ids_at([of_charger, *map(key_of_group, own_groups)]),
            places=places,
            _book=book,
            _latest_change=_latest_change(book, places),
        )

    def serves(self, book: ReservationBook, since: datetime, until: datetime) -> bool:
        """Whether the promises still match the book; changes at other places of the depot do not affect them."""
        if book is not self._book or since < self.since or self.until < until:
            return False
        if self.version != book.version and self._latest_change == _latest_change(book, self.places):
            self.version = book.version
        return self.version == book.version

    def for_attempt(
        self,
        book: ReservationBook,
        connector_id: int | None,
        ref: IdentifierRef | None,
        vehicle_id: VehicleId | None,
        *,
        free_among: FreeAmong = all_of,
        is_required: bool = False,
    ) -> ReservationsHere:
        """Return the reservations for one attempt. If the attempt names no connector (as OCPP 1.6 Authorize), the charger
        counts as reserved for another holder only if the reservation names the whole charger; the start names the
        connector and is decided again.
        """
        party = self._of_party(book, connector_id, ref, vehicle_id)
        return ReservationsHere(party, self.version, free_among, is_required)

    def _of_party(
        self, book: ReservationBook, connector_id: int | None, ref: IdentifierRef | None, vehicle_id: VehicleId | None
    ) -> PartyHere:
        """Return the value that all attempts of the party share. Each holder of a reservation in the book has its own
        value; all other parties share one, because anyone can present any number of identifiers.
        """
        party: Hashable = (None, None, vehicle_id, connector_id)
        if ref is not None:
            party = (ref.kind, ref.pseudonym, vehicle_id, connector_id)
        if (known := self._parties.get(party)) is not None:
            return known
        held = book.entries.ids_held_by(ref, vehicle_id)
        here = book.entries.in_order(self.ids & held)
        own = tuple(each for each in here if _is_at_connector(each, connector_id))
        found = self._without(own, connector_id) if own else self._of_others(connector_id)
        if held:
            self._parties[party] = found
        return found

    def _of_others(self, connector_id: int | None) -> PartyHere:
        """Return the value of a party without reservations here."""
        if connector_id not in self._parties:
            self._parties[connector_id] = self._without((), connector_id)
        return self._parties[connector_id]

    def _without(self, own: tuple[Entry, ...], connector_id: int | None) -> PartyHere:
        """Return the promises without the holder's own, and without those for other connectors."""
        mine = {each.reservation.reservation_id for each in own}
        named = (each for each in self.named if each.reservation.place.connector_id in (None, connector_id))
        return PartyHere(
            charger_id=self.charger_id,
            of_holder=own,
            naming_others=tuple(each for each in named if each.reservation.reservation_id not in mine),
            in_groups=tuple(each for each in self.in_groups if each.reservation.reservation_id not in mine),
            naming_in_groups=self.named_in_groups,
            groups=self.groups,
            groups_of_charger=self.own_groups,
        )


def _latest_change(book: ReservationBook, places: Iterable[PlaceKey]) -> tuple[int, int]:
    """Return the latest change of reservations at the places and of the depot's groups."""
    return book.entries.latest_change(places), max(book.group_changed_at.values(), default=0)


def earliest_start(
    book: ReservationBook, charger_id: ChargerId, ref: IdentifierRef | None, vehicle_id: VehicleId | None, at: datetime
) -> datetime | None:
    """Return the instant from which the holder's next reservation at this charger admits; None without one after `at`."""
    return _earliest(
        (each for each in book.entries.held_by(ref, vehicle_id) if is_here(book, each, charger_id, None)), at
    )


def _earliest(entries: Iterable[Entry], at: datetime) -> datetime | None:
    ahead = (each.reservation.begins for each in entries if each.over_at is None and at < each.reservation.begins)
    return min(ahead, default=None)


def is_here(book: ReservationBook, entry: Entry, charger_id: ChargerId, connector_id: int | None) -> bool:
    """Whether the reservation is for this place; an unknown connector (None) matches any."""
    place = entry.reservation.place
    if place.group_id is not None:
        return charger_id in book.groups[place.group_id].charger_ids
    return place.charger_id == charger_id and (
        place.connector_id is None or connector_id is None or place.connector_id == connector_id
    )


def _is_at_connector(entry: Entry, connector_id: int | None) -> bool:
    return connector_id is None or entry.reservation.place.connector_id in (None, connector_id)
