"""Conflicts that put promises at risk: causes at chargers, and a plan that needs the vehicle of a booking elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from access_policy.domain.ids import ChargerId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.events import ConflictKind, FollowingEvent
from access_policy.domain.reservations.promises import first_shortfall

AHEAD: Final = timedelta(hours=24)  # before the instant from which the holder may start


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A cause that takes the charger, or the connector, from the holders of its reservations in `[since, until)` (None:
    without bound). `cause` is the override's id, or says in words what is wrong with the charger."""

    kind: ConflictKind
    cause: str
    connector_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def meets(self, entry: Entry) -> bool:
        reservation = entry.reservation
        return (self.since is None or self.since < reservation.end) and (
            self.until is None or entry.begins < self.until
        )

    def is_at(self, connector_id: int | None) -> bool:
        """Whether the trouble affects the connector. None means the whole charger, for the reservation and for the
        trouble.
        """
        return None in (self.connector_id, connector_id) or self.connector_id == connector_id


Troubles = Mapping[ChargerId, Sequence[Trouble]]


def is_watched(entry: Entry, now: datetime) -> bool:
    """Whether the entry is live, and has begun or begins soon."""
    return entry.outcome is None and entry.begins - AHEAD <= now and not entry.is_over(now)


def due_conflicts(
    book: ReservationBook, entries: Iterable[Entry], troubles: Troubles, now: datetime
) -> Iterator[FollowingEvent]:
    """Yield events for the conflicts of these entries that are not recorded yet."""
    for entry in entries:
        if is_watched(entry, now):
            for kind, cause in dict.fromkeys(_conflicts_of(book, entry, troubles, now)):
                yield from book.detect_conflict(entry.reservation.reservation_id, kind, cause, now=now)


def _conflicts_of(
    book: ReservationBook, entry: Entry, troubles: Troubles, now: datetime
) -> Iterator[tuple[ConflictKind, str]]:
    place = entry.reservation.place
    if entry.fulfilled_at is not None:
        assert entry.charger_id is not None, "a fulfilled reservation has the charger of its charge"
        yield from _at_charger(entry, entry.charger_id, place.connector_id, troubles, opened=False)
        return
    if place.charger_id is not None:
        yield from _at_charger(entry, place.charger_id, place.connector_id, troubles, opened=True)
    else:
        yield from _at_group(book, entry, troubles, now)
    yield from _with_the_plan(book, entry, now)


def _at_charger(
    entry: Entry, charger_id: ChargerId, connector_id: int | None, troubles: Troubles, *, opened: bool
) -> Iterator[tuple[ConflictKind, str]]:
    """Yield the troubles at the reserved charger. `opened`: whether an override that opens the charger counts; it does not
    for a holder who is already charging there.
    """
    for each in troubles.get(charger_id, ()):
        if each.meets(entry) and each.is_at(connector_id) and (opened or each.kind is not ConflictKind.OVERRIDE):
            yield each.kind, each.cause


def _at_group(
    book: ReservationBook, entry: Entry, troubles: Troubles, now: datetime
) -> Iterator[tuple[ConflictKind, str]]:
    """Yield the first cause that takes a charger away, if the remaining chargers of the group cannot keep the promises of
    this time.
    """
    reservation = entry.reservation
    groups = book.groups_with(book.chargers_at(reservation.place))
    lost = {
        charger_id: trouble
        for charger_id in sorted(frozenset[ChargerId]().union(*(group.charger_ids for group in groups)))
        if (trouble := next((each for each in troubles.get(charger_id, ()) if each.meets(entry)), None)) is not None
    }
    if not lost:
        return
    left = {group.group_id: group.charger_ids.difference(lost) for group in groups}
    promised = [*book.promised_near(reservation, groups, now), reservation]
    if first_shortfall(promised, left, max(now, reservation.begins), reservation.clears) is not None:
        charger_id, trouble = next(iter(lost.items()))
        yield trouble.kind, trouble.cause if trouble.kind is ConflictKind.OVERRIDE else f"{charger_id}: {trouble.cause}"


def _with_the_plan(book: ReservationBook, entry: Entry, now: datetime) -> Iterator[tuple[ConflictKind, str]]:
    """Yield the conflicts with the depot's own plan, which needs the holder of a partner's booking at another charger at
    that time.
    """
    booking = entry.reservation
    if not booking.source.is_a_partners:
        return
    for other in book.entries.of_holder(booking.holder):
        planned = other.reservation
        if (
            not planned.source.is_a_partners
            and not other.is_over(now)
            and other.outcome is None
            and planned.start < booking.end
            and booking.start < planned.end
        ):
            yield ConflictKind.PLAN, planned.reservation_id
