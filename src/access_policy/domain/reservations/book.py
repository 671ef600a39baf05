"""ReservationBook: the reservation groups of one depot and its reservations, in one stream.

It never promises a charger twice, or more chargers of a group than the group has. Like the registry it is folded in place,
because it contains thousands of reservations; decisions only return events. A finished reservation is dropped a week after
its end. Source: seed 003 (bookings) and seed 001 (assignments).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from access_policy.domain.identifiers import IdentifierRef
from access_policy.domain.ids import (
    ActorId,
    AttemptId,
    ChargerId,
    DepotId,
    ReservationGroupId,
    ReservationId,
    checked_name,
)
from access_policy.domain.mode_schedule.timeline import ReservedWindow
from access_policy.domain.reservations import errors
from access_policy.domain.reservations.entries import Entries, key_of_charger, key_of_group
from access_policy.domain.reservations.entry import Entry, Outcome
from access_policy.domain.reservations.events import (
    ConflictKind,
    FollowingEvent,
    RequestedBy,
    ReservationCancelled,
    ReservationChanged,
    ReservationConflictDetected,
    ReservationEvent,
    ReservationFulfilled,
    ReservationGroupPut,
    ReservationMade,
    ReservationNoShow,
    ReservationSettingsPut,
    ReservationWindowEnded,
)
from access_policy.domain.reservations.promises import Chargers, first_shortfall, takers
from access_policy.domain.reservations.reservation import Place, Reservation, ReservationGroup, ReservationSource
from access_policy.domain.reservations.settings import ReservationSettings

GROUPS_MAX: Final = 50
RESERVATIONS_MAX: Final = 20_000
REASON_LENGTH_MAX: Final = 500
NAMED_MAX: Final = 3  # conflicting reservations that a message names
MOVED_AWAY: Final = "It was moved to another depot."
SHOWN_AS: Final = "%Y-%m-%dT%H:%MZ"


@dataclass(slots=True)
class ReservationBook:
    depot_id: DepotId
    groups: dict[ReservationGroupId, ReservationGroup] = field(default_factory=dict)
    group_changed_at: dict[ReservationGroupId, int] = field(default_factory=dict)
    entries: Entries = field(default_factory=Entries)
    version: int = 0
    settings: ReservationSettings = field(default_factory=ReservationSettings)
    settings_changed_at: int = 0

    def copy(self) -> ReservationBook:
        """Return an independent copy at this version."""
        return ReservationBook(
            self.depot_id,
            dict(self.groups),
            dict(self.group_changed_at),
            self.entries.copy(),
            self.version,
            self.settings,
            self.settings_changed_at,
        )

    # --- questions ------------------------------------------------------------------------------------------------

    def entry(self, reservation_id: ReservationId) -> Entry:
        """Raises `ReservationUnknown`."""
        if reservation_id not in self.entries.by_id:
            raise errors.ReservationUnknown(f"This depot has no reservation {reservation_id[:64]}.")
        return self.entries.by_id[reservation_id]

    def group(self, group_id: ReservationGroupId) -> ReservationGroup:
        """Raises `GroupUnknown`."""
        if group_id not in self.groups:
            raise errors.GroupUnknown(f"This depot has no reservation group {group_id[:64]}.", pointer="/group_id")
        return self.groups[group_id]

    def groups_with(self, charger_ids: Chargers) -> list[ReservationGroup]:
        """Return the groups that share chargers with these, directly or through other groups: their promises depend on
        each other.
        """
        found: dict[ReservationGroupId, ReservationGroup] = {}
        reached = charger_ids
        while more := [g for g in self.groups.values() if g.group_id not in found and g.charger_ids & reached]:
            found |= {group.group_id: group for group in more}
            reached = reached.union(*(group.charger_ids for group in more))
        return list(found.values())

    def windows_of(self, charger_id: ChargerId) -> tuple[ReservedWindow, ...]:
        """Return the windows in which reservations that name the charger make it managed, ordered by start."""
        windows = (each.window for each in self.entries.at_place(key_of_charger(charger_id)))
        return tuple(window for window in windows if window is not None)

    def chargers_at(self, place: Place) -> Chargers:
        """Return the charger, or the chargers of the group; none for an unknown group."""
        if place.group_id is not None:
            group = self.groups.get(place.group_id)
            return frozenset() if group is None else group.charger_ids
        return frozenset() if place.charger_id is None else frozenset({place.charger_id})

    def promised_at(self, place: Place, start: datetime, end: datetime, *, now: datetime) -> list[Reservation]:
        """Return the promises that overlap `[start, end)` at the place and at the groups and chargers on which it depends."""
        return self._promised(place, self.groups_with(self.chargers_at(place)), start, end, now)

    # --- groups ---------------------------------------------------------------------------------------------------

    def put_group(self, group: ReservationGroup, *, now: datetime) -> tuple[ReservationEvent, ...]:
        """Create or replace a group; an unchanged group produces no event. Raises `GroupFull` if more chargers are already
        promised than it would have, and the errors of `ReservationGroup.check`.
        """
        if self.groups.get(group.group_id) == group:
            return ()
        group.check()
        if group.group_id not in self.groups and len(self.groups) >= GROUPS_MAX:
            raise errors.TooManyGroups(f"This depot has {GROUPS_MAX} reservation groups already; use one of them.")
        groups = {each.group_id: each.charger_ids for each in (*self.groups.values(), group)}
        entries = self.entries.by_id.values()
        promised = [each.reservation for each in entries if each.is_promised(now)]
        if (short := first_shortfall(promised, groups, now)) is not None:
            conflicting = [each for each in promised if each.begins <= short < each.clears]
            raise errors.GroupFull(
                f"At {short:{SHOWN_AS}} more chargers would be promised than the group has ({_listed(conflicting)}); "
                "move or cancel a reservation first.",
                _ids(conflicting),
                pointer="/charger_ids",
            )
        return (ReservationGroupPut(depot_id=self.depot_id, group=group),)

    def put_settings(self, settings: ReservationSettings) -> tuple[ReservationEvent, ...]:
        """Change the settings; unchanged settings produce no event. Raises `ReservationInvalid`."""
        settings.check()
        if settings == self.settings:
            return ()
        return (ReservationSettingsPut(depot_id=self.depot_id, settings=settings),)

    # --- making, changing, cancelling -----------------------------------------------------------------------------

    def make(
        self, reservation: Reservation, *, made_by: ActorId, now: datetime, instead_of: ReservationId | None = None
    ) -> tuple[ReservationEvent, ...]:
        """Make a reservation; the same reservation again produces no event. `instead_of`: a reservation that the same commit
        cancels.

        Raises `ReservationInvalid`, `GroupUnknown`, `ReservationIdTaken`, `TooManyReservations`, `ChargerReserved` or
        `GroupFull`.
        """
        known = self.entries.by_id.get(reservation.reservation_id)
        if known is not None and known.reservation == reservation:
            return ()
        if known is not None:
            raise errors.ReservationIdTaken(
                f"Reservation {reservation.reservation_id} exists with other content; change it, or choose another id.",
                pointer="/reservation_id",
            )
        if len(self.entries.by_id) >= RESERVATIONS_MAX:
            raise errors.TooManyReservations(f"This depot has {RESERVATIONS_MAX} reservations already; cancel some.")
        self._check(reservation, now, instead_of)
        return (ReservationMade(depot_id=self.depot_id, reservation=reservation, made_by=made_by, made_at=now),)

    def receive(self, booking: Reservation, *, received_from: ActorId, now: datetime) -> tuple[ReservationEvent, ...]:
        """Receive a partner's booking: make it if its request is new, change it if its version is newer, and otherwise
        produce no event. Raises the errors of `make` and `change`.
        """
        assert booking.request is not None, "a partner's booking has a request"
        known = self.entries.by_request.get(booking.request.key)
        if known is None:
            return self.make(booking, made_by=received_from, now=now)
        last = self.entry(known).reservation.request
        if last is not None and booking.request.version <= last.version:
            return ()
        if self.entry(known).reason == MOVED_AWAY and self.entry(known).replaced_by is not None:
            return self.make(booking, made_by=received_from, now=now)  # it comes back
        renamed = replace(booking, reservation_id=known)
        return self.change(renamed, requested_by=RequestedBy.PARTNER, changed_by=received_from, now=now)

    def change(
        self, reservation: Reservation, *, requested_by: RequestedBy, changed_by: ActorId, now: datetime
    ) -> tuple[ReservationEvent, ...]:
        """Replace the content of the reservation with this id; the same event frees the old window.

        Raises `ReservationUnknown`, `ReservationOver`, `TooLateToChange` and the errors of `make`.
        """
        entry = self._live(reservation.reservation_id, now)
        if entry.reservation == reservation:
            return ()
        self._check_deadline(entry, requested_by, entry.reservation.terms.change_until_min, now)
        self._check(reservation, now)
        return (
            ReservationChanged(depot_id=self.depot_id, reservation=reservation, changed_by=changed_by, changed_at=now),
        )

    def review_token(
        self, party: str, token: IdentifierRef, *, is_valid: bool, reviewed_by: ActorId, now: datetime
    ) -> tuple[ReservationEvent, ...]:
        """Apply a party's declaration that a token of its drivers is valid or invalid: from now on its live bookings that
        name the token accept it, or do not. Deadlines for changes do not apply, and the bookings' promises do not change.
        """
        events = []
        for entry in self.entries.naming(token):
            booking = entry.reservation
            if booking.request is None or booking.request.party != party or entry.is_over(now):
                continue
            withheld = {each.ref for each in booking.holder.withheld} - {token} | (set() if is_valid else {token})
            holder = booking.holder.withholding(withheld)
            if set(holder.withheld) != set(booking.holder.withheld):
                reviewed = replace(booking, holder=holder)
                events.append(
                    ReservationChanged(
                        depot_id=self.depot_id, reservation=reviewed, changed_by=reviewed_by, changed_at=now
                    )
                )
        return tuple(events)

    def cancel(
        self,
        reservation_id: ReservationId,
        reason: str,
        *,
        requested_by: RequestedBy,
        cancelled_by: ActorId,
        now: datetime,
        request_version: int | None = None,
        replaced_by: ReservationId | None = None,
    ) -> tuple[ReservationEvent, ...]:
        """Cancel a reservation; a cancelled one produces no event. Raises `ReservationUnknown`, `ReservationOver` or
        `TooLateToChange`.
        """
        if self.entry(reservation_id).outcome is Outcome.CANCELLED:
            return ()
        entry = self._live(reservation_id, now)
        checked_name(reason, "reason", length_max=REASON_LENGTH_MAX)
        self._check_deadline(entry, requested_by, entry.reservation.terms.cancel_until_min, now)
        return (
            ReservationCancelled(
                depot_id=self.depot_id,
                reservation_id=reservation_id,
                requested_by=requested_by,
                cancelled_by=cancelled_by,
                reason=reason,
                cancelled_at=now,
                request_version=request_version,
                replaced_by=replaced_by,
            ),
        )

    def live_of_party(self, party: str, now: datetime) -> tuple[list[Entry], list[Entry]]:
        """Return the OCPI partner's bookings that have not begun, and those that have begun and are not over."""
        own = [self.entries.by_id[id_] for (of, _), id_ in self.entries.by_request.items() if of == party]
        live = [each for each in own if each.reservation.source is ReservationSource.OCPI and not each.is_over(now)]
        return [each for each in live if now < each.begins], [each for each in live if each.begins <= now]

    def cancel_all(
        self, entries: Sequence[Entry], reason: str, *, cancelled_by: ActorId, now: datetime
    ) -> tuple[ReservationEvent, ...]:
        """Cancel each of these reservations, all of which are live."""
        return tuple(
            event
            for each in entries
            for event in self.cancel(
                each.reservation.reservation_id,
                reason,
                requested_by=RequestedBy.OPERATOR,
                cancelled_by=cancelled_by,
                now=now,
            )
        )

    def move_away(
        self, booking: Reservation, successor_id: ReservationId, *, moved_by: ActorId, now: datetime
    ) -> tuple[ReservationEvent, ...]:
        """End this depot's promise for a partner's booking that another depot promises as `successor_id` from now on. The
        deadline for changes applies. Raises `ReservationOver` or `TooLateToChange`.
        """
        assert booking.request is not None, "a partner's booking has a request"
        entry = self._live(self.entries.by_request[booking.request.key], now)
        self._check_deadline(entry, RequestedBy.PARTNER, entry.reservation.terms.change_until_min, now)
        return (
            ReservationCancelled(
                depot_id=self.depot_id,
                reservation_id=entry.reservation.reservation_id,
                requested_by=RequestedBy.PARTNER,
                cancelled_by=moved_by,
                reason=MOVED_AWAY,
                cancelled_at=now,
                request_version=booking.request.version,
                replaced_by=successor_id,
            ),
        )

    def replace(
        self, reservation_id: ReservationId, successor: Reservation, reason: str, *, replaced_by: ActorId, now: datetime
    ) -> tuple[ReservationEvent, ...]:
        """Cancel the reservation and promise its place to the successor, in one step; repeating it produces no event.
        Raises the errors of `cancel` and `make`.
        """
        if self.entry(reservation_id).replaced_by == successor.reservation_id:
            return ()
        self._live(reservation_id, now)
        if successor.reservation_id in self.entries.by_id:
            raise errors.ReservationIdTaken(
                f"Reservation {successor.reservation_id} exists already; choose another id.", pointer="/reservation_id"
            )
        made = self.make(successor, made_by=replaced_by, now=now, instead_of=reservation_id)
        cancelled = self.cancel(
            reservation_id,
            reason,
            requested_by=RequestedBy.OPERATOR,
            cancelled_by=replaced_by,
            now=now,
            replaced_by=successor.reservation_id,
        )
        return (*cancelled, *made)

    # --- what became of it ----------------------------------------------------------------------------------------

    def fulfil(
        self, reservation_id: ReservationId, charger_id: ChargerId, attempt_id: AttemptId, *, at: datetime
    ) -> tuple[FollowingEvent, ...]:
        """Record that the holder's charge started at `at`. A second charge, or a charge after the reservation, produces no
        event. A charge that is reported late counts, even if a no-show or the window's end has been recorded.
        """
        entry = self.entry(reservation_id)
        if entry.fulfilled_at is not None or entry.outcome is Outcome.CANCELLED or entry.is_over(at):
            return ()
        fulfilled = ReservationFulfilled(
            depot_id=self.depot_id,
            reservation_id=reservation_id,
            charger_id=charger_id,
            attempt_id=attempt_id,
            fulfilled_at=at,
        )
        return (fulfilled,)

    def miss(self, reservation_id: ReservationId, *, now: datetime) -> tuple[FollowingEvent, ...]:
        """Record a no-show, once, as of the instant at which the reservation was lost and not before it."""
        entry = self.entry(reservation_id)
        if entry.outcome is not None or entry.lost_at is None or now < entry.lost_at:
            return ()
        return (ReservationNoShow(depot_id=self.depot_id, reservation_id=reservation_id, missed_at=entry.lost_at),)

    def end(self, reservation_id: ReservationId, *, session_active: bool, now: datetime) -> tuple[FollowingEvent, ...]:
        """Record that the window is over, or, before its end, that the end of the holder's charge released the
        reservation.
        """
        entry = self.entry(reservation_id)
        released = entry.fulfilled_at is not None and not session_active and entry.reservation.terms.release_on_stop
        if entry.outcome is not None or (now < entry.reservation.end and not released):
            return ()
        ended = ReservationWindowEnded(
            depot_id=self.depot_id,
            reservation_id=reservation_id,
            session_active=session_active,
            ended_at=min(now, entry.reservation.end),
        )
        return (ended,)

    def detect_conflict(
        self, reservation_id: ReservationId, kind: ConflictKind, cause: str, *, now: datetime
    ) -> tuple[FollowingEvent, ...]:
        """Record a conflict, once per kind and cause, and only for a live reservation."""
        entry = self.entry(reservation_id)
        if entry.is_over(now) or (kind, cause) in entry.conflicts:
            return ()
        return (
            ReservationConflictDetected(
                depot_id=self.depot_id, reservation_id=reservation_id, kind=kind, cause=cause, detected_at=now
            ),
        )

    # --- checks ---------------------------------------------------------------------------------------------------

    def _live(self, reservation_id: ReservationId, now: datetime) -> Entry:
        entry = self.entry(reservation_id)
        if entry.is_over(now):
            raise errors.ReservationOver(f"Reservation {reservation_id} is over; make a new one.")
        return entry

    def _check_deadline(self, entry: Entry, requested_by: RequestedBy, until_min: int, now: datetime) -> None:
        deadline = entry.reservation.start - timedelta(minutes=until_min)
        if requested_by is RequestedBy.PARTNER and now > deadline:
            raise errors.TooLateToChange(
                f"This was possible until {deadline:{SHOWN_AS}}, {until_min} minutes before the start; ask the operator."
            )

    def _check(self, reservation: Reservation, now: datetime, instead_of: ReservationId | None = None) -> None:
        """Check that the reservation could be promised beside all others except `instead_of`. Raises the errors of `make`."""
        reservation.check()
        if reservation.end <= now:
            raise errors.ReservationInvalid("The window is over already; give one in the future.", pointer="/end")
        if reservation.place.group_id is not None:
            self.group(reservation.place.group_id)
        groups = self.groups_with(self.chargers_at(reservation.place))
        near = [each for each in self.promised_near(reservation, groups, now) if each.reservation_id != instead_of]
        if taken := takers(reservation, near):
            raise errors.ChargerReserved(
                f"Charger {reservation.place.charger_id} is promised already at that time ({_listed(taken)}); choose "
                "another time or another charger.",
                _ids(taken),
                pointer="/charger_id",
            )
        chargers = {group.group_id: group.charger_ids for group in groups}
        short = first_shortfall([*near, reservation], chargers, reservation.begins, reservation.clears)
        if short is not None:
            conflicting = [each for each in near if each.begins <= short < each.clears]
            raise errors.GroupFull(
                f"At {short:{SHOWN_AS}} every charger of the group is promised already ({_listed(conflicting)}); choose "
                "another time, or add chargers to the group.",
                _ids(conflicting),
                pointer="/group_id" if reservation.place.group_id is not None else "/charger_id",
            )

    def promised_near(
        self, wanted: Reservation, groups: Iterable[ReservationGroup], now: datetime
    ) -> list[Reservation]:
        """Return the other promises whose time and place may overlap those of the requested one."""
        near = self._promised(wanted.place, groups, wanted.begins, wanted.clears, now)
        return [each for each in near if each.reservation_id != wanted.reservation_id]

    def _promised(
        self, place: Place, groups: Iterable[ReservationGroup], start: datetime, end: datetime, now: datetime
    ) -> list[Reservation]:
        chargers = self.chargers_at(place).union(*(group.charger_ids for group in groups))
        keys = [*map(key_of_charger, chargers), *(key_of_group(group.group_id) for group in groups)]
        return [each.reservation for each in self.entries.at_places(keys, start, end) if each.is_promised(now)]

    # --- folding --------------------------------------------------------------------------------------------------

    def follow(self, version: int, event: ReservationEvent) -> bool:
        """Fold the event that made the stream's `version`. Returns False and does nothing if it is already folded, or is
        not the next one.
        """
        if version != self.version + 1:
            return False
        self.apply(event)
        return True

    def apply(self, event: ReservationEvent) -> None:
        """Fold one event in place, without any decision."""
        self.version += 1
        match event:
            case ReservationGroupPut(group=group):
                self.groups[group.group_id] = group
                self.group_changed_at[group.group_id] = self.version
            case ReservationSettingsPut(settings=settings):
                self.settings, self.settings_changed_at = settings, self.version
            case ReservationMade(reservation=made):
                self.entries.forget_before(event.made_at)
                self.entries.put(Entry(reservation=made, made_at=event.made_at, changed_at=self.version))
            case ReservationChanged(reservation=changed):
                self._replace(changed.reservation_id, reservation=changed)
            case ReservationCancelled():
                self._apply_cancellation(event)
            case ReservationFulfilled():
                self._apply_fulfilment(event)
            case ReservationNoShow():
                self._finish(event.reservation_id, Outcome.NO_SHOW, event.missed_at)
            case ReservationWindowEnded():
                self._finish(event.reservation_id, Outcome.ENDED, event.ended_at, charges_on=event.session_active)
            case ReservationConflictDetected():
                known = self.entries.by_id[event.reservation_id].conflicts
                self._replace(event.reservation_id, conflicts=known | {(event.kind, event.cause)})

    def _apply_fulfilment(self, event: ReservationFulfilled) -> None:
        """Apply a fulfilment, including one that was reported after a recorded no-show."""
        missed = self.entries.by_id[event.reservation_id].outcome is Outcome.NO_SHOW
        self._replace(
            event.reservation_id,
            fulfilled_at=event.fulfilled_at,
            charger_id=event.charger_id,
            attempt_id=event.attempt_id,
            **({"outcome": Outcome.ENDED} if missed else {}),
        )

    def _apply_cancellation(self, event: ReservationCancelled) -> None:
        reservation = self.entries.by_id[event.reservation_id].reservation
        if reservation.request is not None and event.request_version is not None:
            request = replace(reservation.request, version=event.request_version)
            self._replace(event.reservation_id, reservation=replace(reservation, request=request))
        self._finish(
            event.reservation_id,
            Outcome.CANCELLED,
            event.cancelled_at,
            reason=event.reason,
            replaced_by=event.replaced_by,
        )

    def _finish(self, reservation_id: ReservationId, outcome: Outcome, at: datetime, **changes: Any) -> None:
        entry = self._replace(reservation_id, outcome=outcome, over_at=at, **changes)
        self.entries.keep_for_a_while(entry, at)

    def _replace(self, reservation_id: ReservationId, **changes: Any) -> Entry:
        entry = replace(self.entries.by_id[reservation_id], **changes, changed_at=self.version)
        self.entries.put(entry)
        return entry


def fold(depot_id: DepotId, events: Iterable[ReservationEvent]) -> ReservationBook:
    book = ReservationBook(depot_id)
    for event in events:
        book.apply(event)
    return book


def _ids(reservations: Iterable[Reservation]) -> list[ReservationId]:
    return [each.reservation_id for each in sorted(reservations, key=lambda each: (each.start, each.reservation_id))]


def _listed(reservations: Iterable[Reservation]) -> str:
    ids = _ids(reservations)
    more = f" and {len(ids) - NAMED_MAX} more" if len(ids) > NAMED_MAX else ""
    return ", ".join(ids[:NAMED_MAX]) + more
