"""Record the outcomes of reservations: fulfilled, missed, ended, in conflict.

Level-triggered: a check of a depot compares its state with that of the last check, and a full check follows every half
minute, so that a lost trigger, a restart or an outage of the store only costs time. Several processes may check
concurrently: the book accepts each event once, and the second writer of a version checks again. Decisions never wait
for the outcomes: they compare instants.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from access_policy.application.backoff import Backoff
from access_policy.application.context import SYSTEM, Context, new_id
from access_policy.application.decision_view.view import DecisionView
from access_policy.application.follower import Follower
from access_policy.application.mode_application.alarms import Alarms
from access_policy.application.ports.clock import Clock
from access_policy.application.ports.event_store import EventStore, StoreUnavailable, VersionConflict
from access_policy.application.repositories.reservation_books import ReservationBooks
from access_policy.application.reservation_lifecycle.holder_charges import DepotKey, HolderCharges
from access_policy.application.reservation_lifecycle.sifting import Sifting
from access_policy.application.reservation_lifecycle.troubles import troubles_now
from access_policy.domain.ids import ChargerId, ChargerKey, ReservationId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.conflicts import due_conflicts, is_watched
from access_policy.domain.reservations.entry import Entry
from access_policy.domain.reservations.events import FollowingEvent
from access_policy.domain.reservations.lifecycle import due_events

log = logging.getLogger(__name__)

LOOKED_AT_AT_A_TIME: Final = 20  # reservations, in one iteration of the event loop
RECORDED_AT_ONCE: Final = 200  # events, in one append


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderTimings:
    """Every depot is fully checked each `check_interval_s`, and a depot at most each `rest_s`."""

    check_interval_s: float = 30.0
    rest_s: float = 0.25
    caught_up_within_s: float = 5.0
    backoff_first_s: float = 0.5
    backoff_longest_s: float = 30.0


class NotCaughtUp(Exception):
    """The process does not know yet all charges that are in the log."""


@dataclass(slots=True)
class OutcomeRecorder:
    """Records outcomes; `follower` follows the log for `charges`."""

    view: DecisionView
    books: ReservationBooks
    charges: HolderCharges
    follower: Follower
    store: EventStore
    clock: Clock
    timings: RecorderTimings = field(default_factory=RecorderTimings)
    _dirty: set[DepotKey] = field(default_factory=set)
    _siftings: dict[DepotKey, Sifting] = field(default_factory=dict)
    _alarms: Alarms[DepotKey, datetime] = field(default_factory=Alarms)
    _retries: Alarms[DepotKey, float] = field(default_factory=Alarms)  # monotonic instants
    _backoffs: dict[DepotKey, Backoff] = field(default_factory=dict)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.view.on_book_change(self.trigger)
        self.view.on_policy_change(self._charger_changed)
        self.charges.on_change(self.trigger)

    def trigger(self, depot: DepotKey) -> None:
        """Check the depot soon. Safe from any callback on the event loop."""
        self._dirty.add(depot)
        self._woken.set()

    async def run(self) -> None:
        """Run until cancelled."""
        look_at = 0.0
        while True:
            now, tick = self.clock.now(), time.monotonic()
            if tick >= look_at:
                self._dirty.update(depot for depot, _ in self.view.books())
                self._siftings.clear()
                look_at = tick + self.timings.check_interval_s
            self._dirty.update(self._alarms.ring(now))
            self._dirty.update(self._retries.ring(tick))
            due, self._dirty = sorted(self._dirty), set()
            for depot in due:
                await self._look_or_try_again(depot)
            if due:
                await asyncio.sleep(self.timings.rest_s)
            await self._wait(look_at)

    async def check(self, depot: DepotKey) -> int:
        """Record everything that is due at the depot now; return the number of reservations concerned. Raises
        `StoreUnavailable`, `VersionConflict` or `NotCaughtUp`: check again later."""
        now, ended = self.clock.now(), self.charges.ended(depot, self.view.position)
        due = await self._due_at(depot, now)
        if due:
            await self._record(depot, due)
        else:
            self.charges.forget_ended(depot, ended)
        return len(due)

    async def settle(self, depot: DepotKey) -> None:
        """Check until nothing is due. Raises what `look` raises."""
        while await self.check(depot):
            pass

    # --- a check
    # ---------------------------------------------------------------------------------------------------------

    async def _due_at(self, depot: DepotKey, now: datetime) -> list[ReservationId]:
        """Return the reservations for which something is due, as far as this process knows, and set the alarm for the
        next one."""
        book, sifting = self.view.book(*depot), self._siftings.setdefault(depot, Sifting())
        await sifting.sift(book, self.charges.of(depot), lambda those: troubles_now(self.view, *depot, those, now), now)
        if (upcoming := sifting.next_instant()) is None:
            self._alarms.drop(depot)
        else:
            self._alarms.set(depot, upcoming)
        due: dict[ReservationId, None] = {}
        near = sorted(sifting.unsettled)
        for first in range(0, len(near), LOOKED_AT_AT_A_TIME):
            await asyncio.sleep(0)
            found = self._events_of(depot, book, near[first : first + LOOKED_AT_AT_A_TIME], now)
            due |= dict.fromkeys(each.reservation_id for each in found)
        sifting.unsettled.intersection_update(due)
        return list(due)

    def _events_of(
        self, depot: DepotKey, book: ReservationBook, ids: Sequence[ReservationId], now: datetime
    ) -> list[FollowingEvent]:
        entries = [book.entries.by_id[each] for each in ids if each in book.entries.by_id]
        watched = [each for each in entries if is_watched(each, now)]
        troubles = troubles_now(self.view, *depot, _chargers_of(book, watched), now)
        return [
            *due_conflicts(book, watched, troubles, now),
            *due_events(book, entries, self.charges.of(depot), now),
        ]

    async def _record(self, depot: DepotKey, ids: Sequence[ReservationId]) -> None:
        """Decide again with the book and the charges that are recorded now, and append."""
        position = await self.store.last_position()
        if not await self.follower.wait_until(position, timeout_s=self.timings.caught_up_within_s):
            raise NotCaughtUp
        context = Context(tenant_id=depot[0], actor=SYSTEM, correlation_id=new_id())
        async with self.books.locked(*depot) as book:
            now = self.clock.now()
            events = self._events_of(depot, book, ids[:RECORDED_AT_ONCE], now)
            await self.books.record(context, book, tuple(events), now=now)

    # --- the loop -----------------------------------------------------------------------------------------------------

    async def _look_or_try_again(self, depot: DepotKey) -> None:
        try:
            if await self.check(depot):
                self.trigger(depot)
        except (StoreUnavailable, VersionConflict, NotCaughtUp) as trouble:
            log.info("the outcomes of reservations at depot %s will be recorded later: %r", depot[1], trouble)
        except Exception:  # the edge of the loop: one depot's failure must not end it
            log.exception("checking the reservations of depot %s failed", depot[1])
            self._siftings.pop(depot, None)  # it may have recorded changes as seen that were not processed
        else:
            self._backoffs.pop(depot, None)
            self._retries.drop(depot)
            return
        backoff = self._backoffs.setdefault(
            depot, Backoff(self.timings.backoff_first_s, self.timings.backoff_longest_s, shortest_s=0.05)
        )
        self._retries.set(depot, time.monotonic() + backoff.next_s())

    def _charger_changed(self, key: ChargerKey) -> None:
        policy = self.view.known_policy(*key)
        if policy is not None and self.view.book(key[0], policy.settings.depot_id).entries.by_id:
            self.trigger((key[0], policy.settings.depot_id))

    async def _wait(self, look_at: float) -> None:
        """Wait until the next trigger, alarm, retry or full check, whichever comes first."""
        tick = time.monotonic()
        monotonic = min(look_at, self._retries.next() or look_at) - tick
        alarm = self._alarms.next()
        wall = timedelta(seconds=self.timings.check_interval_s) if alarm is None else alarm - self.clock.now()
        try:
            async with asyncio.timeout(max(0.0, min(monotonic, wall.total_seconds()))):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()


def _chargers_of(book: ReservationBook, entries: Sequence[Entry]) -> set[ChargerId]:
    """Return all chargers on which the promises of these entries depend."""
    chargers: set[ChargerId] = set()
    for entry in entries:
        here = book.chargers_at(entry.reservation.place)
        chargers |= here
        if entry.reservation.place.group_id is not None:
            chargers = chargers.union(*(group.charger_ids for group in book.groups_with(here)))
    return chargers
