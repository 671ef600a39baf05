"""Whatever fails and whenever it looks, the process manager comes to what happened: each reservation is fulfilled by the first
charge of its holder in time, missed or ended, once."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_policy.application.ports.event_store import StoreUnavailable, VersionConflict
from access_policy.domain.ids import ChargerId, ReservationId
from access_policy.domain.reservations.entry import Outcome
from access_policy.domain.reservations.events import (
    ReservationFulfilled,
    ReservationNoShow,
    ReservationWindowEnded,
)
from access_policy.domain.reservations.reservation import Holder, HolderIdentifier, Place
from access_policy.domain.reservations.terms import ReservationTerms
from tests.support import reservations
from tests.support.depot_in_memory import BAY, DAY, OTHER_BAY, TENANT, DepotInMemory, HashedPseudonyms, rfid
from tests.support.lengths import Length
from tests.support.outages import FailingStore
from tests.support.stores import inline_memory_store
from tests.unit.reservation_lifecycle.lifecycle_in_memory import KEY, Gateway, outcomes, recorded, started, stopped

DAYS = Length(ci=20, soak=1_500, of="days of charges and outages")
QUARTER = timedelta(minutes=15)
CARDS = (rfid("04AAAAAAAAAAAA"), rfid("04BBBBBBBBBBBB"))
CHARGERS = (BAY, OTHER_BAY)
LAST = 40  # quarters of an hour


@dataclass(frozen=True)
class Charging:
    holder: int
    charger: ChargerId
    since: int
    lasting: int

    @property
    def until(self) -> int:
        return self.since + self.lasting


@dataclass(frozen=True)
class Promise:
    """One for each holder, at a charger of its own, so that the reference needs no matching."""

    holder: int
    charger: ChargerId
    start: int
    lasting: int
    early: int
    lost_after: int | None
    releases: bool

    def first(self, charges: list[Charging]) -> int | None:
        """The quarter at which the holder's first charge ran here while the reservation held."""
        lost = self.start + self.lasting if self.lost_after is None else self.start + min(self.lost_after, self.lasting)
        begins = self.start - self.early
        ran = [
            max(each.since, begins)
            for each in charges
            if (each.holder, each.charger) == (self.holder, self.charger) and each.until > begins
        ]
        return min((at for at in ran if at < lost), default=None)


@st.composite
def days(draw: st.DrawFn) -> tuple[list[Promise], list[Charging]]:
    promises = [
        Promise(
            holder,
            CHARGERS[holder],
            draw(st.integers(2, LAST - 12)),
            draw(st.integers(1, 8)),
            draw(st.integers(0, 2)),
            draw(st.none() | st.integers(1, 4)),
            draw(st.booleans()),
        )
        for holder in range(2)
    ]
    charges: list[Charging] = []
    for holder in range(2):
        free = 0
        for _ in range(draw(st.integers(0, 3))):
            since = free + draw(st.integers(0, 12))
            lasting = draw(st.integers(1, 6))
            if since + lasting >= LAST:
                break
            charges.append(Charging(holder, draw(st.sampled_from(CHARGERS)), since, lasting))
            free = since + lasting + 1
    return promises, charges


@st.composite
def troubles(draw: st.DrawFn) -> dict[int, str]:
    """What happens to the process manager in which quarter; it looks in all others."""
    return draw(
        st.dictionaries(
            st.integers(0, LAST - 1), st.sampled_from(("away", "away", "outage", "lost answer", "killed")), max_size=30
        )
    )


def instant(quarter: int) -> datetime:
    return DAY + QUARTER * quarter


async def live(promises: list[Promise], charges: list[Charging], trouble: dict[int, str]) -> DepotInMemory:
    """The quarters of the day, one after the other; two gateways look in each, where nothing keeps them."""
    depot = await DepotInMemory(inline_memory_store()).opened()
    depot.clock.set(instant(0))
    await recorded(depot, *(reservations.made(_reservation(each), at=instant(0)) for each in promises))
    store = FailingStore(depot.store)
    gateways = [Gateway(depot, store), Gateway(depot, store)]
    for quarter in range(LAST):
        depot.clock.set(instant(quarter))
        for number, each in enumerate(charges):
            if each.until == quarter:
                await stopped(depot, f"t{number}", charger=each.charger)
        for number, each in enumerate(charges):
            if each.since == quarter:
                await started(depot, CARDS[each.holder], f"t{number}", charger_id=each.charger)
        await _look(gateways, store, trouble.get(quarter, "look"))
        if trouble.get(quarter) == "killed":
            gateways = [gateways[0], Gateway(depot, store)]  # a new one reads the log from its beginning
    depot.clock.set(instant(LAST))
    for gateway in gateways:
        await gateway.settle()
    await depot.follow()
    return depot


async def _look(gateways: list[Gateway], store: FailingStore, trouble: str) -> None:
    if trouble in ("away", "killed"):
        return
    store.down, store.loses_answers = trouble == "outage", trouble == "lost answer"
    looks = await asyncio.gather(*(each.settle() for each in gateways), return_exceptions=True)
    store.down = store.loses_answers = False
    for each in looks:
        assert each is None or isinstance(each, StoreUnavailable | VersionConflict), each


def _reservation(promise: Promise) -> reservations.Reservation:
    ref = HashedPseudonyms().ref(TENANT, CARDS[promise.holder])
    return reservations.reservation(
        ReservationId(f"r{promise.holder}"),
        instant(promise.start),
        end=instant(promise.start + promise.lasting),
        place=Place(charger_id=promise.charger),
        holder=Holder(identifiers=(HolderIdentifier(ref=ref, sealed=""),)),
        terms=ReservationTerms(
            early_start_min=15 * promise.early,
            no_show_after_min=None if promise.lost_after is None else 15 * promise.lost_after,
            release_on_stop=promise.releases,
        ),
    )


@pytest.mark.soak(DAYS)
@hypothesis.settings(max_examples=DAYS.count, deadline=None, database=None)
@given(day=days(), trouble=troubles())
def test_outcomes_are_those_that_happened_whatever_failed(
    day: tuple[list[Promise], list[Charging]], trouble: dict[int, str]
) -> None:
    promises, charges = day
    depot = asyncio.run(live(promises, charges, trouble))
    book = depot.view.book(*KEY)
    events = asyncio.run(outcomes(depot))

    for promise in promises:
        entry = book.entry(ReservationId(f"r{promise.holder}"))
        first = promise.first(charges)
        assert entry.fulfilled_at == (None if first is None else instant(first))
        is_missed = first is None and promise.lost_after is not None
        assert entry.outcome is (Outcome.NO_SHOW if is_missed else Outcome.ENDED)
        assert entry.over_at is not None
        assert entry.over_at <= instant(promise.start + promise.lasting)
        if first is not None and not promise.releases:
            assert entry.over_at == instant(promise.start + promise.lasting)
    counted = Counter((type(each), each.reservation_id) for each in events if isinstance(each, FOLLOWING))
    assert all(times == 1 for times in counted.values()), counted


FOLLOWING = ReservationFulfilled | ReservationNoShow | ReservationWindowEnded
