"""The meaning of reservations for an attempt at one charger (design.md 3.3, rows 7 to 10)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import ChargerId, ReservationGroupId, ReservationId, VehicleId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entries import key_of_charger, key_of_group
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.promises import Chargers, can_each_have_one


@dataclass(slots=True, kw_only=True)
class ReservationsHere:
    """The reservations that matter to one attempt at one charger, each list by the instant from which they hold.

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
    naming_in_groups: tuple[Entry, ...] = ()  # those that name another charger of the groups
    groups_of_charger: frozenset[ReservationGroupId] = frozenset()
    is_required: bool = False
    named_from: Sequence[datetime] | None = None  # of each of `naming_others`
    groups_from: Sequence[datetime] | None = None  # of each of `in_groups`
    starts: Sequence[datetime] | None = None  # all of these in order, and perhaps more

    def __post_init__(self) -> None:
        if self.named_from is None:
            self.named_from = [each.begins for each in self.naming_others]
        if self.groups_from is None:
            self.groups_from = [each.begins for each in self.in_groups]
        if self.starts is None:
            elsewhere = (each.begins for each in self.naming_in_groups)
            self.starts = sorted({*self.named_from, *self.groups_from, *elsewhere})

    def admitting(self, at: datetime) -> Entry | None:
        """The holder's reservation that admits here at `at`.

        One of a group does not where another holder's names the charger, and where this charger is owed to another group
        while the holder's own group has a free one that is not. A holder of several comes for one that is still open first.
        """
        if not self.of_holder:
            return None
        holding = [each for each in self.of_holder if each.holds(at)]
        holding.sort(key=lambda each: not each.is_outstanding(at))
        by_name = (each for each in holding if each.reservation.place.charger_id is not None)
        if (named := next(by_name, None)) is not None or self._is_named_for_another(at):
            return named
        return next((each for each in holding if not self._should_take_another(each, at)), None)

    def keeps_others_out(self, at: datetime) -> bool:
        """Another holder has the charger, or the groups would have fewer free chargers than they still owe."""
        return self._is_named_for_another(at) or not self._can_do_without_this(at)

    def first_that_keeps_out(self, after: datetime, until: datetime) -> datetime | None:
        """The first instant in `(after, until)` at which the party has no reservation that admits and others are kept out; None
        without one."""
        instants = self.instants() if self.of_holder else self.starts or ()
        for instant in sorted({each for each in instants if after < each < until}):
            if self.keeps_others_out(instant) and self.admitting(instant) is None:
                return instant
        return None

    def earliest_start(self, at: datetime) -> datetime | None:
        """When the holder's next reservation here admits; None without one after `at`."""
        return _earliest(self.of_holder, at)

    def instants(self) -> Iterator[datetime]:
        """The instants at which one of the answers above may turn against the party: reservations of others begin, or its own
        end."""
        yield from self.starts or ()
        for entry in self.of_holder:
            yield entry.reservation.end
            if (lost := entry.lost_at) is not None:
                yield lost

    def _is_named_for_another(self, at: datetime) -> bool:
        return any(not each.is_over(at) for each in _begun(self.naming_others, self.named_from, at))

    def _can_do_without_this(self, at: datetime) -> bool:
        owed = self._owed(at)
        return not owed or can_each_have_one([self._left(group_id, at) for group_id in owed])

    def _left(self, group_id: ReservationGroupId, at: datetime) -> Chargers:
        """The free chargers of the group that no reservation by name keeps from it."""
        named = {each.reservation.place.charger_id for each in self.naming_in_groups if each.holds(at)}
        return self.free[group_id].difference(named) if named else self.free[group_id]

    def _should_take_another(self, entry: Entry, at: datetime) -> bool:
        """The holder of this reservation of a group: if all can be served, but not with the holder here."""
        group_id = entry.reservation.place.group_id
        if group_id is None or self._can_do_without_this(at):
            return False
        here = {each: frozenset({self.charger_id}) for each in self.groups_of_charger}
        others = [self._left(each, at) | here.get(each, frozenset()) for each in self._owed(at)]
        return can_each_have_one([*others, self._left(group_id, at)])

    def _owed(self, at: datetime) -> list[ReservationGroupId]:
        """The groups of the reservations whose holders may come and have not yet, one for each."""
        begun = _begun(self.in_groups, self.groups_from, at)
        owed = (each.reservation.place.group_id for each in begun if each.is_awaited(at))
        return [group_id for group_id in owed if group_id is not None]


