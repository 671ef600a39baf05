"""The recorder finds due reservations from changes and from the time: the same ones as a look at every reservation, with
work in proportion to the changes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.application.reservation_lifecycle.sifting import Sifting
from access_policy.domain.ids import AttemptId, ChargerId, ReservationId, VehicleId
from access_policy.domain.reservations.book import ReservationBook
from access_policy.domain.reservations.charges import Charge, Charges
from access_policy.domain.reservations.conflicts import Trouble, Troubles, due_conflicts
from access_policy.domain.reservations.events import ConflictKind, FollowingEvent
from access_policy.domain.reservations.lifecycle import due_events
from access_policy.domain.reservations.reservation import Holder, Place, Reservation, ReservationSource
from access_policy.domain.reservations.terms import ReservationTerms
from tests.support.builders import BAY, NOON, NORTH, ref
from tests.support.lengths import Length
from tests.support.reservations import (
    BAY_2,
    BAY_3,
    BAY_4,
    FAST,
    booking,
    cancelled,
    card,
    changed,
    group_put,
    made,
    reservation,
)

HISTORIES = Length(ci=60, soak=3_000, of="histories of a depot's reservations, charges and faults")
BAYS = (BAY, BAY_2, BAY_3, BAY_4)
PLACES = (Place(group_id=FAST), *(Place(charger_id=each) for each in BAYS))
CARDS, VANS = ("p1", "p2", "p3"), (VehicleId("van-1"), VehicleId("van-2"))
QUARTER = timedelta(minutes=15)


@dataclass
class Depot:
    """A depot's state, as the recorder reads it; `step` changes it."""

    book: ReservationBook = field(default_factory=lambda: ReservationBook(NORTH))
    charges: Charges = field(default_factory=Charges)
    faulty: set[ChargerId] = field(default_factory=set)
    now: datetime = NOON
    made: int = 0

    def troubles_of(self, charger_ids: Collection[ChargerId]) -> Troubles:
        fault = [Trouble(kind=ConflictKind.FAULT, cause="GroundFailure")]
        return dict.fromkeys(self.faulty.intersection(charger_ids), fault)

    def step(self, draw: st.DataObject) -> None:
        named = draw.draw(
            st.sampled_from(("time", "time", "make", "change", "cancel", "start", "stop", "fault", "group"))
        )
        getattr(self, f"_{named}")(draw)

    def _time(self, draw: st.DataObject) -> None:
        self.now += QUARTER * draw.draw(st.integers(1, 40))

    def _make(self, draw: st.DataObject) -> None:
        self.made += 1
        self.book.apply(made(self._drawn(ReservationId(f"r{self.made}"), draw), self.now))

    def _change(self, draw: st.DataObject) -> None:
        live = [id_ for id_, each in self.book.entries.by_id.items() if each.outcome is None]
        if live:
            self.book.apply(changed(self._drawn(draw.draw(st.sampled_from(live)), draw), self.now))

    def _cancel(self, draw: st.DataObject) -> None:
        live = [id_ for id_, each in self.book.entries.by_id.items() if each.outcome is None]
        if live:
            self.book.apply(cancelled(self.now, draw.draw(st.sampled_from(live))))

    def _start(self, draw: st.DataObject) -> None:
        attempt_id = AttemptId(f"a{len(self.charges.by_attempt)}")
        self.charges.put(
            Charge(
                attempt_id=attempt_id,
                charger_id=draw.draw(st.sampled_from(BAYS)),
                connector_id=1,
                identifier=ref(draw.draw(st.sampled_from(CARDS))),
                vehicle_id=draw.draw(st.none() | st.sampled_from(VANS)),
                started_at=self.now - QUARTER * draw.draw(st.integers(-1, 8)),
            )
        )

    def _stop(self, draw: st.DataObject) -> None:
        running = [each for each in self.charges.by_attempt.values() if each.ended_at is None]
        if running:
            charge = draw.draw(st.sampled_from(running))
            self.charges.put(replace(charge, ended_at=max(self.now, charge.started_at)))

    def _fault(self, draw: st.DataObject) -> None:
        self.faulty ^= {draw.draw(st.sampled_from(BAYS))}

    def _group(self, draw: st.DataObject) -> None:
        self.book.apply(group_put(*draw.draw(st.sets(st.sampled_from(BAYS), min_size=2))))

    def _drawn(self, reservation_id: ReservationId, draw: st.DataObject) -> Reservation:
        cards = draw.draw(st.lists(st.sampled_from(CARDS), max_size=2, unique=True))
        holder = Holder(
            vehicle_id=draw.draw(st.none() | st.sampled_from(VANS)), identifiers=tuple(card(each) for each in cards)
        )
        values = {
            "place": draw.draw(st.sampled_from(PLACES)),
            "holder": holder.withholding([ref(each) for each in cards if draw.draw(st.booleans())]),
            "terms": ReservationTerms(
                early_start_min=draw.draw(st.sampled_from((0, 30))),
                no_show_after_min=draw.draw(st.sampled_from((None, 30))),
                release_on_stop=draw.draw(st.booleans()),
            ),
        }
        start = self.now + QUARTER * draw.draw(st.integers(-4, 120))
        if draw.draw(st.booleans()):
            return booking(reservation_id=reservation_id, start=start, **values)
        return reservation(reservation_id, start, source=ReservationSource.DISPATCH, **values)

    async def due(self, sifting: Sifting) -> list[FollowingEvent]:
        """Each a first one of its reservation, in the order in which they may be recorded."""
        await sifting.sift(self.book, self.charges, self.troubles_of, self.now)
        entries = [self.book.entries.by_id[each] for each in sorted(sifting.unsettled)]
        return [
            *due_conflicts(self.book, entries, self.troubles_of(BAYS), self.now),
            *due_events(self.book, entries, self.charges, self.now),
        ]


