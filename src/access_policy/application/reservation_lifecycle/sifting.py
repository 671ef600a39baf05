"""Find the reservations of a depot for which something may be due, from what changed since the last check."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from access_policy.application.event_loop import cooperatively
from access_policy.application.mode_application.alarms import Alarms
from access_policy.domain.ids import AttemptId, ChargerId, ReservationGroupId, ReservationId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.charges import Charge, Charges
from access_policy.domain.reservations.conflicts import Troubles, is_watched
from access_policy.domain.reservations.entries import key_of_charger, key_of_group
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.events import ConflictKind
from access_policy.domain.reservations.lifecycle import may_be_due, next_instant
from access_policy.domain.reservations.reservation import ReservationGroup
from access_policy.domain.reservations.settings import ReservationSettings

COMPARED_AT_A_TIME: Final = 5_000  # reservations, in one iteration of the event loop
SIFTED_AT_A_TIME: Final = 500
FOLLOWED_AT_A_TIME: Final = 20  # changes
CHANGES_MAX: Final = 500  # with more changes it is less work to sift all

ASKED_AT_A_TIME: Final = 100  # chargers
NO_CAUSES: Final = frozenset[Any]()

_Item = TypeVar("_Item")

Ids = set[ReservationId]
Cause = tuple[ConflictKind, str, int | None]
TroublesOf = Callable[[Collection[ChargerId]], Troubles]


@dataclass(slots=True)
class Sifting:
    """A depot's state at the last check: its entries, its charges, the causes that take chargers away, and the instants
    at which time alone may make something due. `unsettled` are the reservations for which something may be due; the
    caller removes those that it has settled."""

    unsettled: Ids = field(default_factory=set)
    _entries: dict[ReservationId, Entry] = field(default_factory=dict)
    _charges: dict[AttemptId, Charge] = field(default_factory=dict)
    _troubles: dict[ChargerId, frozenset[Cause]] = field(default_factory=dict)
    _instants: Alarms[ReservationId, datetime] = field(default_factory=Alarms)
    _groups: dict[ReservationGroupId, ReservationGroup] | None = None
    _settings: ReservationSettings | None = None

    def next_instant(self) -> datetime | None:
        """Return the next instant; None if time alone makes nothing due."""
        return self._instants.next()

    async def sift(self, book: ReservationBook, charges: Charges, troubles_of: TroublesOf, now: datetime) -> None:
        """Find what may have become due because of changes since the last check, or because of the time. All
        reservations are checked the first time, and after a change of groups or settings, which may concern any of
        them."""
        changed = await self._changed_entries(book)
        if self._groups != book.groups or self._settings != book.settings or len(changed) > CHANGES_MAX:
            await self._sift_all(book, charges, troubles_of, now)
            return
        reached = [book.entries.by_id[each] for each in self._instants.ring(now) if each in book.entries.by_id]
        concerned: Ids = set()
        async for entry in cooperatively([*changed, *reached], at_a_time=FOLLOWED_AT_A_TIME):
            before = self._entries.get(entry.reservation.reservation_id, entry)
            concerned |= _concerned_by(book, charges, entry) | _concerned_by(book, charges, before)
            self._note(entry, book, now)
        for charge in self._changed_charges(charges):
            concerned |= _held_by(book, charge)
        for charger_id in await self._changed_troubles(troubles_of):
            concerned |= _at(book, charger_id)
        self._add((book.entries.by_id[each] for each in concerned if each in book.entries.by_id), charges, now)

    async def _sift_all(self, book: ReservationBook, charges: Charges, troubles_of: TroublesOf, now: datetime) -> None:
        self._groups, self._settings, self._charges = dict(book.groups), book.settings, dict(charges.by_attempt)
        async for some in _slices(list(book.entries.by_id.values()), SIFTED_AT_A_TIME):
            for entry in some:
                self._note(entry, book, now)
            self._add(some, charges, now)
        await self._changed_troubles(troubles_of)

    # --- what changed -------------------------------------------------------------------------------------------------

    async def _changed_entries(self, book: ReservationBook) -> list[Entry]:
        """Return the changed entries. Entries are values, so a different object is a changed entry. Entries that the
        book has forgotten are dropped."""
        changed: list[Entry] = []
        known = self._entries
        async for some in _slices(list(book.entries.by_id.items()), COMPARED_AT_A_TIME):
            changed += [entry for id_, entry in some if known.get(id_) is not entry]
        for gone in known.keys() - book.entries.by_id.keys() if len(known) > len(book.entries.by_id) else ():
            del known[gone]
            self._instants.drop(gone)
            self.unsettled.discard(gone)
        return changed

    def _changed_charges(self, charges: Charges) -> list[Charge]:
        before, self._charges = self._charges, dict(charges.by_attempt)
        return [charge for attempt_id, charge in self._charges.items() if before.get(attempt_id) is not charge]

    async def _changed_troubles(self, troubles_of: TroublesOf) -> list[ChargerId]:
        """Return those of the chargers on which reservations depend whose troubles changed."""
        changed: list[ChargerId] = []
        async for some in _slices(list(self._troubles), ASKED_AT_A_TIME):
            found = troubles_of(some)
            for charger_id in some:
                causes = frozenset((each.kind, each.cause, each.connector_id) for each in found.get(charger_id, ()))
                if causes != self._troubles[charger_id]:
                    self._troubles[charger_id] = causes
                    changed.append(charger_id)
        return changed

    # --- what it remembers
    # -----------------------------------------------------------------------------------------------

    def _note(self, entry: Entry, book: ReservationBook, now: datetime) -> None:
        reservation = entry.reservation
        self._entries[reservation.reservation_id] = entry
        if (instant := next_instant(entry, now)) is None:
            self._instants.drop(reservation.reservation_id)
            return
        self._instants.set(reservation.reservation_id, instant)
        for charger_id in book.chargers_at(reservation.place):
            self._troubles.setdefault(charger_id, NO_CAUSES)

    def _add(self, entries: Iterable[Entry], charges: Charges, now: datetime) -> None:
        for entry in entries:
            if may_be_due(entry, charges, now) or is_watched(entry, now):
                self.unsettled.add(entry.reservation.reservation_id)


async def _slices(items: Sequence[_Item], size: int) -> AsyncIterator[Sequence[_Item]]:
    """Yield slices of the items; other tasks of the loop run in between."""
    async for first in cooperatively(range(0, len(items), size)):
        yield items[first : first + size]


def _concerned_by(book: ReservationBook, charges: Charges, entry: Entry) -> Ids:
    """Return the reservations that the entry concerns: those of its holder, who may fulfil another one instead, and
    those of its groups, whose promises it shares."""
    holder = entry.reservation.holder
    concerned = {entry.reservation.reservation_id} | _ids(book.entries.of_holder(holder.withholding(())))
    for charge in charges.of(holder):
        concerned |= _held_by(book, charge)
    groups = book.groups_with(book.chargers_at(entry.reservation.place))
    return concerned | book.entries.ids_at(key_of_group(each.group_id) for each in groups)


def _held_by(book: ReservationBook, charge: Charge) -> Ids:
    return _ids(book.entries.naming(charge.identifier)) | _ids(book.entries.held_by(None, charge.vehicle_id))


def _at(book: ReservationBook, charger_id: ChargerId) -> Ids:
    """Return the reservations whose promise depends on the charger."""
    groups = book.groups_with(frozenset({charger_id}))
    keys = [key_of_charger(charger_id), *(key_of_group(each.group_id) for each in groups)]
    return set(book.entries.ids_at(keys))


def _ids(entries: Iterable[Entry]) -> Ids:
    return {each.reservation.reservation_id for each in entries}