def _begun(entries: Sequence[Entry], since: Sequence[datetime] | None, at: datetime) -> Sequence[Entry]:
    """Those that hold from an instant up to `at`; `since` are these instants, in order."""
    return entries[: bisect_right(since or (), at)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromisesHere:
    """The promises that count at one charger in `[since, until)`, whoever comes: made once for many attempts.

    `named` are those of the charger by name, and `in_groups` those of `groups`, which share chargers with this one or with a
    group that does; both by the instant from which they hold (`named_from`, `groups_from`). `named_in_groups` name another
    charger of `groups`. `version` is the book's.
    """

    charger_id: ChargerId
    version: int
    since: datetime
    until: datetime
    named: tuple[Entry, ...]
    in_groups: tuple[Entry, ...]
    named_in_groups: tuple[Entry, ...]
    groups: Mapping[ReservationGroupId, Chargers]
    own_groups: frozenset[ReservationGroupId]  # of this charger
    ids: frozenset[ReservationId]  # all of this charger by name and of its own groups, at any time
    named_from: tuple[datetime, ...]
    groups_from: tuple[datetime, ...]
    starts: tuple[datetime, ...]  # the instants from which all of these hold, in order
    has_connectors: bool  # one of `named` names a connector

    @staticmethod
    def of(book: ReservationBook, charger_id: ChargerId, since: datetime, until: datetime) -> PromisesHere:
        groups = book.groups_with(frozenset({charger_id}))
        named = book.entries.at_places([key_of_charger(charger_id)], since, until)
        in_groups = book.entries.at_places([key_of_group(group.group_id) for group in groups], since, until)
        others = frozenset[ChargerId]().union(*(group.charger_ids for group in groups if in_groups)) - {charger_id}
        named_in_groups = book.entries.at_places(map(key_of_charger, others), since, until)
        own_groups = frozenset(group.group_id for group in groups if charger_id in group.charger_ids)
        named.sort(key=_by_begin)
        in_groups.sort(key=_by_begin)
        return PromisesHere(
            charger_id=charger_id,
            version=book.version,
            since=since,
            until=until,
            named=tuple(named),
            in_groups=tuple(in_groups),
            named_in_groups=tuple(named_in_groups),
            groups={group.group_id: group.charger_ids for group in groups},
            own_groups=own_groups,
            ids=book.entries.ids_at([key_of_charger(charger_id), *map(key_of_group, own_groups)]),
            named_from=tuple(map(_by_begin, named)),
            groups_from=tuple(map(_by_begin, in_groups)),
            starts=tuple(sorted({each.begins for each in (*named, *in_groups, *named_in_groups)})),
            has_connectors=any(each.reservation.place.connector_id is not None for each in named),
        )

    def serves(self, book: ReservationBook, since: datetime, until: datetime) -> bool:
        return self.version == book.version and self.since <= since and until <= self.until

    def for_attempt(
        self,
        book: ReservationBook,
        connector_id: int | None,
        ref: IdentifierRef | None,
        vehicle_id: VehicleId | None,
        *,
        is_busy: Callable[[ChargerId], bool],
        is_required: bool = False,
    ) -> ReservationsHere:
        """`is_busy`: nobody can start at this charger of the depot now.

        A charger at a place without a connector (OCPP 1.6 Authorize names none) is reserved for another holder only if its
        reservation names the whole charger: the start names the connector and is decided again.
        """
        held = book.entries.held_among(self.ids, ref, vehicle_id)
        own = [each for each in held if _is_at_connector(each, connector_id)]
        here = ReservationsHere(
            charger_id=self.charger_id,
            version=self.version,
            of_holder=tuple(own),
            naming_others=self.named,
            in_groups=self.in_groups,
            free=FreeChargers(self.groups, self.charger_id, is_busy),
            naming_in_groups=self.named_in_groups,
            groups_of_charger=self.own_groups,
            is_required=is_required,
            named_from=self.named_from,
            groups_from=self.groups_from,
            starts=self.starts,
        )
        if own or self.has_connectors:
            self._leave_out(here, {each.reservation.reservation_id for each in own}, connector_id)
        return here

    def _leave_out(self, here: ReservationsHere, mine: set[ReservationId], connector_id: int | None) -> None:
        """The holder's own reservations, and those of other connectors."""
        named = [
            (each, since)
            for each, since in zip(self.named, self.named_from, strict=True)
            if each.reservation.reservation_id not in mine
            and each.reservation.place.connector_id in (None, connector_id)
        ]
        in_groups = [
            (each, since)
            for each, since in zip(self.in_groups, self.groups_from, strict=True)
            if each.reservation.reservation_id not in mine
        ]
        here.naming_others, here.named_from = tuple(each for each, _ in named), [since for _, since in named]
        here.in_groups, here.groups_from = tuple(each for each, _ in in_groups), [since for _, since in in_groups]


class FreeChargers(Mapping[ReservationGroupId, Chargers]):
    """The chargers of each group that are free, without `this` one. Looked up where an answer depends on them only."""

    def __init__(
        self,
        groups: Mapping[ReservationGroupId, Chargers],
        this: ChargerId,
        is_busy: Callable[[ChargerId], bool],
    ) -> None:
        self._groups = groups
        self._this = this
        self._is_busy = is_busy
        self._found: dict[ReservationGroupId, Chargers] = {}

    def __getitem__(self, group_id: ReservationGroupId) -> Chargers:
        if group_id not in self._found:
            chargers = self._groups[group_id]
            free = (each for each in chargers if each != self._this and not self._is_busy(each))
            self._found[group_id] = frozenset(free)
        return self._found[group_id]

    def __iter__(self) -> Iterator[ReservationGroupId]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)


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


def _is_at_connector(entry: Entry, connector_id: int | None) -> bool:
    return connector_id is None or entry.reservation.place.connector_id in (None, connector_id)


def _by_begin(entry: Entry) -> datetime:
    return entry.begins