@pytest.mark.soak(HISTORIES)
@hypothesis.settings(max_examples=HISTORIES.count, deadline=None, database=None)
@given(draw=st.data())
def test_what_is_due_is_found_from_the_changes_as_by_a_look_at_all_reservations(draw: st.DataObject) -> None:
    asyncio.run(live(draw))


async def live(draw: st.DataObject) -> None:
    depot, sifting = Depot(), Sifting()
    depot.book.apply(group_put())
    for _ in range(draw.draw(st.integers(1, 25))):
        depot.step(draw)
        if draw.draw(st.integers(0, 3)) == 0:
            continue  # nobody looks
        while True:
            found, whole = await depot.due(sifting), await depot.due(Sifting())
            assert {each.reservation_id for each in found} == {each.reservation_id for each in whole}
            if not found or draw.draw(st.integers(0, 4)) == 0:  # or the store is down
                break
            sifting.unsettled.intersection_update({each.reservation_id for each in found})
            depot.book.apply(found[0])  # as if the store had taken the first, and then the next
        if not found:
            sifting.unsettled.clear()


async def test_one_change_among_many_reservations_has_few_looked_at() -> None:
    depot, sifting = Depot(), Sifting()
    for number in range(400):
        holder = Holder(identifiers=(card(f"holder {number}"),))
        promised = reservation(ReservationId(f"r{number}"), NOON + number * QUARTER, holder=holder, place=PLACES[4])
        depot.book.apply(made(promised))
    await sifting.sift(depot.book, depot.charges, depot.troubles_of, depot.now)
    assert len(sifting.unsettled) == 97, "those of the first 24 hours"
    sifting.unsettled.clear()

    depot.book.apply(cancelled(NOON, ReservationId("r7")))
    depot.book.apply(made(reservation(ReservationId("new"), holder=Holder(identifiers=(card("holder 9"),)))))
    await sifting.sift(depot.book, depot.charges, depot.troubles_of, depot.now)
    assert sifting.unsettled == {"new", "r9"}, "the new one, and another one of its holder"

    sifting.unsettled.clear()
    depot.now += QUARTER
    await sifting.sift(depot.book, depot.charges, depot.troubles_of, depot.now)
    assert sifting.unsettled == {"r1", "r97"}, "one begins, and one is watched from now on"


async def test_reservations_of_a_holder_are_looked_at_when_another_one_is_no_longer_theirs() -> None:
    depot, sifting = Depot(), Sifting()
    theirs = [reservation(ReservationId(f"r{number}"), holder=Holder(vehicle_id=VANS[0])) for number in (1, 2)]
    for each in theirs:
        depot.book.apply(made(each))
    await sifting.sift(depot.book, depot.charges, depot.troubles_of, depot.now)
    sifting.unsettled.clear()

    depot.book.apply(changed(replace(theirs[0], holder=Holder(vehicle_id=VANS[1]))))
    await sifting.sift(depot.book, depot.charges, depot.troubles_of, depot.now)

    assert sifting.unsettled == {"r1", "r2"}


async def test_promise_of_a_group_has_those_of_its_groups_looked_at() -> None:
    depot, sifting = Depot(), Sifting()
    depot.book.apply(group_put())
    depot.book.apply(made(reservation(ReservationId("group"), holder=Holder(vehicle_id=VANS[0]), place=PLACES[0])))
    depot.book.apply(made(reservation(ReservationId("apart"), holder=Holder(vehicle_id=VANS[0]), place=PLACES[4])))
    await sifting.sift(depot.book, depot.charges, depot.troubles_of, depot.now)
    sifting.unsettled.clear()

    depot.book.apply(made(reservation(ReservationId("bay"), holder=Holder(vehicle_id=VANS[1]), place=PLACES[1])))
    await sifting.sift(depot.book, depot.charges, depot.troubles_of, depot.now)

    assert sifting.unsettled == {"bay", "group"}
